"""What people change of a run at work: whether it starts calls, how many at once, and what it may cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from batchgen.app.control.orders import Answer, By, Do, Order
from batchgen.model import Budget, Limits
from batchgen.money import MicroUSD, exact


@dataclass
class Steering:
    """Where a run is steered to. `most` calls at once can be made room for.

    Money goes up to the budget of the day and the month, and from the page no higher than what the run began with.
    `takes_redraws`: it draws by calls and has not drawn all that it had.
    """

    limits: Limits
    budget: Budget | None = None
    most: int = 1000
    paused: bool = False
    is_ending: Callable[[], bool] = lambda: False
    takes_redraws: Callable[[], bool] = lambda: False
    concurrency: int = field(init=False)
    max_cost: MicroUSD | None = field(init=False)

    def __post_init__(self) -> None:
        self.concurrency, self.max_cost = self.limits.concurrency, self.limits.max_cost

    @property
    def highest(self) -> MicroUSD | None:
        """What the page may raise the limit of the run to; None where nothing bounds it."""
        return min(self._bounds(By.PAGE), default=None)

    def take(self, order: Order | None) -> Answer:
        """Take an order, or say why not; nothing of one that is refused is done."""
        if order is None:
            return Answer(taken=False, why="this is no order that a run can read")
        if self.is_ending():
            return Answer(taken=False, why="the run is ending already")
        if order.do is Do.SET:
            return self._change(order)
        if order.do is Do.REDRAW:
            return Answer(taken=self.takes_redraws(), why="" if self.takes_redraws() else _NO_REDRAWS)
        self.paused = order.do is Do.PAUSE or (self.paused and order.do is Do.DRAIN)
        return Answer(taken=True, why=_TOLD[order.do])

    def _change(self, order: Order) -> Answer:
        if why := "; ".join(self._wrong(order)):
            return Answer(taken=False, why=why)
        told = []
        if order.concurrency is not None:
            self.concurrency = order.concurrency
            told.append(f"at most {order.concurrency} at once")
        if order.max_cost is not None:
            self.max_cost = order.max_cost
            told.append(f"at most {exact(order.max_cost)} in this run")
        return Answer(taken=True, why=", ".join(told))

    def _wrong(self, order: Order) -> Iterator[str]:
        """Say what of a change is not allowed, and what is."""
        calls, cost = order.concurrency, order.max_cost
        if calls is None and cost is None:
            yield "nothing to change: give concurrency=N or max_cost=USD"
        if calls is not None and not (type(calls) is int and 1 <= calls <= self.most):
            yield f"concurrency is a whole number from 1 to {self.most}"
        if cost is None:
            return
        if type(cost) is not int or cost < 0:
            yield "max_cost is an amount in dollars"
            return
        bound = min(self._bounds(order.by), default=None)
        if bound is not None and cost > bound:
            yield f"max_cost is at most {exact(bound)} here: {self._why(bound)}"

    def _bounds(self, by: By) -> Iterator[MicroUSD]:
        """Go through what the limit of the run stays below."""
        if self.budget:
            yield from (one for one in (self.budget.day, self.budget.month) if one is not None)
        if by is By.PAGE and self.limits.max_cost is not None:
            yield self.limits.max_cost

    def _why(self, bound: MicroUSD) -> str:
        if self.budget and bound in {self.budget.day, self.budget.month}:
            return f"that is the budget of the {'day' if bound == self.budget.day else 'month'}"
        return "the run began with it, and only batchgen control raises it"


_NO_REDRAWS = "it draws in batches, has not begun or draws no more: run --rejected does it when this run has ended"
_TOLD = {
    Do.PAUSE: "paused: nothing new starts, what is under way ends",
    Do.RESUME: "it goes on",
    Do.DRAIN: "draining: it ends when what is under way has ended",
}
