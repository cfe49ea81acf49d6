"""Where attempts are made: each sent once, decoded as it arrives, stored. Nothing here ever tries again."""

from batchgen.executor.batch_client import BatchRefusedError
from batchgen.executor.batches import ProviderBatches
from batchgen.executor.local import LocalExecutor, Wires
from batchgen.executor.part_writer import bring_home
from batchgen.executor.protocol import Came, Executor, MakeExecutor
from batchgen.executor.several import Executors

__all__ = [
    "BatchRefusedError",
    "Came",
    "Executor",
    "Executors",
    "LocalExecutor",
    "MakeExecutor",
    "ProviderBatches",
    "Wires",
    "bring_home",
]
