"""The command line: `dfr-size`."""

import os
from typing import NoReturn

from dfr_sizing.cli.stop import Stopped, end_stopped, listen


def main() -> NoReturn:
    """Run `dfr-size`. It listens for Ctrl-C before it imports anything that takes long."""
    listen()
    # Matrices are small here: OpenBLAS's threads find nothing to do, and wait for it on the workers' cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from dfr_sizing.cli.main import main as run

        run()
    except Stopped:
        end_stopped()


__all__ = ["main"]
