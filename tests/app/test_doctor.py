"""The doctor looks at everything that is free to look at, and spends nothing."""

from pathlib import Path

import pytest

from batchgen.app.preview import doctor
from batchgen.errors import Exit
from batchgen.mock import MockConfig
from batchgen.mock.embedded import start_embedded
from tests.rehearsal import KEY, Rehearsal


def levels(provider: str, base_url: str | None) -> dict[str, str]:
    """Each finding's level by its name."""
    return {finding.name: finding.level for finding in doctor.examine(provider, base_url)}


def test_a_healthy_provider_has_nothing_bad(scene: Rehearsal) -> None:
    """Key, model, clock, limits, disk and dialect are all looked at, and the bill stays empty."""
    found = levels("openai", scene.handle.base_url)
    assert {"key", "key accepted", "model", "clock", "limits", "disk", "dialect"} <= found.keys()
    assert "bad" not in found.values()
    assert scene.billed == 0


def test_a_refused_key_is_an_account_matter(scene: Rehearsal) -> None:
    """A key that the provider refuses leads to the account's exit status, and is never shown."""
    handle = start_embedded(MockConfig(key="sk-another"))
    try:
        found = list(doctor.examine("openai", handle.base_url))
    finally:
        handle.stop()
    (bad,) = [finding for finding in found if finding.level == "bad"]
    assert bad.exit is Exit.ACCOUNT
    assert not any(KEY in finding.text for finding in found)


def test_a_missing_key_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the doctor says which variable to set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (bad,) = [finding for finding in doctor.examine("openai", "http://127.0.0.1:9/v1") if finding.level == "bad"]
    assert "OPENAI_API_KEY" in bad.text


def test_a_dead_address_is_unavailable(scene: Rehearsal) -> None:
    """Nobody there is the provider's exit status, not a traceback."""
    bad = [finding for finding in doctor.examine("openai", "http://127.0.0.1:9/v1") if finding.level == "bad"]
    assert [finding.exit for finding in bad] == [Exit.UNAVAILABLE]


def test_a_wrong_path_is_found(scene: Rehearsal) -> None:
    """An address without an Images API below it is said to be one."""
    found = list(doctor.examine("openai", scene.handle.base_url.removesuffix("/v1") + "/nothing"))
    assert any("check --base-url" in finding.text or finding.level != "ok" for finding in found)
    assert scene.billed == 0


TWO = "json://127.0.0.1/tok-1, json://127.0.0.1/tok-2"


@pytest.mark.parametrize(("value", "level"), [(None, None), ("", None), (TWO, "ok"), ("tok-1", "bad")])
def test_who_shall_be_told_can_be_told(monkeypatch: pytest.MonkeyPatch, value: str | None, level: str | None) -> None:
    """Addresses for messages are looked at where there are any, sent nothing, and not shown."""
    if value is not None:
        monkeypatch.setenv("BATCHGEN_NOTIFY_URLS", value)
    found = {finding.name: finding for finding in doctor.examine("mock")}
    assert (found["notify"].level if "notify" in found else None) == level
    assert "tok-" not in str(found)
