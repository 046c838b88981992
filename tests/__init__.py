"""Tests. What all their processes inherit is set here, before anything else is imported.

Python keeps what it compiled, also where an environment says otherwise, as those of containers often do: hundreds of
processes are started here, and each would compile all of gancam, a third of its time. PyTorch computes with one thread:
the networks are tiny, there are more processes than cores, and threads that wait for each other keep those busy.
"""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("OMP_NUM_THREADS", "1")
