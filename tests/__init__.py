"""Tests. Python keeps what it compiled, also where an environment says otherwise, as those of containers often do.

Hundreds of processes are started here: without that, each compiles all of gancam, a third of the time that it takes.
"""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
