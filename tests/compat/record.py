"""Record fixtures with the code of this tree: `python -m tests.compat.record NAME...` (all samples without a name).

A fixture is the contract: read README.md before you record one again.
"""

import sys
import tempfile
from pathlib import Path

from tests.compat import fixture, old_ledger
from tests.compat.commands import Commands
from tests.compat.samples import SAMPLES, perform
from tests.compat.scene import Scene

LEDGER = "ledger-0.1.0"


def main(names: list[str]) -> None:
    """Perform the samples, and write down what they did."""
    with tempfile.TemporaryDirectory() as folder, Commands(Path(folder)) as commands:
        for name in names or (*SAMPLES, LEDGER):
            work = Path(folder) / name
            work.mkdir()
            scene = Scene(work, commands)
            fixture.write(name, old_ledger.perform(scene) if name == LEDGER else perform(name, scene))


if __name__ == "__main__":
    main(sys.argv[1:])
