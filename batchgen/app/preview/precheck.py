"""Asks a provider's free moderation endpoint about every prompt before anything is paid for it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from batchgen.executor.probe import Reply, ask
from batchgen.executor.proxies import DIRECT, Proxies
from batchgen.ledger import Ledger
from batchgen.ledger.prechecks import prompt_mark
from batchgen.model import Provider
from batchgen.providers.dialects import dialect
from batchgen.providers.moderations import moderations_body, moderations_from, moderations_url
from batchgen.runtime.clock import Clock, Offload

AT_ONCE = 32
"""Prompts of one request; one request is under way at a time."""
MOST_CHARACTERS = 60_000
MOST_TRIES = 3
MOST_WAIT = 60.0


@dataclass(slots=True)
class Prechecked:
    """What came of it: how many prompts were looked at, those that are flagged by their hashes, and what went wrong."""

    prompts: int = 0
    flagged: dict[str, tuple[str, ...]] = field(default_factory=dict)
    trouble: str = ""

    def of(self, prompt: str) -> tuple[str, ...] | None:
        """Give the categories for which a prompt is flagged; None when it is not."""
        return self.flagged.get(prompt_mark(prompt)) if self.flagged else None


@dataclass(frozen=True)
class Precheck:
    """The endpoint of one provider. `key` and `headers` are those of images; `goes_on`: nothing stops the run."""

    provider: Provider
    ledger: Ledger
    clock: Clock
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    proxies: Proxies = DIRECT
    goes_on: Callable[[], bool] = lambda: True
    note: Callable[[int], object] = lambda _prompts: None

    @property
    def judge(self) -> str:
        """Name who judges."""
        return f"{self.provider.name}/{self.provider.moderations}"

    async def look(self, prompts: Iterator[str], offload: Offload) -> Prechecked:
        """Look at prompts: those that are not known yet are asked about. An endpoint that fails is asked no more."""
        found = Prechecked()
        while not found.trouble and self.goes_on() and (some := await offload(lambda: list(islice(prompts, AT_ONCE)))):
            known = await offload(self.ledger.prechecks.known, self.judge, some)
            for chunk in _chunks([prompt for prompt in some if prompt not in known]):
                told = await self._asked(chunk)
                if isinstance(told, str):
                    found.trouble = told
                    break
                known |= told
                await offload(self.ledger.prechecks.keep, self.judge, told)
            found.prompts += len(known)
            found.flagged |= {prompt_mark(one): why for one, why in known.items() if why is not None}
            self.note(found.prompts)
        return found

    async def _asked(self, prompts: list[str]) -> dict[str, tuple[str, ...] | None] | str:
        """Ask about some prompts; what went wrong when nothing came of it."""
        why = ""
        for number in range(MOST_TRIES):
            reply = await self._ask(prompts)
            if reply.status == 200:
                verdicts = moderations_from(reply.body, len(prompts))
                if verdicts is None:
                    return "what came is no answer of a moderation endpoint"
                return {
                    one: said.categories if said.flagged else None for one, said in zip(prompts, verdicts, strict=True)
                }
            why = reply.trouble or f"it answers {reply.status}"
            if reply.status is not None and reply.status != 429 and reply.status < 500:
                return why
            if number + 1 < MOST_TRIES and self.goes_on():
                await self.clock.sleep(_wait(reply, number))
        return why

    async def _ask(self, prompts: list[str]) -> Reply:
        speech = dialect(self.provider, self.provider.default_model)
        headers = {**self.headers, **speech.authorization(self.provider, self.key)}
        secrets = tuple(value for value in (self.key, *self.headers.values()) if value)
        body = moderations_body(self.provider, prompts)
        return await ask(moderations_url(self.provider), headers, secrets, body, self.proxies)


def _chunks(prompts: list[str]) -> Iterator[list[str]]:
    """Cut prompts into requests that are not too long."""
    chunk: list[str] = []
    for prompt in prompts:
        if chunk and sum(map(len, chunk)) + len(prompt) > MOST_CHARACTERS:
            yield chunk
            chunk = []
        chunk.append(prompt)
    if chunk:
        yield chunk


def _wait(reply: Reply, number: int) -> float:
    told = reply.headers.get("retry-after", "")
    return min(MOST_WAIT, float(told)) if told.isascii() and told.isdigit() else 2.0**number
