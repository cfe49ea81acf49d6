"""One job, from request to outcome: permit, reserve, execute, settle; retry and top-up live here and nowhere else."""

from batchgen.worker.bench import Bench, told
from batchgen.worker.decide import TRANSIENT, Again, Next, Over, Policy, Tally, Wait, decide, mismatch, state_of
from batchgen.worker.saying import Words, said
from batchgen.worker.standing import standing
from batchgen.worker.stops import Stops
from batchgen.worker.work import Task, Worker

__all__ = [
    "TRANSIENT",
    "Again",
    "Bench",
    "Next",
    "Over",
    "Policy",
    "Stops",
    "Tally",
    "Task",
    "Wait",
    "Words",
    "Worker",
    "decide",
    "mismatch",
    "said",
    "standing",
    "state_of",
    "told",
]
