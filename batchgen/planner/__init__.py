"""What would happen, and why: the same pairing of manifest and ledger as a run's, with nothing sent."""

from batchgen.planner.chain import Chain, in_order
from batchgen.planner.deciding import Action, Choices, changes, decide
from batchgen.planner.estimate import CostRow, Estimate, TagRow, Tally
from batchgen.planner.pairing import Pairing, Planned
from batchgen.planner.reach import Frontier, Reach, Shortfall
from batchgen.pricing import Cost

__all__ = [
    "Action",
    "Chain",
    "Choices",
    "Cost",
    "CostRow",
    "Estimate",
    "Frontier",
    "Pairing",
    "Planned",
    "Reach",
    "Shortfall",
    "TagRow",
    "Tally",
    "changes",
    "decide",
    "in_order",
]
