"""Manifests: file -> checked `Manifest` -> lazy stream of jobs with keys; what is wrong or doubtful in them."""

from collections.abc import Mapping
from typing import Any

from batchgen.manifest.expand import expand
from batchgen.manifest.homes import WHOLE, Part
from batchgen.manifest.key import former_keys, key, resolve
from batchgen.manifest.lint import lint
from batchgen.manifest.load import Manifest, load, read
from batchgen.manifest.rendered_row import InvalidRow
from batchgen.manifest.rows.table import Skipped
from batchgen.manifest.summary import ManifestSummary, check

__all__ = [
    "WHOLE",
    "InvalidRow",
    "Manifest",
    "ManifestSummary",
    "Part",
    "Skipped",
    "check",
    "expand",
    "former_keys",
    "json_schema",
    "key",
    "lint",
    "load",
    "read",
    "resolve",
]


def json_schema(opened: Mapping[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Give the JSON Schema of a YAML or JSON manifest, for editors; `opened` are a provider's further parameters."""
    from batchgen.manifest import schema

    return schema.json_schema(opened or {})
