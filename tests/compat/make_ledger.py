"""Made `ledger-0.1.0/`, with the code of version 0.1.0 (b8e2466). It is never made again: its worth is its age.

`python -m tests.compat.make_ledger FOLDER` makes another one in a new folder, when a later schema is to be kept too.
"""

import json
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from tests.compat.commands import Commands
from tests.compat.samples import manifest
from tests.compat.scene import Scene

MORE = "on_uncertain: hold\nbudget: {month: 50}\nlimits: {concurrency: 2}\noutput: {sidecars: true}\n"
STATES = {
    "stored": "",
    "changed": "",
    "approved": "",
    "rejected": "",
    "moderated": "[[mock: fault=moderation_input]]",
    "failed": "[[mock: fault=status_400]]",
    "uncertain": "[[mock: fault=reset_before_headers]]",
    "lost": "[[mock: fault=url_private]]",
    "waiting": "[[mock: fault=download_404]]",
    "estimated": "[[mock: fault=usage_missing]]",
    "nothing": "[[mock: fault=b64_garbage]]",
}
LEFT = {"stalled": "[[mock: latency=600]]", "spooled": "[[mock: latency=2]]"}
CENTURY = "3153600000"


def jobs(words: dict[str, str]) -> list[str]:
    """Return a job for each state, in small pictures."""
    small = "size: 1024x640, output_format: webp, output_compression: 1"
    return [
        f'{{id: {name}, n: {1 + (name == "stored")}, {small}, prompt: "A {name} picture {how}"}}'
        for name, how in words.items()
    ]


def make(folder: Path) -> None:
    """Two runs: one leaves every state behind, one is killed behind an answer that it had spooled."""
    with tempfile.TemporaryDirectory() as place, Commands(Path(place)) as commands:
        work = Path(place) / "work"
        work.mkdir()
        scene = Scene(work, commands)
        url = scene.mock("--url-seconds", CENTURY)
        run = ("run", "old.yaml", "--base-url", url, "--output", "folder", "--max-cost", "5")
        scene.write("old.yaml", manifest("old", *jobs(STATES), more=MORE, provider="openai"))
        scene.batchgen(*run)
        scene.review("folder", ("approved", 0, "approved", "as it is"), ("rejected", 0, "rejected", "with a hat"))
        scene.replace("old.yaml", "A changed picture", "A very changed picture")
        scene.batchgen(*run)
        scene.write("old.yaml", manifest("old", *jobs(STATES | LEFT), more=MORE, provider="openai"))
        scene.replace("old.yaml", "A changed picture", "A very changed picture")
        ended = commands.run(*run, cwd=work, die_behind="answer.json")
        assert ended.status == -9, ended
        _keep(work, folder, url)


def _keep(work: Path, folder: Path, url: str) -> None:
    """Keep what a ledger is read with, and the picture that waits at its address."""
    folder.mkdir()
    shutil.copy(work / "old.yaml", folder)
    unseen = shutil.ignore_patterns("report", ".lock", "*-wal", "*-shm", "ledger.db")
    shutil.copytree(work / "folder", folder / "folder", ignore=unseen)
    with closing(sqlite3.connect(work / "folder" / "ledger.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        waiting = db.execute(
            "SELECT url FROM images WHERE url LIKE ? AND state = 'not_started'", [f"{url[:-3]}%"]
        ).fetchone()
    shutil.copy(work / "folder" / "ledger.db", folder / "folder")
    (folder / "made.json").write_text(json.dumps({"base_url": url, "waiting": waiting[0]}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
