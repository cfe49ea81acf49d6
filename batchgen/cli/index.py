"""Which commands there are: one static table, so that `--help` loads no command and no library."""

COMMANDS = {
    "init": "Write a starter manifest, a CSV and an .env.example.",
    "check": "Find errors and doubtful places in a manifest.",
    "plan": "Say for each job what would happen, why, and what it costs.",
    "estimate": "Price a manifest before a run, on one provider or on all.",
    "run": "Make the images that are missing.",
    "view": "Serve the page live: look, decide and steer while a run draws.",
    "control": "Pause, resume or drain the run at work, or change its limits.",
    "review": "Keep what people decided about images: approved, rejected, notes.",
    "batches": "List batches at the provider, or cancel them.",
    "status": "Say where a running or finished run stands.",
    "report": "Write the report again from the ledger.",
    "derive": "Make other sizes and formats of the stored images; costs nothing.",
    "prune": "Remove old runs, quarantine and superseded images.",
    "verify": "Re-hash and decode every stored image.",
    "reconcile": "Settle what is at risk against a bill, and explain the bill.",
    "resolve": "Decide jobs that are held because they may have been paid.",
    "adopt": "Rebuild a lost ledger from the images.",
    "doctor": "Examine key, model, limits, disk and clock; spends nothing.",
    "mock": "Serve a local Images API with limits, faults and a bill.",
    "models": "List the known models with prices and dates.",
    "providers": "List the known providers with prices and dates.",
    "schema": "Print the JSON Schema of the manifest, for editors.",
    "completion": "Print the completion script of bash, zsh or fish.",
}

COMPLETE = "_BATCHGEN_COMPLETE"
"""The variable in which a completion script asks what may come next."""

_HEAD = """\
Usage: batchgen [OPTIONS] COMMAND [ARGS]...

  A manifest of prompts becomes image files and a cost report: never paid
  twice, never over the limit, every cent accounted for.

  The way of a first catalogue:

    batchgen init shop
    batchgen estimate shop/catalogue.yaml --compare
    batchgen run shop/catalogue.yaml --max-cost 5

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
"""

_TAIL = """
Exit status: 0 all stored, 1 bug, 2 input (nothing spent), 3 some jobs failed,
4 your limit, 5 account, 6 provider unavailable, 7 jobs held, 8 local storage,
9 submitted, 75 locked by another run, 130/143 interrupted.
`batchgen COMMAND --help` says more.
"""


def overview() -> str:
    """Text of `batchgen --help`."""
    width = max(map(len, COMMANDS)) + 2
    lines = "".join(f"  {name:<{width}}{short}\n" for name, short in COMMANDS.items())
    return _HEAD + lines + _TAIL


def version() -> str:
    """Text of `batchgen --version`."""
    from batchgen.version import VERSION

    return f"batchgen {VERSION}\n"
