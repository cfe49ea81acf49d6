"""The command line: words become options, outcomes become words and an exit status; nothing else happens here."""

from batchgen.cli.entry import main

__all__ = ["main"]
