"""What would happen, and why: the same pairing of manifest and ledger as a run's, with nothing sent."""

from batchgen.planner.canaries import Canaries
from batchgen.planner.chain import Chain
from batchgen.planner.decision import Action, Choices, changes, decide
from batchgen.planner.estimate import CostRow, Estimate, TagRow, Tally
from batchgen.planner.pairing import Pairing, Planned
from batchgen.planner.reach import Frontier, Reach, Shortfall
from batchgen.planner.waiting import BY_PEOPLE, Waiting
