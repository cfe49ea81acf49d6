"""What would happen, and why: the same pairing of manifest and ledger as a run's, with nothing sent."""

from batchgen.plan.estimate import CostRow, Estimate, TagRow, Tally
from batchgen.plan.pairing import Action, Choices, Cost, Planned, changes, decide, plan

__all__ = [
    "Action",
    "Choices",
    "Cost",
    "CostRow",
    "Estimate",
    "Planned",
    "TagRow",
    "Tally",
    "changes",
    "decide",
    "plan",
]
