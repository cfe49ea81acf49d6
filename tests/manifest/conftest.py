"""Manifests for tests: written as text, read as jobs."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from batchgen.errors import InputError, Problem, Severity
from batchgen.manifest import expand, load
from batchgen.manifest.rendered_row import InvalidRow
from batchgen.manifest.rows.table import Skipped
from batchgen.model import Job


class Context:
    """A folder in which a test writes files and reads manifests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: str | bytes) -> Path:
        """Put a file there; text is written as UTF-8, line ends as they stand."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def image(self, name: str, colour: str = "red", size: tuple[int, int] = (4, 3)) -> Path:
        """Put a PNG there."""
        out = io.BytesIO()
        Image.new("RGB", size, colour).save(out, "PNG")
        return self.write(name, out.getvalue())

    def items(self, text: str, name: str = "m.yaml") -> list[Job | Problem | Skipped]:
        """Everything that a manifest expands to; of what cannot be a job, why."""
        items = expand(load(self.write(name, text)))
        return [one for item in items for one in (item.problems if isinstance(item, InvalidRow) else (item,))]

    def jobs(self, text: str, name: str = "m.yaml") -> list[Job]:
        """Return the jobs of a manifest in which nothing is wrong and nothing skipped."""
        items = [item for item in self.items(text, name) if getattr(item, "severity", None) is not Severity.WARNING]
        assert all(isinstance(item, Job) for item in items), items
        return [item for item in items if isinstance(item, Job)]

    def complaints(self, text: str | bytes, name: str = "m.yaml") -> list[str]:
        """Say what loading says of a manifest, each complaint without its folder."""
        path = self.write(name, text)
        try:
            load(path)
        except InputError as error:
            return [str(problem).replace(f"{self.folder}/", "") for problem in error.problems]
        return []


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Return an empty folder of one test."""
    return Context(tmp_path)


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Context]:
    """One folder for all examples of a property, which each overwrite what they use."""
    folder = tmp_path_factory.mktemp("context")
    return lambda: Context(folder)
