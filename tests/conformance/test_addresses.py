"""Images that wait at an address: written down before they are fetched, fetched until they are here, drawn once."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from batchgen.ledger import Ledger
from batchgen.mock import MockConfig, Rule
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.money import MicroUSD, split
from batchgen.runtime.clock import SystemClock
from tests.process.kit import ram_folder
from tests.process.launcher import Break, Launcher
from tests.rehearsal import KEYS, Rehearsal, rehearsal
from tests.script import Script
from tests.wire.scene import dot

pytestmark = pytest.mark.sample(3)

LOOK = {"size": "1024x1024", "quality": "low", "output_format": "jpeg"}
# Six tries of a download wait up to 580 times the base: the whole quarter of an hour in half a second.
HASTY = {"base_seconds": 0.0005, "cap_seconds": 0.01}
TINY = dot(1024, 1024)
STEPS = (
    "storage.finish.after_answer",
    "ledger.settle.before_begin",
    "ledger.settle.before_commit",
    "ledger.settle.after_commit",
    "storage.spool.before_remove",
    "storage.publish.before_name",
    "storage.publish.before_sync",
    "storage.publish.after_sync",
    "ledger.downloaded.before_begin",
    "ledger.downloaded.before_commit",
    "ledger.downloaded.after_commit",
    "ledger.end.before_commit",
)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """Return an empty folder."""
    with ram_folder(tmp_path) as folder:
        yield folder


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Return starts real processes in no time."""
    launcher = Launcher(tmp_path_factory.mktemp("said"))
    launcher.open()
    yield launcher
    launcher.close()


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """Return a provider whose images wait at addresses."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    settings = {"provider": "openai", "defaults": LOOK, "retry": HASTY}
    with rehearsal(tmp_path, settings) as stage:
        yield stage


@pytest.mark.sample(1)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kills", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_a_kill_between_answer_and_download_draws_nothing_again(
    fresh: Path, launcher: Launcher, step: str, kills: int
) -> None:
    """Five kills at each of twelve steps: every image is drawn once, and comes home."""
    handle = start_embedded(MockConfig(rules=(Rule("url_instead"),)))
    jobs = [{"id": f"j{i}", "prompt": f"A lamp {i}", **LOOK} for i in range(5)]
    manifest = {"name": "kills", "limits": {"concurrency": 1, "max_cost": 9}, "retry": HASTY, "jobs": jobs}
    (fresh / "m.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
    words = ("run", "m.yaml", "--base-url", handle.base_url, "--output", "out")
    try:
        killed, lost = 0, set[str]()
        for _ in range(kills):
            before = len(heard(handle))
            waiting = to_fetch(fresh / "out")
            killed += launcher.start(*words, cwd=fresh, broken=Break(point=step)).wait() == -9
            lost |= under_way(fresh / "out")
            first = heard(handle)[before : before + 1]
            assert not waiting or not first or first[0]["method"] == "GET", "what is paid comes first"
        child = launcher.start(*words, cwd=fresh)
        assert child.wait() == 0, child.told
        assert killed >= kills - 1, "a run that ends by itself proves nothing"
        drawn = Counter(entry["prompt"] for entry in handle.bill()["requests"])
        assert len(drawn) == len(jobs)
        assert {prompt for prompt, times in drawn.items() if times > 1} <= lost
        assert len(list((fresh / "out" / "images").iterdir())) == len(jobs)
        assert launcher.start("verify", "out", cwd=fresh).wait() == 0
    finally:
        handle.stop()


def heard(handle: Handle) -> list[dict[str, Any]]:
    """Say what the server was asked; it has read by then what dead runs sent it, as it reads in order of arrival."""
    for _ in range(2):
        with urlopen(handle.base_url.removesuffix("/v1") + "/bill") as answer:
            answer.read()
    return handle.requests()


def pending(output: Path) -> tuple[Any, ...]:
    """Say what the ledger knows to wait at an address, in the order in which it will be fetched."""
    path = output / "ledger.db"
    if not path.exists():
        return ()
    with Ledger.open(path, ".", clock=SystemClock(), readonly=True) as ledger:
        return ledger.downloads.waiting()


def to_fetch(output: Path) -> list[Any]:
    """Those of them that no run has fetched: an image that is whole in its spool needs no server any more."""
    spool = output / "spool"
    return [one for one in pending(output) if not (spool / f"{one.attempt_id}-{one.slot}" / "answer.json").exists()]


def under_way(output: Path) -> set[str]:
    """Prompts of calls that had not been answered when their run died; these alone may be paid twice."""
    path = output / "ledger.db"
    if not path.exists():
        return set()
    with Ledger.open(path, ".", clock=SystemClock(), readonly=True) as ledger:
        answered = {folder.name for folder in (output / "spool").glob("*") if (folder / "answer.json").exists()}
        return {row.request.prompt for row in ledger.attempts.orphans() if row.id not in answered}


@pytest.mark.parametrize(
    "fault",
    ["401", "403", "404", "410", "500", "503", "html", "short", "reset", "empty", "stall", "redirect"],
)
def test_a_failed_download_is_tried_again_and_never_drawn_again(gateway: Rehearsal, fault: str) -> None:
    """Twice in the same run; six times in vain, and the next run goes on; one generation in all."""
    said = f"[[mock: fault=download_{fault} reads={{}} delay=0.05 to=/nowhere]]"
    short = gateway.manifest([{"id": "a", "prompt": "A lamp " + said.format(2)}], "short")
    assert gateway.run(short).exit == 0
    long = gateway.manifest([{"id": "a", "prompt": "A lamp " + said.format(6)}], "long")
    ended = gateway.run(long)
    assert ended.exit == 3
    assert ended.summary["downloads"]["pending"] == 1
    assert gateway.run(long).exit == 0
    assert len(gateway.bill) == 2


def test_each_run_tries_an_address_six_times(gateway: Rehearsal) -> None:
    """The look that comes before anything is planned is one of the six; nothing is drawn again."""
    path = gateway.manifest([{"id": "a", "prompt": "A lamp [[mock: fault=download_503 reads=99]]"}])
    for run in (1, 2, 3):
        assert gateway.run(path).exit == (3 if run == 1 else 0)  # what was told before is no news
        assert len([one for one in gateway.handle.requests() if one["method"] == "GET"]) == 6 * run
    assert len(gateway.bill) == 1


@pytest.mark.parametrize(
    "fault", ["url_private", "url_metadata", "url_port", "url_file", "url_ftp", "url_broken", "download_redirect"]
)
def test_a_refused_address_is_final(gateway: Rehearsal, fault: str) -> None:
    """A private network, another port, another scheme, a redirect inside: lost though paid, exit 3, its cost waste."""
    path = gateway.manifest(
        [{"id": "a", "prompt": f"A lamp [[mock: fault={fault}]]"}, {"id": "b", "prompt": "A chair"}]
    )
    ended = gateway.run(path)
    assert ended.exit == 3
    (image,) = ended.images("a")
    assert image["state"] == "lost_paid"
    assert int(image["cost_micro_usd"]) == 0
    (waste,) = ended.summary["waste"]
    assert waste["paid_micro_usd"] == ended.cost("a") > 0
    assert image["reason"]
    assert ended.summary["images"]["lost_paid"] == ended.summary["images"]["stored"] == 1
    assert ended.charged == gateway.billed
    assert gateway.run(path).exit == 0  # what was told before is no news
    assert len(gateway.bill) == 2


@pytest.mark.parametrize("fault", ["url_instead", "download_key", "data_url", "url_beside_empty", "chat_data_url"])
def test_what_may_be_fetched_is_fetched(gateway: Rehearsal, fault: str) -> None:
    """The provider's own host, with the key where it wants it; data: addresses need no fetching."""
    ended = gateway.run(gateway.manifest([{"id": "a", "prompt": f"A lamp [[mock: fault={fault}]]"}]))
    assert ended.exit == 0
    assert ended.images("a")[0]["flags"] == ""


def answers(*urls: str) -> tuple[int, dict[str, str], Any]:
    """Return an answer with these addresses."""
    usage = {"input_tokens": 8, "input_tokens_details": {"text_tokens": 8, "image_tokens": 0}}
    tokens = {"output_tokens": 196 * len(urls), "total_tokens": 8 + 196 * len(urls)}
    return 200, {}, {"created": 1, "data": [{"url": url} for url in urls], "usage": {**usage, **tokens}}


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Script, Rehearsal]]]:
    """Return a provider that draws, and answers every GET with 501."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    started: list[Script] = []

    def start(*queries: str) -> tuple[Script, Rehearsal]:
        script = Script((500, {}, {}))
        script.answers = [answers(*(f"{script.base_url}/p{i}.png?{query}" for i, query in enumerate(queries)))]
        started.append(script)
        settings = {"provider": "openai", "defaults": LOOK, "retry": HASTY}
        return script, Rehearsal(tmp_path, script, settings)  # type: ignore[arg-type]

    yield start
    for script in started:
        script.stop()


def moment(hours: float) -> datetime:
    """Return some hours from now."""
    return datetime.now(UTC) + timedelta(hours=hours)


def azure(hours: float) -> str:
    """Return a shared access signature that ends then."""
    return f"sv=2023&se={moment(hours):%Y-%m-%dT%H%%3A%M%%3A%SZ}&sig=a%2Fb%3D"


def amazon(hours: float) -> str:
    """Return a signature of a day ago with a life."""
    seconds = int((24 + hours) * 3600)
    return f"X-Amz-Date={moment(-24):%Y%m%dT%H%M%SZ}&X-Amz-Expires={seconds}&X-Amz-Signature=ab"


def epoch(hours: float) -> str:
    """Return a named second."""
    return f"Expires={int(moment(hours).timestamp())}&Signature=ab"


@pytest.mark.parametrize(
    "queries",
    [
        (azure(3), azure(1), azure(2)),
        (amazon(3), amazon(1), amazon(2)),
        (epoch(3), epoch(1), epoch(2)),
        (azure(3), amazon(1), epoch(2)),
        ("no=end", azure(1 / 60), azure(2)),
        ("se=nonsense&sig=x", epoch(1), "Expires=99999999999999"),
    ],
)
def test_what_dies_soonest_is_fetched_first(closed: Any, queries: tuple[str, ...]) -> None:
    """The end is read from the address in every signer's way; an address without one comes last."""
    _, stage = closed(*queries)
    ended = stage.run(stage.manifest([{"id": "a", "n": 3, "prompt": "A lamp"}]))
    assert ended.exit == 3
    order = [wait.slot for wait in pending(ended.folder)]
    assert order[0] == 1
    ends = [wait.expires for wait in pending(ended.folder)]
    known = [end for end in ends if end is not None]
    assert known == sorted(known)
    assert ends[: len(known)] == known


@pytest.mark.parametrize("signed", [azure, amazon, epoch])
def test_an_address_that_died_is_lost_with_its_cost(closed: Any, signed: Callable[[float], str]) -> None:
    """Refused after its end: named in the report, its cost as waste, and never drawn again by itself."""
    script, stage = closed(signed(-1))
    script.missing = 403
    path = stage.manifest([{"id": "a", "prompt": "A lamp"}])
    ended = stage.run(path)
    assert ended.exit == 3
    (image,) = ended.images("a")
    assert image["state"] == "lost_paid"
    assert int(image["cost_micro_usd"]) == 0
    assert [waste["paid_micro_usd"] for waste in ended.summary["waste"]] == [ended.cost("a")]
    assert ended.cost("a") > 0
    assert stage.run(path).exit == 0  # what was told before is no news
    assert len(script.asked) == 1


def test_what_did_not_come_bears_no_share_of_its_call(closed: Any) -> None:
    """One of three answers 403: the two others bear the call's cost until the next run fetches it, then all three."""
    script, stage = closed("sig=x")
    ((status, headers, body),) = script.answers
    here = {"b64_json": b64encode(TINY).decode()}
    script.answers = [(status, headers, {**body, "data": [here, *body["data"], here]})]
    script.missing = 403
    path = stage.manifest([{"id": "a", "n": 3, "prompt": "A lamp"}])
    ended = stage.run(path)
    assert [row["state"] for row in ended.images("a")] == ["stored", "not_started", "stored"]
    shares = split(MicroUSD(ended.cost("a")), 2)
    assert [int(row["cost_micro_usd"]) for row in ended.images("a")] == [shares[0], 0, shares[1]]
    assert ended.summary["waste"] == []
    assert ended.summary["jobs"]["not_started"] == ended.summary["downloads"]["pending"] == 1
    script.image = TINY
    again = stage.run(path)
    assert (again.exit, again.cost("a"), len(script.asked)) == (0, ended.cost("a"), 1)
    assert tuple(int(row["cost_micro_usd"]) for row in again.images("a")) == split(MicroUSD(ended.cost("a")), 3)


def test_a_clock_that_is_wrong_loses_nothing(closed: Any) -> None:
    """An address that seems to have died an hour ago is tried all the same: only a refusal makes it lost."""
    script, stage = closed(azure(-1))
    script.image = TINY
    ended = stage.run(stage.manifest([{"id": "a", "prompt": "A lamp"}]))
    assert ended.exit == 0
    assert ended.images("a")[0]["state"] == "stored"


def test_a_changed_job_takes_the_place_of_what_was_fetched(gateway: Rehearsal) -> None:
    """The image from an address steps aside like any other, in the same run and in a later one."""
    told = "A lamp [[mock: fault=url_instead]]"
    keys = []
    for prompt in (told, f"{told} at night"):
        ended = gateway.run(gateway.manifest([{"id": "a", "prompt": prompt}]))
        assert ended.exit == 0
        keys.append(ended.images("a")[0]["job_key"][:12])
    late = gateway.manifest([{"id": "a", "prompt": "A chair [[mock: fault=download_503 reads=6]]"}])
    assert gateway.run(late).exit == 3
    last = gateway.run(late)
    assert last.exit == 0
    aside = sorted(path.name for path in (last.folder / "superseded").iterdir())
    assert aside == sorted(f"a-0.{key}.jpg" for key in keys)
    assert len(list((last.folder / "images").iterdir())) == 1
