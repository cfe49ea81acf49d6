"""Where images are kept: one protocol, and the stores that keep it."""

from batchgen.storage.images.local import LocalStore
from batchgen.storage.images.store import IMAGES, SIDECAR, SUPERSEDED, ImageStore, NewImage, StoredFile

__all__ = ["IMAGES", "SIDECAR", "SUPERSEDED", "ImageStore", "LocalStore", "NewImage", "StoredFile"]
