"""The command line `tintoon`: one file for each group of commands, put together in `app.py`."""

from studio.cli.app import main

__all__ = ["main"]
