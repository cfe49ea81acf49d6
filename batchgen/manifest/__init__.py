"""Manifests: file -> checked `Manifest` -> lazy stream of jobs with keys; what is wrong or doubtful in them."""

from typing import Any

from batchgen.manifest.census import Census, check
from batchgen.manifest.draft import Skipped, Wrong
from batchgen.manifest.expand import expand
from batchgen.manifest.key import key, resolve
from batchgen.manifest.lint import lint
from batchgen.manifest.load import Manifest, load, read

__all__ = [
    "Census",
    "Manifest",
    "Skipped",
    "Wrong",
    "check",
    "expand",
    "key",
    "lint",
    "load",
    "read",
    "resolve",
    "schema",
]


def schema() -> dict[str, Any]:
    """Give the JSON Schema of a YAML or JSON manifest, for editors."""
    from batchgen.manifest import form

    return form.schema()
