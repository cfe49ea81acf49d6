"""The templates of pages: every value is escaped, and one that is missing is an error."""

from functools import cache
from typing import TYPE_CHECKING

from batchgen.money import MicroUSD, exact
from batchgen.reporter.accounts import wasted_words
from batchgen.reporter.charts import TONES
from batchgen.reporter.tables import flags, names
from batchgen.reporter.words import link, rounded, shown
from batchgen.text import counted

if TYPE_CHECKING:
    from jinja2 import Template


@cache
def template(name: str) -> "Template":
    """Load a template from the folder `web`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("batchgen.reporter", "web")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "usd": lambda amount: exact(MicroUSD(amount)),
        "rounded": lambda amount: rounded(MicroUSD(amount)),
        "count": "{:,}".format,
        "calls": lambda number: counted(number, "call"),
        "shown": shown,
        "words": in_words,
        "names": names,
        "flags": flags,
        "link": link,
        "tone": lambda state: TONES.get(state, "calm"),
        "cause": wasted_words,
    }
    return environment.get_template(name)


def in_words(name: str) -> str:
    """Show a name of ours or of others as words."""
    return shown(name).replace("_", " ")
