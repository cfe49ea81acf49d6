"""Messages and heartbeats over real sockets: what hangs, refuses or is nonsense is a warning and costs little time."""

import time
from typing import Any

import pytest

from batchgen.app.notify.delivery import problems, recipients
from batchgen.app.notify.notifier import Notifier
from batchgen.errors import AccountError, Exit, InputError, Locked, Place
from batchgen.model import Event, Notify
from tests.notify.listener import TOKEN, Listener, listening
from tests.patience import PATIENCE
from tests.summaries import summary

SECRET_PROMPT = "a portrait of Ms Secret"


class Watch:
    """Keeps what it is told."""

    def __init__(self, *, attended: bool = False) -> None:
        self.attended = attended
        self.notes: list[str] = []

    def on_progress(self, progress: Any, /) -> None:
        """Pass over."""

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        assert urgent, "also under --quiet"
        self.notes.append(text)

    def ask(self, _question: str, /) -> bool:
        return False


def notifier(
    variables: dict[str, str], notify: Notify | None = None, patience: float = PATIENCE, **how: Any
) -> Notifier:
    """One that tells of a run named shop."""
    return Notifier("shop", variables, Watch(**how), notify or Notify(), patience)


def end(one: Notifier, exit_: Exit = Exit.LIMIT, sent: int = 9, **blocks: Any) -> list[str]:
    """Tell how a run ended; the warnings."""
    facts = summary(exit_, attempts={"sent": sent, "retried": 0}, **blocks) | {
        "why": "the cost limit of this run is $5.00",
        "reason": "the cost limit of this run is $5.00",
    }
    one.end(exit_, facts, "output/shop")
    assert isinstance(one.watch, Watch)
    return one.watch.notes


def test_a_message_says_what_ended_and_what_to_do(listener: Listener) -> None:
    """The title is short; the body has images, the money that is not zero, and the next step."""
    assert end(notifier(listener.variables)) == []
    (message,) = listener.messages
    assert message["title"] == "batchgen shop: stopped at a limit you set (exit 4)"
    assert message["type"] == "warning"
    lines = message["message"].splitlines()
    assert lines[0] == "the cost limit of this run is $5.00"
    assert "images: 48 of 48 stored" in lines
    assert "money of this run: $1.20 confirmed, $0.05 estimated, $0.025 not charged" in lines
    assert lines[-1] == "next: the same command with a higher limit goes on where this one stopped"


@pytest.mark.parametrize(
    ("exit_", "sent", "endings", "messages"),
    [
        (Exit.OK, 9, ["/start", ""], 1),
        (Exit.OK, 0, ["/start", ""], 0),  # nothing to do
        (Exit.LIMIT, 0, ["/start", "/fail"], 1),
        (Exit.SIGTERM, 3, ["/start", "/fail"], 1),
    ],
)
def test_the_monitor_hears_of_every_run(
    listener: Listener, exit_: Exit, sent: int, endings: list[str], messages: int
) -> None:
    """It starts, then it is well or it failed; people are not told that there was nothing to do."""
    one = notifier(listener.variables)
    one.begin()
    assert end(one, exit_, sent) == []
    assert (listener.endings, len(listener.messages)) == (endings, messages)


@pytest.mark.parametrize("exit_", [e for e in Exit if e is not Exit.LOCKED])
@pytest.mark.parametrize("event", list(Event))
def test_every_end_is_one_of_three_events(listener: Listener, exit_: Exit, event: Event) -> None:
    """Only the events that were asked for are told."""
    end(notifier(listener.variables, Notify(on=(event,))), exit_)
    expected = {
        Event.DONE: {0, 9},
        Event.STOPPED: {4, 5, 6, 130, 143},
        Event.FAILED: {1, 2, 3, 7, 8},
    }
    assert len(listener.messages) == (exit_ in expected[event])


def test_an_address_keeps_its_query(listener: Listener) -> None:
    """The ending stands on the path, not behind the parameters."""
    one = notifier({"BATCHGEN_HEARTBEAT_URL": f"{listener.heartbeat}/?msg=x"})
    end(one)
    assert listener.endings == ["/fail?msg=x"]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_refusal_is_a_warning_without_the_address(status: int) -> None:
    """Both name the status, neither the token."""
    with listening(status=status) as refusing:
        notes = end(notifier(refusing.variables))
    assert len(notes) == 2
    assert notes[0].startswith("warning: notification 1 (json) failed: ")
    assert notes[1] == f"warning: the heartbeat failed: HTTP {status}"
    assert TOKEN not in str(notes)


def test_nobody_there_is_a_warning() -> None:
    """A port where nobody listens is told, without the token."""
    with listening() as gone:
        variables = gone.variables
    notes = end(notifier(variables))
    assert len(notes) == 2
    assert "ConnectionRefusedError" in notes[1]
    assert TOKEN not in str(notes)


def test_who_never_answers_is_left_behind() -> None:
    """However many hang, the end waits once, and says so."""
    spans = []
    with listening(hangs=True) as hanging:
        for urls in (1, 5):
            one = notifier({"BATCHGEN_NOTIFY_URLS": " ".join([hanging.urls] * urls)}, patience=0.5)
            one.begin()
            began = time.monotonic()
            notes = end(one)
            spans.append(time.monotonic() - began)
            assert [note.rpartition(": ")[2] for note in notes] == ["no answer within 0.5 s"] * urls
    assert spans[1] < 4 * spans[0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError(f"bad {SECRET_PROMPT}"), "1 error in the manifest or the command; nothing was spent"),
        (AccountError("no API key for openai: set OPENAI_API_KEY"), "set OPENAI_API_KEY"),
        (ZeroDivisionError(SECRET_PROMPT), "a bug: ZeroDivisionError"),
        (Locked("x"), "nothing was spent"),
    ],
)
def test_a_run_that_could_not_begin(listener: Listener, error: Exception, said: str) -> None:
    """Nobody is at a terminal to see it: the monitor and people are told, without a cell of the manifest."""
    notifier(listener.variables).fail(error)
    assert listener.endings == ["/fail"]
    assert said in listener.messages[0]["message"]
    assert SECRET_PROMPT not in str(listener.messages)
    seen = notifier(listener.variables, attended=True)
    seen.fail(error)
    assert len(listener.messages) == 1, "who sits at the terminal has seen it"


@pytest.mark.parametrize("exit_", list(Exit))
def test_words_of_a_provider_are_not_passed_on(listener: Listener, exit_: Exit) -> None:
    """A provider may repeat a prompt: of its words only the short name of the error is told."""
    facts = summary(exit_, attempts={"sent": 1, "retried": 0})
    facts |= {"why": f"insufficient_quota ({SECRET_PROMPT})", "reason": "insufficient_quota"}
    notifier(listener.variables).end(exit_, facts, "output/shop")
    assert SECRET_PROMPT not in str(listener.messages)
    assert "insufficient_quota" in str(listener.messages)


HERE = Place("m.yaml", 3, 1)


@pytest.mark.parametrize(
    ("notify", "variables", "said"),
    [
        (Notify(), {}, ""),
        (Notify(urls="SHOP", heartbeat="BEAT"), {"SHOP": "", "BEAT": ""}, ""),
        (Notify(urls="SHOP"), {"SHOP": "json://127.0.0.1/x, json://127.0.0.1/y"}, ""),
        (Notify(urls="SHOP"), {}, "SHOP is not set"),
        (Notify(), {"BATCHGEN_NOTIFY_URLS": "json://127.0.0.1/x nonsense://tok-1"}, "address 2 is none that Apprise"),
        (Notify(), {"BATCHGEN_NOTIFY_URLS": "tok-1"}, "BATCHGEN_NOTIFY_URLS: address 1"),
        (Notify(), {"BATCHGEN_HEARTBEAT_URL": "tok-1"}, "BATCHGEN_HEARTBEAT_URL holds no address"),
        (Notify(heartbeat="BEAT"), {"BEAT": "file:///tok-1"}, "BEAT holds no address"),
        (Notify(heartbeat="BEAT"), {"BEAT": "https://[tok-1"}, "BEAT holds no address"),
    ],
)
def test_what_keeps_anybody_from_being_told_is_found_first(
    notify: Notify, variables: dict[str, str], said: str
) -> None:
    """A variable that is missing or holds nonsense is an error of `check`, which shows none of it."""
    found = list(problems(notify, variables, HERE))
    assert [problem.place for problem in found] == [HERE] * bool(said)
    assert said in "".join(problem.message for problem in found)
    assert "tok-1" not in str(found)


def test_addresses_are_not_shown_by_accident() -> None:
    """The value that holds them does not show them."""
    assert TOKEN not in repr(recipients(Notify(), {"BATCHGEN_NOTIFY_URLS": f"json://{TOKEN}"}))


def test_commas_and_blanks_stand_between_addresses() -> None:
    """A comma inside an address belongs to it."""
    urls = "mailto://u:p@x.example?to=a@x.example,b@x.example, slack://a/b/c\n json://127.0.0.1"
    assert recipients(Notify(), {"BATCHGEN_NOTIFY_URLS": urls}).urls == (
        "mailto://u:p@x.example?to=a@x.example,b@x.example",
        "slack://a/b/c",
        "json://127.0.0.1",
    )


def test_a_bug_in_telling_is_no_bug_of_the_run(listener: Listener) -> None:
    """A summary that lacks what a message needs is a warning."""
    one = notifier(listener.variables)
    one.end(Exit.OK, {}, "output/shop")
    assert isinstance(one.watch, Watch)
    assert one.watch.notes == ["warning: nobody was told: KeyError"]
