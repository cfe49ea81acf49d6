"""Refusals in the words of many servers, as data: what they say of moderation, money, rate and account."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batchgen.mock.data import text_of
from batchgen.mock.plan import Hit
from batchgen.mock.reply import JSON, Reply


@dataclass(frozen=True, slots=True)
class Words:
    """One refusal: status, body as it stands, and further headers."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = JSON

    def __call__(self, hit: Hit) -> Reply:
        return self.told({"{wait}": f"{hit.number('wait', 1):g}", "{id}": hit.context.request})

    def told(self, said: Mapping[str, str]) -> Reply:
        """Tell it, with something in the place of each mark."""
        headers = tuple((name, _filled(value, said)) for name, value in self.headers)
        return Reply(self.status, _filled(self.body, said).encode("utf-8", "replace"), self.kind, headers)


def _filled(text: str, said: Mapping[str, str]) -> str:
    for mark, value in said.items():
        text = text.replace(mark, value)
    return text


def _about(what: str) -> Iterator[tuple[str, Words]]:
    """Read the refusals of `refusals.txt` that are about one thing."""
    for block in text_of("refusals.txt").partition(f"== {what}\n")[2].partition("\n== ")[0].strip().split("\n\n"):
        head, *lines = block.splitlines()
        name, status = head.split()
        headers = dict(line.split(": ", 1) for line in lines if not line.startswith("> "))
        kind = headers.pop("content-type", JSON)
        body = "".join(line[2:] for line in lines if line.startswith("> "))
        body = body if kind == JSON else body.replace(r"\n", "\n")
        yield name, Words(int(status), body, tuple(headers.items()), kind)


MODERATION = dict(_about("moderation"))
RATE = dict(_about("rate"))
ACCOUNT = dict(_about("account"))
MODELS = dict(_about("models"))
"""A model that is retired, unknown, or not open to this key."""
UNKNOWN = dict(_about("unknown"))
INPUT = dict(_about("input"))
GEMINI = dict(_about("gemini"))
BLOCKED = dict(_about("blocked"))
"""How a moderated prompt is refused: as the vendor does, or a provider, at a stage of its own."""
