"""Receipts beside the images: what nodes leave for the next driver when theirs is gone."""

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from batchgen.errors import StorageError
from batchgen.model import Receipt
from batchgen.model.plain import dump, load
from batchgen.storage import Workspace
from batchgen.storage.images import Bucket

FOLDER = "batchgen/receipts"
MOST_BYTES = 1_000_000


class Receipts(Protocol):
    """Keeps small texts by the ids of attempts. Every method blocks; StorageError when the store refuses."""

    def put(self, receipt: Receipt) -> None:
        """Keep a receipt, durably."""

    def get(self, attempt_id: str) -> Receipt | None:
        """Return a receipt; None when there is none."""

    def remove(self, attempt_id: str) -> None:
        """Throw one away; harmless when there is none."""


class FolderReceipts:
    """Receipts in a folder that several machines share."""

    def __init__(self, root: Path) -> None:
        self._place = Workspace(root)

    def put(self, receipt: Receipt) -> None:
        self._place.write(_path(receipt.attempt_id), dump(receipt).encode())

    def get(self, attempt_id: str) -> Receipt | None:
        if not self._place.exists(_path(attempt_id)):
            return None
        with self._place.open(_path(attempt_id)) as file:
            return _read(file.read(MOST_BYTES), attempt_id)

    def remove(self, attempt_id: str) -> None:
        self._place.remove(_path(attempt_id))


class BucketReceipts:
    """Receipts as objects of a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put(self, receipt: Receipt) -> None:
        self._bucket.replace(_path(receipt.attempt_id), dump(receipt).encode(), {"Content-Type": "application/json"})

    def get(self, attempt_id: str) -> Receipt | None:
        data = self._bucket.read(_path(attempt_id), MOST_BYTES)
        return None if data is None else _read(data, attempt_id)

    def remove(self, attempt_id: str) -> None:
        """Delete the object; one that stays is in nobody's way."""
        with suppress(StorageError):
            self._bucket.delete(_path(attempt_id))


def _path(attempt_id: str) -> str:
    return f"{FOLDER}/{attempt_id}.json"


def _read(data: bytes, attempt_id: str) -> Receipt:
    try:
        return load(Receipt, data.decode())
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{_path(attempt_id)}: not a receipt of this program: {error!r}") from error
