"""`python -m dfr_sizing` is `dfr-size`."""

from dfr_sizing.cli import main

if __name__ == "__main__":
    main()
