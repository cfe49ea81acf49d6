"""The bare loop that `plan` is compared with: csv, a template, sha256, one row into SQLite; nothing else.

`python -m benchmarks.bare ROWS.csv LEDGER.db`
"""

import csv
import hashlib
import sqlite3
import sys
from pathlib import Path

from jinja2 import Environment, StrictUndefined

TEMPLATE = "Photograph of {{ name }} in {{ colour }}, {{ width }} x {{ height }}"


def main() -> None:
    """Read, render, hash, insert."""
    rows, ledger = map(Path, sys.argv[1:])
    template = Environment(undefined=StrictUndefined, autoescape=False).from_string(TEMPLATE)
    with rows.open(newline="") as file, sqlite3.connect(ledger) as db:
        db.execute("CREATE TABLE jobs (key TEXT PRIMARY KEY, id TEXT NOT NULL, prompt TEXT NOT NULL)")
        for row in csv.DictReader(file):
            prompt = template.render(row)
            key = hashlib.sha256(prompt.encode()).hexdigest()
            db.execute("INSERT INTO jobs VALUES (?, ?, ?)", (key, row["sku"], prompt))


if __name__ == "__main__":
    main()
