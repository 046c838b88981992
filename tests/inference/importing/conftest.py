"""What tests of the importer share."""

import pytest


@pytest.fixture(autouse=True)
def one_process(shared_trials: None) -> None:
    """Have every test of this folder try its graphs in the process of the one before."""
