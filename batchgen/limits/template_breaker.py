"""Gives a template up whose jobs are moderated or fail, one after the other: the others of a run go on."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

LAST = 20
"""How many jobs of a template are looked at: those that ended last."""
AT_LEAST = 10
"""Before so many have ended, nothing is said of a template."""


@dataclass
class TemplateBreaker:
    """Counts how the jobs of each template end; what is given up stays so until the run ends."""

    given_up: dict[str, str] = field(default_factory=dict)
    _last: dict[str, deque[bool]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=LAST)))

    def note(self, template: str, *, in_vain: bool) -> bool:
        """Take how a job ended; whether its template is given up by that: two thirds of the last were in vain."""
        if not template or template in self.given_up:
            return False
        last = self._last[template]
        last.append(in_vain)
        if len(last) < AT_LEAST or sum(last) * 3 < len(last) * 2:
            return False
        self.given_up[template] = f"{sum(last)} of the last {len(last)} jobs of its template were moderated or failed"
        return True
