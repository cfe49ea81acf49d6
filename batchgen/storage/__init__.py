"""Bytes become durable files in the output folder; what stands there is what the ledger says stands there."""

from batchgen.storage.decode import decode_check, sha256_of
from batchgen.storage.facts import ImageFacts, sniff
from batchgen.storage.folder import SIDECAR, Folder
from batchgen.storage.spool import Part, PartFacts, Spool

__all__ = ["SIDECAR", "Folder", "ImageFacts", "Part", "PartFacts", "Spool", "decode_check", "sha256_of", "sniff"]
