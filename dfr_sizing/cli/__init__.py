"""The command line: `dfr-size`."""

from dfr_sizing.cli.main import main

__all__ = ["main"]
