"""The command line: `dfr-size`."""

from typing import NoReturn

from dfr_sizing.cli.stop import Stopped, end_stopped, listen


def main() -> NoReturn:
    """Run `dfr-size`. It listens for Ctrl-C before it imports anything that takes long."""
    listen()
    try:
        from dfr_sizing.cli.main import main as run

        run()
    except Stopped:
        end_stopped()


__all__ = ["main"]
