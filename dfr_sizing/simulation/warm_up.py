"""Importing this module makes the engine ready: its compiled code is loaded, or made where there is none yet.

The server that worker processes are forked from imports it, so that it is done once, beside the search for bounds.
"""

from __future__ import annotations

import gc

gc.disable()  # what is imported stays: no need to look through it for garbage

from dfr_sizing.model import RequestCost
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.replicate import replicate
from dfr_sizing.simulation.run import Job
from dfr_sizing.simulation.system import Cpu, Disk, System

_COST = RequestCost(0.01, 0.01, 0.5, 6.0, 1, 1.0, 1.0, 0.0, 1.0)
_HOSTS = System((Cpu(1), Cpu(1)), (0,), 1, 1, 8, 0, Disk(100.0, 0.001, 0.001, 1e8))

replicate(Job(_HOSTS, (Stream("warm_up", 10.0, _COST, miss_ratio=1.0),), 2.0, 1, 0.95, 1), 0)
gc.enable()
