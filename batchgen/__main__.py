"""`python -m batchgen` is the command `batchgen`."""

import sys

from batchgen.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
