"""Manifests: file -> checked `Manifest` -> lazy stream of jobs with keys; what is wrong or doubtful in them."""

from batchgen.manifest.expand import expand
from batchgen.manifest.homes import WHOLE, Part
from batchgen.manifest.key import former_keys, resolve
from batchgen.manifest.lint import lint
from batchgen.manifest.load import Manifest, load, read
from batchgen.manifest.summary import ManifestSummary, check

__all__ = [
    "WHOLE",
    "Manifest",
    "ManifestSummary",
    "Part",
    "check",
    "expand",
    "former_keys",
    "lint",
    "load",
    "read",
    "resolve",
]
