"""Bytes become durable files; what stands there is what the ledger says stands there."""

from batchgen.storage.decode import decode_check, sha256_of
from batchgen.storage.facts import ImageFacts, sniff
from batchgen.storage.images import ImageStore, LocalStore, NewImage, StoredFile
from batchgen.storage.spool import Part, PartFacts, Spool
from batchgen.storage.workspace import Workspace
