"""Which fault a call gets: rules given beforehand, and directives inside prompts."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from batchgen.errors import InputError
from batchgen.mock.seeded import draw

SCOPES = frozenset({"batch", "line", "file", "task", "gemini"})
DIRECTIVE = re.compile(r"\[\[mock:([^\]]*)\]\]")

KINDS: dict[str, tuple[type, ...]] = {
    "fault": (str,),
    "prompt": (str,),
    "skip": (int,),
    "times": (int, type(None)),
    "rate": (int, float),
    "by_prompt": (bool,),
    "options": (dict,),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault for calls whose prompt contains `prompt`: not the first `skip` of them, then at most `times`.

    `fault` may list several names with commas, one per call in turn; `ok` is none. Calls are counted by prompt when
    `by_prompt`, else all that match together. `rate` leaves the others alone by chance. `options` go to the fault:
    delay (seconds), charged (yes or no), slots (first, last or all), and what its row in the table names.
    """

    fault: str
    prompt: str = ""
    skip: int = 0
    times: int | None = None
    rate: float = 1.0
    by_prompt: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        """What its faults are for: calls, or what their names begin with."""
        start = self.fault.partition("_")[0]
        return start if start in SCOPES else "call"

    def names(self) -> tuple[str, ...]:
        """List the faults in turn."""
        return tuple(name.strip() for name in self.fault.split(","))


@dataclass(frozen=True, slots=True)
class Context:
    """What a fault may know of its call: when it came, with which key, and what it costs (micro-dollars).

    `subject` is how events of its answer are named, `request` the id of the call.
    """

    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    key: str = ""
    subject: str = "image_generation"
    request: str = ""
    micro_usd: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """The fault that one call gets; an empty name is a call that goes well by decree."""

    fault: str
    options: Mapping[str, str] = field(default_factory=dict)
    context: Context = field(default_factory=Context)

    def number(self, name: str, otherwise: float) -> float:
        """Read an option as a number, at most a day in seconds; what is no number counts as not given."""
        try:
            said = float(self.options[name])
        except (KeyError, ValueError):
            return otherwise
        return min(said, 86_400.0) if said >= 0 else otherwise


def directives(prompt: str) -> Iterator[Rule]:
    """Read the rules that a prompt carries: `[[mock: fault=status_500 times=1 delay=0.2]]`, `[[mock: latency=2]]`."""
    for text in DIRECTIVE.findall(prompt):
        words = dict(word.split("=", 1) for word in text.split() if "=" in word)
        fault = words.pop("fault", "ok")
        in_turn = "," in fault
        times, skip = _count(words.pop("times", "")), _count(words.pop("skip", "")) or 0
        yield Rule(fault, times=len(fault.split(",")) if in_turn and times is None else times, skip=skip, options=words)


def without_directives(prompt: str) -> str:
    """Return the prompt as a person reads it."""
    return DIRECTIVE.sub("", prompt).strip()


class Faults:
    """The fault plan of one server; it may be changed while the server runs."""

    def __init__(self, rules: Iterable[Rule] = (), seed: int = 0) -> None:
        self._rules = tuple(rules)
        self._seed = seed
        self._seen: Counter[tuple[int | str, str]] = Counter()

    def add(self, *rules: Rule) -> None:
        """Put more rules behind the others; the first that fits a call decides it."""
        self._rules = (*self._rules, *rules)

    def clear(self) -> None:
        """Forget every rule and every count."""
        self._rules = ()
        self._seen.clear()

    def hit(self, prompt: str, call: int, scope: str = "call") -> Hit | None:
        """Find the fault for the `call`th call (from 0) of a prompt, if any."""
        for rule in directives(prompt):
            if rule.scope == scope and (name := _turn(rule, call)) is not None:
                return Hit(name, rule.options)
        for index, rule in enumerate(self._rules):
            if (
                rule.scope != scope
                or rule.prompt not in prompt
                or draw(self._seed, "rule", index, prompt, call) >= rule.rate
            ):
                continue
            counter = (index, prompt if rule.by_prompt else "")
            count = self._seen[counter]
            self._seen[counter] += 1
            if (name := _turn(rule, count)) is not None:
                return Hit(name, rule.options)
        return None


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Load rules from a JSON file: a list of objects with the fields of `Rule`; InputError says what is wrong."""
    try:
        rows = json.loads(path.read_text("utf-8"))
        return tuple(Rule(**_fields(row)) for row in rows)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a list of faults: {error}") from error


def _fields(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise TypeError(f"{row!r} is not an object")
    for name, kinds in KINDS.items():
        if name in row and not isinstance(row[name], kinds):
            raise TypeError(f"{name} cannot be {row[name]!r}")
    options = {str(k): str(v) for k, v in dict(row.get("options", {})).items()}
    return {**{str(k): v for k, v in row.items()}, "options": options}


def _turn(rule: Rule, count: int) -> str | None:
    place = count - rule.skip
    if place < 0 or (rule.times is not None and place >= rule.times):
        return None
    names = rule.names()
    name = names[place % len(names)]
    return "" if name == "ok" else name


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
