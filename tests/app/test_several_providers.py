"""Several providers draw one manifest: each with its own key, prices and end."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.preview import doctor
from batchgen.app.preview.plan import plan_manifest
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.errors import InputError
from batchgen.mock import MockConfig, Rule
from batchgen.mock.embedded import Handle, start_embedded
from tests.rehearsal import NO_PACE, Ended, Rehearsal

FORM = """
like: openai
base_url: {url}
key_variable: {key}
prices: {{gpt-image-2: {{per_image: {price}}}}}
{more}
"""
KEYS = {"EAST_KEY": "sk-east-0123456789", "WEST_KEY": "sk-west-0123456789"}
ONE_BY_ONE = {**NO_PACE, "concurrency": 1}
LAMPS = [{"id": f"lamp-{number}", "prompt": f"A lamp, number {number}"} for number in range(6)]


class Told(Unwatched):
    """Keeps what is said to people while a run works."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        self.said += [text] if urgent else []


class Two:
    """Two providers, east and west, at two servers that take their own key only."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.root, self._stack = root, stack
        self.scene: Rehearsal | None = None
        self.handles: dict[str, Handle] = {}
        self.told = Told()

    def provider(self, name: str, *, rules: Sequence[Rule] = (), price: str = "0.04", more: str = "") -> None:
        """Start one, and write its file."""
        handle = start_embedded(MockConfig(key=KEYS[f"{name.upper()}_KEY"], rules=tuple(rules)))
        self._stack.callback(handle.stop)
        self.handles[name] = handle
        words = FORM.format(url=handle.base_url, key=f"{name.upper()}_KEY", price=price, more=more)
        (self.root / f"{name}.yaml").write_text(words, "utf-8")

    def manifest(self, jobs: Sequence[Any] = LAMPS, **settings: Any) -> Path:
        """Write a manifest for both."""
        told = {"providers": ["east.yaml", {"file": "west.yaml"}], "defaults": {"model": "gpt-image-2"}, **settings}
        return Rehearsal(self.root, next(iter(self.handles.values()))).manifest(jobs, **told)

    def run(self, manifest: Path, **options: Any) -> Ended:
        """Run it."""
        output = self.root / "output"
        result = run_manifest(manifest, Options(output=output, **options), self.told)
        return Ended(int(result.exit), result.summary, output, problems=result.problems)

    def drawn(self, name: str) -> int:
        """Images that a provider was asked for."""
        return len(self.handles[name].bill()["requests"])


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    """Return a folder for two providers."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        yield Two(tmp_path, stack)


def test_equal_prices_share_and_every_key_stays_at_its_own_address(two: Two) -> None:
    """Each server takes its own key only, and neither was asked with the other's."""
    two.provider("east")
    two.provider("west")
    ended = two.run(two.manifest())
    assert ended.exit == 0
    assert (two.drawn("east"), two.drawn("west")) == (3, 3)
    assert two.told.said == []
    shares = {row["provider"]: (row["images"], row["confirmed_micro_usd"]) for row in ended.table("usage")}
    assert shares == {"east": ("3", "120000"), "west": ("3", "120000")}
    assert ended.summary["providers"] == [
        {"name": name, "images": 3, "spent_micro_usd": 120_000, "out": None} for name in ("east", "west")
    ]


def test_the_cheaper_provider_draws(two: Two) -> None:
    """The dear one is left alone while the other has room; an estimate says who is expected to draw."""
    two.provider("east", price="0.08")
    two.provider("west")
    ended = two.run(two.manifest(limits={**NO_PACE, "concurrency": 16}))
    assert (ended.exit, two.drawn("east"), two.drawn("west")) == (0, 0, 6)


def test_a_provider_without_quota_is_taken_out_with_a_word(two: Two) -> None:
    """Its jobs go on elsewhere; everything is stored, so the run ends with 0."""
    two.provider("east", rules=[Rule("429_quota", skip=1)], price="0.01")
    two.provider("west")
    ended = two.run(two.manifest(limits=ONE_BY_ONE))
    assert ended.exit == 0
    assert (two.drawn("west"), ended.summary["images"]["stored"]) == (5, 6)
    (said,) = two.told.said
    assert said.startswith("east is not asked any more: insufficient_quota")
    east, west = ended.summary["providers"]
    assert "insufficient_quota" in east["out"]
    assert west["out"] is None


def test_a_model_that_one_of_them_lacks_is_drawn_by_the_other(two: Two) -> None:
    """It is asked once, which is told once; everything is stored, so the run ends with 0."""
    two.provider("east", rules=[Rule("404_model")], price="0.01")
    two.provider("west")
    ended = two.run(two.manifest(limits=ONE_BY_ONE))
    assert (ended.exit, ended.summary["images"]["stored"]) == (0, 6)
    assert (two.drawn("east"), two.drawn("west")) == (1, 6)
    (said,) = two.told.said
    assert said.startswith("east does not draw with gpt-image-2 (generate)")


@pytest.mark.parametrize("n", [1, 4])
def test_moderation_for_money_at_all_of_them_ends_the_run(two: Two, n: int) -> None:
    """Each is braked by itself, and nobody waits for the other's second tries."""
    for name in ("east", "west"):
        two.provider(name, rules=[Rule("moderation_output")])
    jobs = [{"id": f"lamp-{number}", "prompt": f"A lamp, number {number}", "n": n} for number in range(60)]
    retry = {"attempts": 4, "base_seconds": 0.01, "cap_seconds": 0.02, "breaker_probe_seconds": [0.05, 0.05]}
    ended = two.run(two.manifest(jobs, limits={**NO_PACE, "concurrency": 8}, retry=retry))
    assert ended.exit == 6
    assert all(two.drawn(name) <= 2 * (5 + 8) + 2 for name in ("east", "west"))


def test_a_refused_key_ends_the_run_only_when_nobody_is_left(two: Two) -> None:
    """The status is that of the last provider; what was drawn is kept."""
    two.provider("east", rules=[Rule("401")])
    two.provider("west", rules=[Rule("429_quota", skip=2)])
    ended = two.run(two.manifest(limits=ONE_BY_ONE))
    assert ended.exit == 5
    assert ended.summary["images"]["stored"] == 2
    assert ended.summary["why"].startswith("insufficient_quota")


def test_what_only_a_lost_provider_can_draw_waits_for_a_later_run(two: Two) -> None:
    """The others are drawn, and the status says why the rest was not."""
    two.provider("east", rules=[Rule("429_quota", times=1)])
    two.provider("west", more="refused_values: {quality: [high]}")
    jobs = [*LAMPS[:2], {"id": "fine", "prompt": "A fine lamp", "quality": "high"}]
    manifest = two.manifest(jobs, limits=ONE_BY_ONE)
    ended = two.run(manifest)
    assert ended.exit == 5
    assert ended.summary["images"]["stored"] == 2
    assert "insufficient_quota" in ended.summary["why"]
    assert two.run(manifest).exit == 0


def test_a_job_that_one_provider_refuses_is_drawn_by_another(two: Two) -> None:
    """A refusal for nothing is no end while somebody else can be asked."""
    two.provider("east", rules=[Rule("400_invalid", prompt="number 3")], price="0.01")
    two.provider("west")
    ended = two.run(two.manifest(limits=ONE_BY_ONE))
    assert ended.exit == 0
    assert [row["provider"] for row in ended.images("lamp-3")] == ["west"]
    assert two.told.said == []


def test_the_doctor_asks_each_provider_of_a_manifest(two: Two) -> None:
    """What is bad names the provider."""
    two.provider("east")
    two.provider("west")
    manifest = two.manifest()
    two.handles["west"].stop()
    found = list(doctor.examine(manifest=manifest))
    assert [one.text.partition(":")[0] for one in found if one.name == "key accepted"] == ["east"]
    assert [one.text.partition(":")[0] for one in found if one.level == "bad"] == ["west"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"defaults": {}}, "names no model"),
        ({"provider": "openai"}, "`providers` stands beside `provider`"),
        ({"route": "batch"}, "route: batch is for one provider"),
        ({"providers": ["east.yaml", "east.yaml"]}, "east:EAST_KEY stands twice"),
        ({"providers": ["east.yaml", {"file": "west.yaml", "key": "sk-secret"}]}, "name the environment variable"),
        ({"providers": ["east.yaml", {"weight": 2}]}, "either a `name` or a `file`"),
        ({"providers": ["east.yaml", "nowhere"]}, "unknown provider 'nowhere'"),
        ({"providers": []}, "at least 1"),
        ({"defaults": {"model": "gpt-image-2", "size": "1x1"}}, "west: size: gpt-image-2 does not draw 1x1"),
    ],
)
def test_what_cannot_be_is_said_at_its_place(two: Two, settings: dict[str, Any], words: str) -> None:
    """Nothing is sent; every mistake has its line, and no secret is shown."""
    two.provider("east")
    two.provider("west")
    manifest = two.manifest(**settings)
    with pytest.raises(InputError) as refused:
        two.run(manifest)
    problems = refused.value.problems
    assert any(words in one.message and one.place and one.place.line for one in problems), problems
    assert "sk-secret" not in str(problems)
    assert two.drawn("east") + two.drawn("west") == 0


def test_one_provider_with_two_keys_is_told_apart_by_them(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable stands behind the file's name where that stands twice."""
    monkeypatch.setenv("OTHER_KEY", KEYS["EAST_KEY"])
    two.provider("east")
    entries = [{"file": "east.yaml"}, {"file": "east.yaml", "key": "OTHER_KEY"}]
    ended = two.run(two.manifest(providers=entries))
    assert {row["provider"] for row in ended.table("usage")} == {"east:EAST_KEY", "east:OTHER_KEY"}


def test_the_command_line_names_a_single_provider_instead(two: Two) -> None:
    """A rehearsal with the mock needs no other manifest."""
    two.provider("east")
    two.provider("west")
    ended = two.run(two.manifest(), provider="mock")
    assert (ended.exit, two.drawn("east") + two.drawn("west")) == (0, 0)
    assert {row["provider"] for row in ended.table("usage")} == {"mock"}


@pytest.mark.parametrize(("west", "drawn"), [(9, 6), (3, 5)])
def test_a_plan_counts_the_images_of_a_day_at_each_provider(two: Two, west: int, drawn: int) -> None:
    """What one has no room for goes to the other; the plan says what remains, and so does the run."""
    two.provider("east", price="0.01")
    two.provider("west", price="0.04")
    most = {"east": 2, "west": west}
    providers = [{"file": f"{name}.yaml", "limits": {"images_per_day": most[name]}} for name in most]
    manifest = two.manifest(limits=ONE_BY_ONE, providers=providers)
    plan = plan_manifest(manifest, Options(output=two.root / "output"))
    assert len(list(plan)) == 6
    assert plan.estimate.reach
    for end in (plan.estimate.reach.expected, plan.estimate.reach.worst):
        assert (end.jobs if end else 0) == 6 - drawn
    ended = two.run(manifest)
    assert (ended.exit, two.drawn("east"), two.drawn("west")) == (0 if drawn == 6 else 4, 2, drawn - 2)


def test_the_stricter_of_the_commands_and_an_entrys_calls_at_once_holds(two: Two) -> None:
    """`--concurrency` changes what the manifest says of all, and never goes over what an entry says of its own."""
    two.provider("east")
    two.provider("west")
    entries = [{"file": "east.yaml", "limits": {"concurrency": 2}}, "west.yaml"]
    manifest = two.manifest(providers=entries, limits={"concurrency": 4})
    for told, each in ((None, [2, 4]), (9, [2, 9]), (1, [1, 1])):
        lanes = open_project(manifest, Options(concurrency=told)).lanes
        assert [lane.settings.limits.concurrency for lane in lanes] == each


def test_another_label_buys_no_second_day(two: Two) -> None:
    """A key at its address is the same provider under a new label: its images of the day count on, which is said."""
    two.provider("east", price="0.01")
    two.provider("west")
    limited = {"file": "east.yaml", "limits": {"images_per_day": 2, "concurrency": 6}}
    for label, jobs, east, west in (("one", LAMPS[:2], 2, 0), ("two", LAMPS, 2, 4)):
        manifest = two.manifest(jobs, providers=[{**limited, "label": label}, "west.yaml"], limits=ONE_BY_ONE)
        ended = two.run(manifest)
        assert (ended.exit, two.drawn("east"), two.drawn("west")) == (0, east, west)
    assert [text for text in two.told.said if "was called" in text] == [
        "two was called one before: what is open there and its images of the day count on"
    ]
