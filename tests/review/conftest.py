"""A folder with pictures that somebody looks at, and a mock server that draws and bills."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchgen import app
from batchgen.ledger import Ledger
from batchgen.app.keeping import opened
from tests.rehearsal import KEYS, Ended, Rehearsal, rehearsal

JOBS = [{"id": name, "prompt": f"A {name}", "n": 2} for name in ("lamp", "chair", "stool")]


@dataclass
class Looked(Rehearsal):
    """A rehearsal whose pictures are looked at."""

    @property
    def folder(self) -> Path:
        """The output folder."""
        return self.root / "output" / "scene"

    def scene(self, *jobs: Mapping[str, Any], **settings: Any) -> Path:
        """The manifest, with these jobs or the usual ones."""
        return self.manifest(jobs or JOBS, **settings)

    def pictures(self) -> dict[str, bytes]:
        """Every file below `images/` with its bytes."""
        images = self.folder / "images"
        return {path.relative_to(images).as_posix(): path.read_bytes() for path in images.rglob("*") if path.is_file()}

    def decision(self, ended: Ended, job: str, slot: int, decision: str, note: str = "") -> dict[str, Any]:
        """What somebody says of a picture as a run's report tells of it."""
        (row,) = (row for row in ended.images(job) if row["slot"] == str(slot))
        told = {"job": job, "key": row["job_key"], "slot": slot, "sha256": row["sha256"]}
        return {**told, "decision": decision, "note": note}

    def review(self, *decisions: Mapping[str, Any]) -> Any:
        """Give decisions as the page exports them."""
        path = self.root / "review.json"
        path.write_text(json.dumps({"batchgen_review": 1, "decisions": decisions}), "utf-8")
        return app.review(path, self.folder)

    def agree(self, ended: Ended) -> None:
        """The server's bill, the ledger and the report say the same, and the books have no fault."""
        assert ended.charged == self.billed
        rows = ended.table("jobs")
        assert sum(int(row["confirmed_micro_usd"]) + int(row["estimated_micro_usd"]) for row in rows) == self.billed
        with self.books() as ledger:
            assert ledger.audit() == ()

    def books(self) -> Any:
        """The ledger, for reading."""
        return _books(self.folder)


def _books(folder: Path) -> Ledger:
    context = opened(folder, readonly=True)

    class Books:
        def __enter__(self) -> Ledger:
            return context.__enter__()[0]

        def __exit__(self, *error: object) -> None:
            context.__exit__(*error)

    return Books()  # type: ignore[return-value]


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looked]:
    """Such a folder, at the official provider's address, which is the mock's."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    defaults = {"quality": "low", "size": "1024x1024", "output_format": "webp"}
    with rehearsal(tmp_path, {"provider": "openai", "defaults": defaults}) as ready:
        yield Looked(ready.root, ready.handle, ready.settings)
