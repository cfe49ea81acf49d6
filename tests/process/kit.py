"""What the trials of processes and of kills share."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RAM = Path("/dev/shm")


@contextmanager
def ram_folder(otherwise: Path) -> Iterator[Path]:
    """An empty folder on a RAM disk where there is one: a kill needs no real disk, and many trials need speed."""
    if not RAM.is_dir():
        yield otherwise
        return
    folder = Path(tempfile.mkdtemp(prefix="batchgen-", dir=RAM))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
