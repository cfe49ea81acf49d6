"""A provider that misbehaves by the dice and keeps a bill of its own: an `Executor` without a wire, in virtual time."""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from random import Random

from batchgen import catalog
from batchgen.errors import StorageError
from batchgen.executor.protocol import Came
from batchgen.model import (
    Attempt,
    Charge,
    Echo,
    Lost,
    Mismatch,
    Missing,
    Pending,
    Phase,
    Receipt,
    Remedy,
    RemoteImage,
    StoredImage,
    Usage,
    Verdict,
)
from batchgen.providers.api_error import ApiError
from batchgen.providers.decode import BodyKind
from batchgen.providers.verdict import CallEvidence, TransportError, judge
from tests.catalog.factory import output_tokens

QUOTA = (
    CallEvidence(
        Phase.COMPLETE, status=429, body=BodyKind.JSON, complaint=ApiError("insufficient_quota", "insufficient_quota")
    ),
    CallEvidence(
        Phase.COMPLETE, status=400, body=BodyKind.JSON, complaint=ApiError("billing_hard_limit_reached", "", "limit")
    ),
    CallEvidence(Phase.COMPLETE, status=402, body=BodyKind.EMPTY),
)
REVOKED = CallEvidence(Phase.COMPLETE, status=401, body=BodyKind.JSON, complaint=ApiError("invalid_api_key"))
DOOMED = CallEvidence(
    Phase.COMPLETE, status=400, body=BodyKind.JSON, complaint=ApiError("invalid_value", message="Invalid size")
)


@dataclass(frozen=True, slots=True)
class Weather:
    """How often calls end how (weights by the names of `Sky`'s methods), how long they take, and what goes for good.

    From the call with the number `no_quota_from` or `no_key_from` on, everything is refused. `dear` multiplies what is
    counted and billed. `per_minute` is the provider's own limit of images. Jobs in `doomed`, `poisoned` and
    `blocked` (by id) always end in 400, in 500 and in moderation. `disk_full_from`: answers that cannot be stored.
    `bills_failures`: a provider that bills every call that it served, whatever came of it. `script`: how the first
    calls for a job (by id) end; `give:2` gives two images.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {"whole": 1.0})
    seconds: tuple[float, float] = (5.0, 60.0)
    no_quota_from: int | None = None
    no_key_from: int | None = None
    disk_full_from: int | None = None
    quota_form: int = 0
    dear: int = 1
    per_minute: int | None = None
    tells_wait: bool = True
    doomed: frozenset[str] = frozenset()
    poisoned: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    charged_part: float = 0.7
    bills_failures: bool = False
    script: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    late_downloads: float = 0.2
    lost_downloads: float = 0.05


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the provider's bill."""

    attempt: Attempt
    micro_usd: int
    images: int


class Sky:
    """Serves attempts as the weather has it; what it billed, saw and gave stands in its own books."""

    def __init__(
        self,
        weather: Weather,
        seed: object,
        waiting: dict[str, Attempt],
        on_bill: Callable[[], None] = lambda: None,
        accepted: dict[str, Receipt] | None = None,
    ) -> None:
        self.weather = weather
        self.chance = Random(repr(seed))
        self.on_bill = on_bill
        self.waiting = waiting
        self.accepted = {} if accepted is None else accepted
        self._ready: dict[str, float] = {}
        self.bill: list[Line] = []
        self.calls: list[Attempt] = []
        self.verdicts: list[tuple[Attempt, Verdict]] = []
        self.given: Counter[tuple[str, int]] = Counter()
        self.in_flight = 0
        self.most_in_flight = 0
        self.in_flight_at_refusal: int | None = None
        self.after_refusal = 0
        self._starts: list[tuple[float, int]] = []

    @property
    def billed(self) -> int:
        """Micro-dollars billed so far."""
        return sum(line.micro_usd for line in self.bill)

    def calls_of(self) -> Mapping[str, list[Verdict]]:
        """Verdicts in their order, by job key."""
        found = defaultdict[str, list[Verdict]](list)
        for attempt, verdict in self.verdicts:
            found[attempt.job_key].append(verdict)
        return found

    # ---- the Executor ------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Be there."""
        yield

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        """Serve attempts."""
        return [await self._execute(attempt) for attempt in attempts]

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        """Fetch images that wait at addresses, and tell of what was accepted; what was only under way is lost."""
        return [await self._fetch(one) if isinstance(one, Pending) and one.remote else self._told(one) for one in open]

    async def forget(self, attempt_id: str) -> None:
        """Keep nothing anyway."""

    def _told(self, one: Pending | Attempt) -> Came:
        attempt_id = one.id if isinstance(one, Attempt) else one.attempt_id
        receipt = self.accepted.get(attempt_id)
        if receipt is None:
            return Lost(attempt_id, "the run ended before the answer was whole")
        if asyncio.get_running_loop().time() < self._ready.get(attempt_id, 0.0):
            return Pending(attempt_id, "task")
        mine = next((call for call in self.calls if call.id == attempt_id), None)
        if mine and mine not in [attempt for attempt, _ in self.verdicts]:
            self.verdicts.append((mine, receipt.verdict))
        return receipt

    async def _execute(self, attempt: Attempt) -> Came:
        assert attempt.id not in {call.id for call in self.calls[-200:]}, "an attempt is made once"
        self.calls.append(attempt)
        self.after_refusal += self.in_flight_at_refusal is not None
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._serve(attempt, len(self.calls))
        finally:
            self.in_flight -= 1

    async def _serve(self, attempt: Attempt, number: int) -> Came:
        begin = asyncio.get_running_loop().time()
        receipt = await self._end(attempt, number)
        if isinstance(receipt, Lost):
            self.verdicts.append((attempt, Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "lost")))
            return receipt
        if isinstance(receipt, Pending):
            return receipt
        assert asyncio.get_running_loop().time() - begin <= attempt.deadline + 15, "every call ends in time"
        self.verdicts.append((attempt, receipt.verdict))
        if receipt.verdict.remedy in {Remedy.STOP_ACCOUNT, Remedy.PROBE_ACCOUNT} and self.in_flight_at_refusal is None:
            self.in_flight_at_refusal = self.in_flight - 1
        return receipt

    async def _end(self, attempt: Attempt, number: int) -> Came:
        weather = self.weather
        fixed = self._fixed(attempt, number)
        if fixed is not None:
            await self._pass(0.05, 1.5)
            return self._refused(attempt, fixed)
        if weather.per_minute and (wait := self._too_many(attempt.n)):
            await self._pass(0.05, 0.5)
            told = {"retry-after": f"{wait:.0f}"} if weather.tells_wait else {}
            return self._refused(attempt, CallEvidence(Phase.COMPLETE, status=429, headers=told, body=BodyKind.JSON))
        receipt = await self._draw(attempt)
        if not isinstance(receipt, Receipt):
            return receipt
        if weather.disk_full_from is not None and number >= weather.disk_full_from and receipt.images:
            self._take_back(receipt, attempt)
            raise StorageError("/out: the disk is full: free some space, the same command goes on")
        return receipt

    async def _draw(self, attempt: Attempt) -> Came:
        """Follow the script of the job, and then the dice."""
        weights = self.weather.weights
        asked = (attempt.job_key, attempt.request)
        before = sum((call.job_key, call.request) == asked for call in self.calls) - 1
        script = self.weather.script.get(attempt.job_id, ())[before:]
        name = script[0] if script else self.chance.choices(list(weights), list(weights.values()))[0]
        if name.startswith("give:"):
            await self._pass()
            return self._drawn(attempt, min(int(name[5:]), attempt.n))
        receipt: Came = await getattr(self, name)(attempt)
        return receipt

    def _fixed(self, attempt: Attempt, number: int) -> CallEvidence | None:
        weather = self.weather
        if weather.no_quota_from is not None and number >= weather.no_quota_from:
            return QUOTA[weather.quota_form]
        if weather.no_key_from is not None and number >= weather.no_key_from:
            return REVOKED
        if attempt.job_id in weather.doomed:
            return DOOMED
        if attempt.job_id in weather.poisoned:
            self._charge(attempt, part=0.5)
            return CallEvidence(Phase.COMPLETE, status=500, body=BodyKind.JSON, complaint=ApiError(message="oops"))
        if attempt.job_id in weather.blocked:
            return self._blocking("input", 0.8)
        return None

    def _too_many(self, n: int) -> float:
        now = asyncio.get_running_loop().time()
        self._starts = [(at, weight) for at, weight in self._starts if at > now - 60]
        if sum(weight for _, weight in self._starts) + n <= (self.weather.per_minute or 0):
            self._starts.append((now, n))
            return 0.0
        return max(1.0, self._starts[0][0] + 60 - now) if self._starts else 60.0

    async def _fetch(self, one: Pending) -> Came:
        """Give the image at an address, or not now, or never."""
        await self._pass(0.1, 5)
        fate = self.chance.random()
        if fate < self.weather.lost_downloads:
            return Lost(one.attempt_id, "HTTP 410")
        if fate < self.weather.lost_downloads + self.weather.late_downloads:
            return replace(one, why="HTTP 503")
        asked, remote = one.attempt, one.remote
        assert asked is not None, "it is still known what was asked"
        assert remote is not None, "and where it waits"
        slot = remote.slot
        attempt = self.waiting[f"{one.attempt_id}/{slot}"]
        image = self._image(attempt, slot, ())
        assert image.path == f"images/{asked.path(slot, 'png')}", "an image goes where its call wanted it"
        assert asked.request == attempt.request, "it is still known what was asked"
        assert attempt.replaces in {None, asked.replaces}, "it is still known whose place it takes"
        return Receipt(attempt.id, Phase.COMPLETE, Verdict(Charge.YES, Remedy.NONE), images=(image,))

    # ---- how a call may end ------------------------------------------------------------------------------------------

    async def whole(self, attempt: Attempt) -> Receipt:
        """Everything that was asked."""
        await self._pass()
        return self._drawn(attempt, attempt.n)

    async def short(self, attempt: Attempt) -> Receipt:
        """Fewer images, for the price of all or of those that came; perhaps none."""
        await self._pass()
        drawn = self.chance.randrange(attempt.n + 1)
        return self._drawn(attempt, drawn, billed=self.chance.choice((attempt.n, drawn or 1)))

    async def none(self, attempt: Attempt) -> Receipt:
        """Return a charged answer with nothing in it."""
        await self._pass()
        return self._drawn(attempt, 0)

    async def odd_usage(self, attempt: Attempt) -> Receipt:
        """Everything, and nonsense about what it cost."""
        await self._pass()
        receipt = self._drawn(attempt, attempt.n)
        good = receipt.usage or Usage()
        nonsense = (
            None,
            Usage(),
            replace(good, output=0),
            replace(good, output=-5),
            replace(good, text_in=None, total=None),
            replace(good, output=(good.output or 1) * 1000),
            replace(good, output=None),
        )
        return replace(receipt, usage=self.chance.choice(nonsense))

    async def other_model(self, attempt: Attempt) -> Receipt:
        """Everything, said to be of another size."""
        await self._pass()
        return replace(self._drawn(attempt, attempt.n), echo=Echo(size="1024x1536", quality="medium"))

    async def unlike(self, attempt: Attempt) -> Receipt:
        """Everything, in another size than was asked."""
        await self._pass()
        return self._drawn(attempt, attempt.n, mismatches=(Mismatch.SIZE,))

    async def address(self, attempt: Attempt) -> Receipt:
        """Everything, at addresses."""
        await self._pass()
        receipt = self._drawn(attempt, attempt.n)
        self._take_back(receipt, attempt)
        self.waiting |= {f"{attempt.id}/{slot}": attempt for slot in attempt.slots}
        remote = tuple(RemoteImage(p.slot, f"https://x.test/{attempt.id}/{p.slot}") for p in receipt.images)
        return replace(receipt, images=(), remote=remote)

    async def later(self, attempt: Attempt) -> Pending:
        """Check that accepted; what was drawn, perhaps too little, is told later."""
        await self._pass(0.1, 5)
        self.accepted[attempt.id] = self._drawn(attempt, self.chance.choice((attempt.n, 1)))
        self._ready[attempt.id] = asyncio.get_running_loop().time() + self.chance.uniform(1, 300)
        return Pending(attempt.id, "task")

    async def blocked_early(self, attempt: Attempt) -> Receipt:
        """Moderation before anything was drawn."""
        await self._pass(0.5, 2.5)
        return self._refused(attempt, self._blocking("input", 1.0))

    async def blocked_late(self, attempt: Attempt) -> Receipt:
        """Moderation of what was drawn already."""
        self._charge(attempt)
        await self._pass()
        return self._refused(attempt, self._blocking("output", 20.0))

    async def limited(self, attempt: Attempt) -> Receipt:
        """Return a rate limit out of the blue, with all kinds of advice."""
        await self._pass(0.05, 0.5)
        told = self.chance.choice(
            ({}, {"retry-after": "7"}, {"retry-after-ms": "400"}, {"retry-after": "-3"}, {"retry-after": "1e9"})
        )
        return self._refused(attempt, CallEvidence(Phase.COMPLETE, status=429, headers=told, body=BodyKind.JSON))

    async def overloaded(self, attempt: Attempt) -> Receipt:
        """Return a 503 that comes at once."""
        await self._pass(0.1, 3)
        happening = CallEvidence(
            Phase.COMPLETE, status=503, body=BodyKind.JSON, complaint=ApiError(message="overloaded"), seconds=1.0
        )
        return self._refused(attempt, happening)

    async def broken(self, attempt: Attempt) -> Receipt:
        """Return a server's error of any kind after a while: perhaps it was drawn."""
        self._charge(attempt)
        await self._pass(5, 120)
        status = self.chance.choice((500, 502, 504, 520, 524, 408))
        return self._refused(attempt, CallEvidence(Phase.COMPLETE, status=status, body=BodyKind.HTML, seconds=20.0))

    async def unreached(self, attempt: Attempt) -> Receipt:
        """Return a gateway that could not reach the provider."""
        await self._pass(0.1, 3)
        return self._refused(attempt, CallEvidence(Phase.COMPLETE, status=521, body=BodyKind.HTML, seconds=1.0))

    async def silent(self, attempt: Attempt) -> Receipt:
        """Nothing ever comes back; it was drawn, or not."""
        self._charge(attempt)
        await asyncio.sleep(attempt.deadline)
        return self._refused(
            attempt, CallEvidence(Phase.HANDED_OVER, TransportError.DEADLINE, seconds=attempt.deadline)
        )

    async def cut_off(self, attempt: Attempt) -> Receipt:
        """Check that the line breaks while it is drawn."""
        self._charge(attempt)
        await self._pass()
        return self._refused(attempt, CallEvidence(Phase.HANDED_OVER, TransportError.DISCONNECTED))

    async def truncated(self, attempt: Attempt) -> Receipt:
        """Return the line breaks within the answer."""
        self._charge(attempt, part=1)
        await self._pass()
        happening = CallEvidence(
            Phase.STATUS_SEEN, TransportError.DISCONNECTED, status=200, body=BodyKind.JSON, whole=False, seconds=9.0
        )
        return self._refused(attempt, happening)

    async def error_inside(self, attempt: Attempt) -> Receipt:
        """Return a success with an error in it."""
        self._charge(attempt)
        await self._pass()
        said = self.chance.choice((ApiError(message="upstream failed"), ApiError("rate_limit_exceeded")))
        return self._refused(attempt, CallEvidence(Phase.COMPLETE, status=200, body=BodyKind.JSON, complaint=said))

    async def unconnected(self, attempt: Attempt) -> Receipt:
        """No connection."""
        await self._pass(0.01, 10)
        return self._refused(attempt, CallEvidence(Phase.NOT_CONNECTED, TransportError.CONNECT))

    async def lost(self, attempt: Attempt) -> Lost:
        """Check that the executor itself is lost on the way."""
        self._charge(attempt)
        await self._pass()
        return Lost(attempt.id, "the executor went away")

    # ---- pieces ------------------------------------------------------------------------------------------------------

    async def _pass(self, least: float | None = None, most: float | None = None) -> None:
        bounds = self.weather.seconds if least is None or most is None else (least, most)
        await asyncio.sleep(self.chance.uniform(*bounds))

    def _charge(self, attempt: Attempt, images: int | None = None, part: float | None = None) -> None:
        """Bill a call, or not: who knows."""
        if self.chance.random() < (self.weather.charged_part if part is None else part):
            images = attempt.n if images is None else images
            self._write(attempt, images, self._tokens(attempt, images))

    def _tokens(self, attempt: Attempt, images: int) -> tuple[int, int]:
        request = attempt.request
        model = catalog.find_model(attempt.model)
        assert model is not None
        asked, quality = request.param("size") or "auto", request.param("quality") or "medium"
        size = "1024x1024" if asked == "auto" else asked
        drawn = output_tokens(model, size, quality)
        assert drawn
        return 3 * images, drawn * images * self.weather.dear

    def _write(self, attempt: Attempt, images: int, tokens: tuple[int, int]) -> None:
        rates = attempt.quote.price.tokens
        assert rates is not None
        exact = Decimal(rates.text_in) * tokens[0] + Decimal(rates.image_out) * tokens[1]
        self.bill.append(Line(attempt, int(exact.to_integral_value(ROUND_CEILING)), images))
        self.on_bill()

    def _take_back(self, receipt: Receipt, attempt: Attempt) -> None:
        for image in receipt.images:
            self.given[attempt.job_key, image.slot] -= 1

    def _drawn(
        self, attempt: Attempt, drawn: int, billed: int | None = None, mismatches: tuple[Mismatch, ...] = ()
    ) -> Receipt:
        billed = attempt.n if billed is None else billed
        text, output = tokens = self._tokens(attempt, billed)
        self._write(attempt, billed, tokens)
        places = sorted(self.chance.sample(range(attempt.n), drawn))
        missing = tuple(
            (slot, self.chance.choice((Missing.DROPPED, Missing.NULL, Missing.EMPTY, Missing.UNDECODABLE)))
            for place, slot in enumerate(attempt.slots)
            if place not in places
        )
        images = tuple(self._image(attempt, attempt.slots[place], mismatches) for place in places)
        happening = CallEvidence(
            Phase.COMPLETE,
            status=200,
            body=BodyKind.JSON,
            images=drawn,
            reasons=tuple(why for _, why in missing),
        )
        usage = Usage(text, 0, output, 0, text + output, "{}")
        return Receipt(
            attempt.id,
            Phase.COMPLETE,
            judge(happening),
            200,
            images,
            missing=missing,
            usage=usage,
            seconds=10.0,
        )

    def _image(self, attempt: Attempt, slot: int, mismatches: tuple[Mismatch, ...]) -> StoredImage:
        self.given[attempt.job_key, slot] += 1
        path = f"images/{attempt.path(slot, 'png')}"
        digest = hashlib.sha256(f"{attempt.id}{slot}".encode()).hexdigest()
        gone = f"superseded/{attempt.replaces[:12]}-{slot}-{attempt.id}.png" if attempt.replaces else None
        return StoredImage(slot, path, digest, 10, 4, 4, "png", mismatches, gone)

    def _blocking(self, stage: str, seconds: float) -> CallEvidence:
        said = ApiError("moderation_blocked", "image_generation_user_error", "no", stage=stage, categories=("x",))
        return CallEvidence(Phase.COMPLETE, status=400, body=BodyKind.JSON, complaint=said, seconds=seconds)

    def _refused(self, attempt: Attempt, happening: CallEvidence) -> Receipt:
        happening = replace(happening, charges_failures=self.weather.bills_failures)
        served = (happening.status or 0) >= 400 and happening.status not in {401, 402, 403, 404, 405, 407, 429, 521}
        if self.weather.bills_failures and served and attempt.id not in {line.attempt.id for line in self.bill[-99:]}:
            self._charge(attempt, part=1)
        return Receipt(
            attempt.id, happening.phase, judge(happening), happening.status, seconds=max(happening.seconds, 0.01)
        )
