"""What a provider's free moderation endpoint said of prompts: none is asked about twice."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from unicodedata import normalize

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.text import dump, plain, stamp, words


class Prechecks(LedgerPart):
    """What was said of prompts, by provider and endpoint model; of all outputs that the ledger serves."""

    def known(self, judge: str, prompts: Sequence[str]) -> dict[str, tuple[str, ...] | None]:
        """Look prompts up: the flagged categories of each that is known, None where it was not flagged."""
        marks = {prompt_mark(prompt): prompt for prompt in prompts}
        rows = self._database.rows(
            "SELECT prompt, flagged, categories FROM prechecks WHERE judge = :judge"
            " AND prompt IN (SELECT value FROM json_each(:marks))",
            judge=judge,
            marks=dump(list(marks)),
        )
        return {marks[row["prompt"]]: words(row["categories"]) if row["flagged"] else None for row in rows}

    def keep(self, judge: str, said: Mapping[str, tuple[str, ...] | None]) -> None:
        """Write down what was said of prompts."""
        now = stamp(self._database.now())
        sql = "INSERT OR REPLACE INTO prechecks (judge, prompt, flagged, categories, asked) VALUES (?, ?, ?, ?, ?)"
        rows = [
            (judge, prompt_mark(prompt), words is not None, json.dumps([plain(word) for word in words or ()]), now)
            for prompt, words in said.items()
        ]
        self._database.change_each("prechecks", sql, rows)


def prompt_mark(prompt: str) -> str:
    """Name a prompt by a hash: blanks and line ends at its ends say nothing."""
    return hashlib.sha256(normalize("NFC", prompt).strip().encode("utf-8", "surrogatepass")).hexdigest()
