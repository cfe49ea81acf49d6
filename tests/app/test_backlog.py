"""Images that an earlier run left at their addresses: paid for, so never given up by mistake."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchgen.mock import Rule
from tests.rehearsal import KEYS, Rehearsal, rehearsal

LAMP = [{"id": "lamp", "prompt": "A lamp"}]


class Died(BaseException):
    """The run ends here, as if killed."""


def dies(where: str) -> None:
    """End the run when the ledger knows the address and the image is not here yet."""
    if where == "ledger.settle.after_commit":
        raise Died(where)


def dies_later(where: str) -> None:
    """End the run when the image is here and the ledger does not know it yet."""
    if where == "ledger.downloaded.before_begin":
        raise Died(where)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """Return a server that answers with addresses."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    defaults = {"quality": "low", "size": "1024x1024", "output_format": "webp"}
    with rehearsal(tmp_path, {"provider": "openai", "defaults": defaults}, rules=(Rule("url_instead"),)) as ready:
        yield ready


def test_a_provider_that_moved_loses_nothing(scene: Rehearsal, tmp_path: Path) -> None:
    """Under another base URL the old one is a stranger's private address; under the old one its image comes."""
    manifest = scene.manifest(LAMP)
    with pytest.raises(BaseException, match=r"settle|unhandled"):
        scene.run(manifest, at=dies)
    with rehearsal(tmp_path, scene.settings) as moved:
        elsewhere = moved.run(manifest)
        assert elsewhere.exit == 3
        assert elsewhere.summary["downloads"]["pending"] == 1
        assert moved.bill == []
    assert scene.run(manifest).exit == 0
    assert len(scene.bill) == 1


def test_an_address_of_another_provider_is_not_given_up(scene: Rehearsal, tmp_path: Path) -> None:
    """A run elsewhere may not fetch from a provider's private address, and does not call its images lost."""
    manifest = scene.manifest(LAMP)
    with pytest.raises(BaseException, match=r"settle|unhandled"):
        scene.run(manifest, at=dies)
    with rehearsal(tmp_path, scene.settings) as other:
        elsewhere = other.run(manifest, provider="apiyi")
        assert elsewhere.exit == 3
        assert elsewhere.summary["images"]["not_started"] == 1
        assert other.bill == []
    ended = scene.run(manifest)
    assert ended.exit == 0
    assert ended.summary["images"]["stored"] == 1
    assert len(scene.bill) == 1


def test_an_image_that_was_fetched_is_not_fetched_again(scene: Rehearsal, tmp_path: Path) -> None:
    """It waits whole in the spool: also a run elsewhere, which may not go to its address, stores it."""
    manifest = scene.manifest(LAMP)
    with pytest.raises(BaseException, match=r"downloaded|unhandled"):
        scene.run(manifest, at=dies_later)
    with rehearsal(tmp_path, scene.settings) as moved:
        elsewhere = moved.run(manifest)
        assert elsewhere.exit == 0
        assert elsewhere.summary["images"]["stored"] == 1
        assert moved.handle.requests() == []
    assert elsewhere.charged == scene.billed
