"""What a finished manifest costs that is run again, as cron does every night."""

import os
import subprocess
import sys
from pathlib import Path

HEAVY = ("PIL", "aiohttp", "jinja2", "numpy", "obstore", "openpyxl", "pandas", "pyarrow", "ray", "uvloop", "xlsxwriter")
"""Libraries that call, draw, read other tables than CSV, or write reports."""
CODE = f"""import sys; from batchgen.cli.main import main; status = main(sys.argv[1:])
print(*sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr); sys.exit(status)"""
MANIFEST = """\
name: lamps
provider: mock
jobs: [{id: "{{ sku }}", rows: lamps.csv, prompt: "A lamp {{ sku }}"}]
"""


def loaded(folder: Path) -> list[str]:
    """Run the manifest in a process of its own; gives the heavy libraries that it loaded."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", CODE, "run", "lamps.yaml", "--quiet"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.split()


def test_a_finished_manifest_loads_neither_what_calls_nor_what_draws(tmp_path: Path) -> None:
    """The run that draws needs them, the one after it does not."""
    (tmp_path / "lamps.yaml").write_text(MANIFEST)
    (tmp_path / "lamps.csv").write_text("sku\nred\nblue\n")
    assert "aiohttp" in loaded(tmp_path)
    assert loaded(tmp_path) == []
