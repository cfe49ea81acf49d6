"""Names what comes of an image by a hash of what was asked: another recipe or check, or another program, is another."""

import hashlib

from batchgen.model import Checks, Recipe
from batchgen.model.plain import dump

VERSION = 2
"""Part of each hash: what was made is made again when this program makes it otherwise."""


def digest(asked: Recipe | Checks) -> str:
    """Hash everything of a recipe or of checks that decides what comes of an image."""
    return hashlib.sha256(f"{VERSION} {dump(asked)}".encode()).hexdigest()[:16]
