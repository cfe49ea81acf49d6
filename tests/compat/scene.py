"""A folder in which a sample gives its commands; what they do is written down."""

import csv
import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.compat.commands import Commands
from tests.compat.outputs import forms, observed, printed

INPUTS = Path(__file__).with_name("inputs")


@dataclass
class Scene:
    """Commands are given in `work`; `told` is what a fixture holds of them."""

    work: Path
    commands: Commands
    told: list[dict[str, Any]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def take(self, *names: str) -> None:
        """Copy files of `inputs/`, or a whole folder of them."""
        for name in names:
            source = INPUTS / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, self.work / name)

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        (self.work / name).write_text(text, "utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit a file."""
        text = (self.work / name).read_text("utf-8")
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new))

    def batchgen(self, *words: str) -> None:
        """Give a command, and write down how it ended and what it printed for scripts."""
        if words[0] in {"run", "adopt"}:
            self._let_a_second_begin(words)
        ended = self.commands.run(*words, cwd=self.work)
        assert ended.status not in {1, 70}, f"{words}: {ended.err}"
        shown = ["<address>" if word in self.addresses else word for word in words]
        told = {"command": " ".join(["batchgen", *shown]), "exit": ended.status}
        self.told.append({**told, "stdout": printed(words, ended.out, self.work)})

    def _let_a_second_begin(self, words: tuple[str, ...]) -> None:
        """Wait until this run is named after another second than those before: by their names they are put in order."""
        named = words[words.index("--output") + 1] if "--output" in words else f"output/{Path(words[1]).stem}"
        output = self.work / (words[1] if words[0] == "adopt" else named)
        latest = max((path.name for path in output.glob("runs/*")), default="")
        while time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime()) <= latest[:20]:
            time.sleep(0.01)

    def mock(self, *words: str) -> str:
        """Start a mock server; gives its base URL."""
        self.addresses.append(self.commands.mock(*words, cwd=self.work))
        return self.addresses[-1]

    def look(self, output: str, *, whole: bool = False, ordered: bool = True) -> None:
        """Write down what scripts rely on of an output folder; `whole` adds what is alike in every folder.

        Chained jobs are reported in the order in which their inputs came: nobody can rely on it (`ordered`).
        """
        found = observed(self.work / output, self.work) | (forms(self.work / output, self.work) if whole else {})
        for table in () if ordered else found["tables"].values():
            table["rows"].sort()
        self.told.append({"look": output, **found})

    def row(self, output: str, job: str, slot: int = 0) -> dict[str, str]:
        """Return a picture in the report of an output folder."""
        with (self.work / output / "report" / "images.csv").open(encoding="utf-8", newline="") as file:
            return next(row for row in csv.DictReader(file) if (row["job_id"], row["slot"]) == (job, str(slot)))

    def decisions(self, output: str, *said: tuple[str, int, str, str]) -> list[dict[str, Any]]:
        """Job, slot, decision and note of pictures, as the report page exports them."""
        rows = [(self.row(output, job, slot), decision, note) for job, slot, decision, note in said]
        return [
            {
                "job": row["job_id"],
                "key": row["job_key"],
                "slot": int(row["slot"]),
                "sha256": row["sha256"],
                "decision": decision,
                "note": note,
            }
            for row, decision, note in rows
        ]

    def review(self, output: str, *said: tuple[str, int, str, str]) -> None:
        """Decide about pictures, in the file that the report page exports."""
        decisions = self.decisions(output, *said)
        self.write("review.json", json.dumps({"batchgen_review": 1, "decisions": decisions}))
        self.batchgen("review", "review.json", output)
