"""Limits that runs learned: kept by provider, key and model, for a month, and without the key."""

from datetime import timedelta
from pathlib import Path

from batchgen.ledger import Ledger
from tests.ledger.conftest import Hands

KEY = "sk-a-key-that-nobody-may-read"


def test_a_limit_is_kept_for_its_provider_key_and_model(ledger: Ledger) -> None:
    """Another provider, or another key, has limits of its own; no key is a key too."""
    ledger.learned_limits.keep("openai", KEY, {"a": 10, "b": 60})
    ledger.learned_limits.keep("openai", None, {"a": 7})
    assert ledger.learned_limits.of("openai", KEY) == {"a": 10, "b": 60}
    assert ledger.learned_limits.of("openai", None) == {"a": 7}
    assert ledger.learned_limits.of("openai", "sk-another") == {}
    assert ledger.learned_limits.of("another", KEY) == {}


def test_a_later_run_changes_or_forgets_what_it_called(ledger: Ledger) -> None:
    """None says that a model has no limit; models that were not called stay."""
    ledger.learned_limits.keep("openai", KEY, {"a": 10, "b": 60, "c": 5})
    ledger.learned_limits.keep("openai", KEY, {"a": 12, "b": None, "d": None})
    assert ledger.learned_limits.of("openai", KEY) == {"a": 12, "c": 5}


def test_a_limit_is_forgotten_after_thirty_days(ledger: Ledger, clock: Hands) -> None:
    """Seeing the same limit again does not make it younger."""
    ledger.learned_limits.keep("openai", KEY, {"a": 10})
    clock.time += timedelta(days=29)
    ledger.learned_limits.keep("openai", KEY, {"a": 10})
    assert ledger.learned_limits.of("openai", KEY) == {"a": 10}
    clock.time += timedelta(days=2)
    assert ledger.learned_limits.of("openai", KEY) == {}


def test_the_key_is_not_in_the_file(ledger: Ledger, tmp_path: Path) -> None:
    """Only a short fingerprint of it is."""
    ledger.learned_limits.keep("openai", KEY, {"a": 10})
    ledger.copy_to(copy := tmp_path / "copy.db")
    assert KEY.encode() not in copy.read_bytes()
