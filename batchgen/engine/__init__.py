"""One job, from request to outcome: permit, reserve, execute, settle; retry and top-up live here and nowhere else."""

from batchgen.engine.additions import Additions
from batchgen.engine.auto_route import AutoRoute
from batchgen.engine.batch_collector import BatchCollector
from batchgen.engine.batch_submitter import BatchSubmitter
from batchgen.engine.collector import Collector
from batchgen.engine.context import RunContext, told
from batchgen.engine.decide import Again, Next, Over, Policy, Tally, Wait, decide, mismatch, state_of
from batchgen.engine.group_by_prompt import Words, said
from batchgen.engine.job_runner import JobRunner, Task
from batchgen.engine.job_status import job_status
from batchgen.engine.lane import Lane, shares
from batchgen.engine.open_items import LeftOpen
from batchgen.engine.stop_reasons import StopReasons

__all__ = [
    "Additions",
    "Again",
    "AutoRoute",
    "BatchCollector",
    "BatchSubmitter",
    "Collector",
    "JobRunner",
    "Lane",
    "LeftOpen",
    "Next",
    "Over",
    "Policy",
    "RunContext",
    "StopReasons",
    "Tally",
    "Task",
    "Wait",
    "Words",
    "decide",
    "job_status",
    "mismatch",
    "said",
    "shares",
    "state_of",
    "told",
]
