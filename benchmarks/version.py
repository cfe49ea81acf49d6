"""Version 0.1.0 of batchgen, taken out of the repository's history: what later ones are compared with."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

FIRST = "b8e2466"
HERE = Path(__file__).parent.parent


def version_0_1_0(folder: Path) -> str:
    """Unpack it below `folder`; the reason why it cannot be used, empty when it can."""
    try:
        archive = subprocess.run(
            ["git", "-C", str(HERE), "archive", FIRST, "batchgen"], capture_output=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return f"skipped: the repository's history, with version 0.1.0 ({FIRST}), is not here"
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    asked = [sys.executable, "-c", "import batchgen; print(batchgen.__file__); import batchgen.cli.commands.run"]
    answer = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
    if answer.returncode or not Path(answer.stdout.strip()).is_relative_to(folder):
        return f"skipped: version 0.1.0 does not run here: {answer.stderr[-300:] or answer.stdout}"
    return ""
