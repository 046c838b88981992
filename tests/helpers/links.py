"""Symbolic links, which on Windows need a privilege that few have."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


def can_link() -> bool:
    """Whether a symbolic link can be made here."""
    with TemporaryDirectory() as folder:
        try:
            os.symlink("nothing", Path(folder) / "link")
        except OSError:
            return False
        return True


needs_links = pytest.mark.skipif(not can_link(), reason="links need a privilege here")
