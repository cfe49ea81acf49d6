"""Where images are kept: one protocol, and the stores that keep it."""

from batchgen.storage.images.bucket import Bucket
from batchgen.storage.images.cache import Cache
from batchgen.storage.images.local import LocalStore
from batchgen.storage.images.objects import ObjectStore
from batchgen.storage.images.shared_folder import SharedFolder
from batchgen.storage.images.store import IMAGES, SIDECAR, SUPERSEDED, ImageStore, NewImage, StoredFile
