"""A folder with images that somebody looks at, and a mock server that draws and bills."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.output.maintain import opened
from batchgen.app.review.decisions import ReviewResult, review
from tests.rehearsal import KEYS, Ended, Rehearsal, rehearsal

DEFAULTS = {"quality": "low", "size": "1024x1024", "output_format": "webp"}


@dataclass
class Looked(Rehearsal):
    """A rehearsal whose images are looked at."""

    @property
    def folder(self) -> Path:
        """The output folder."""
        return self.root / "output" / "scene"

    def images(self) -> dict[str, bytes]:
        """Every file below `images/` with its bytes."""
        folder = self.folder / "images"
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def aside(self) -> set[bytes]:
        """Say what lies in `superseded/`."""
        return {path.read_bytes() for path in (self.folder / "superseded").rglob("*") if path.is_file()}

    def said(self, ended: Ended, job: str, slot: int, decision: str, note: str = "") -> dict[str, Any]:
        """Say what somebody says of an image, as a run's report shows it."""
        (row,) = (row for row in ended.images(job) if row["slot"] == str(slot))
        told = {"job": job, "key": row["job_key"], "slot": slot, "sha256": row["sha256"]}
        return {**told, "decision": decision, "note": note}

    def review(self, *decisions: Mapping[str, Any]) -> ReviewResult:
        """Give decisions as the page exports them."""
        path = self.root / "review.json"
        path.write_text(json.dumps({"batchgen_review": 1, "decisions": decisions}), "utf-8")
        return review(path, self.folder)

    def agree(self, ended: Ended) -> None:
        """Return the server's bill, the ledger and the report say the same, and the books have no fault."""
        assert ended.charged == self.billed
        rows = ended.table("jobs")
        assert sum(int(row["confirmed_micro_usd"]) + int(row["estimated_micro_usd"]) for row in rows) == self.billed
        with opened(self.folder, readonly=True) as output:
            assert output.ledger.accounts.audit() == ()


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looked]:
    """Such a folder, at the official provider's address, which is the mock's."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with rehearsal(tmp_path, {"provider": "openai", "defaults": DEFAULTS}) as ready:
        yield Looked(ready.root, ready.handle, ready.settings)
