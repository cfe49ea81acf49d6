"""What a run prints, and that nobody has to read it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchgen.mock import Rule
from tests.patience import PATIENCE
from tests.process.launcher import KEY, ROOT, Launcher
from tests.process.world import World, world

pytestmark = pytest.mark.sample(2)

STARTS = {"OPENAI_API_KEY": KEY, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}


def shell(trial: World, script: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script in which `$RUN` is the command."""
    command = " ".join([sys.executable, "-m", "batchgen", *trial.words])
    return subprocess.run(
        ["sh", "-c", script],
        cwd=trial.folder,
        env={**STARTS, "HOME": str(trial.folder), "RUN": command, **env},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )


def test_quiet_prints_nothing_when_all_is_well(fresh: Path, launcher: Launcher) -> None:
    """Not a byte, on either stream: cron sends no mail."""
    with world(fresh, launcher, 1, jobs=3) as trial:
        child = trial.start(None, "--quiet")
        assert child.wait() == 0
        assert (child.told, child.said) == ("", "")


def test_quiet_prints_little_when_something_is_wrong(fresh: Path, launcher: Launcher) -> None:
    """At most forty lines: what happened, what it cost, what to do next; one job in ten is refused."""
    with world(fresh, launcher, 2, jobs=60, rules=(Rule("400_invalid", "0 of the catalogue"),)) as trial:
        child = trial.start(None, "--quiet")
        assert child.wait() == 3
        lines = (child.told + child.said).splitlines()
        assert 3 < len(lines) <= 40
        assert any(line.startswith("next ") for line in lines)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("exec $RUN >&- 2>&- <&-", 0),
        ("{ $RUN 2>&1; echo $? >&3; } 3>status | true; exit $(cat status)", 0),
        ("exec $RUN >/dev/full", 8),
        ("exec $RUN 2>/dev/full", 0),
    ],
    ids=["closed", "reader who left", "full stdout", "full stderr"],
)
def test_nobody_reads(fresh: Path, launcher: Launcher, script: str, status: int) -> None:
    """Streams that are closed, gone or full cost no image and no money."""
    with world(fresh, launcher, 3, jobs=3) as trial:
        assert shell(trial, script).returncode == status
        assert len(trial.look().stored) == trial.wanted
        assert trial.calls == 3


@pytest.mark.slow
def test_the_poorest_environment(fresh: Path, launcher: Launcher) -> None:
    """In ASCII and on 40 columns, with names that are neither: all is well."""
    with world(fresh, launcher, 4, jobs=2) as trial:
        manifest = fresh / "m.yaml"
        manifest.write_text(manifest.read_text().replace("job-", "Möbel-素-").replace("name: torture", "name: Käse"))
        env = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict", "COLUMNS": "40"}
        done = shell(trial, "exec $RUN", **env)
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
        assert len(trial.look().stored) == trial.wanted


def test_a_terminal_shows_a_bar_and_leaves_a_clean_line(fresh: Path, launcher: Launcher) -> None:
    """On a terminal of its own, without a limit: below five dollars nobody is asked."""
    with world(fresh, launcher, 5, jobs=2) as trial:
        manifest = fresh / "m.yaml"
        manifest.write_text(manifest.read_text().replace(", max_cost: 100", ""))
        leader, follower = os.openpty()
        child = subprocess.Popen(
            [sys.executable, "-m", "batchgen", *trial.words],
            cwd=fresh,
            env={**STARTS, "HOME": str(fresh), "TERM": "xterm", "COLUMNS": "40"},
            stdin=follower,
            stdout=follower,
            stderr=follower,
        )
        os.close(follower)
        seen = b""
        try:
            while piece := os.read(leader, 65536):
                seen += piece
        except OSError:
            pass  # the terminal ends with its last process
        os.close(leader)
        assert child.wait() == 0, seen
        assert b"every wanted image is stored" in seen
