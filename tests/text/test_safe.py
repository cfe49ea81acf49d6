"""Untrusted text on its way to a terminal or a log."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.text import LIMIT, counted, duration, safe, seconds, size_of

ESCAPES = [
    "\x1b[31mred", "\x1b]0;title\x07", "\x1b]52;c;cm0gLXJm\x07", "\x9b31m", "\x90q\x9c",
    "\u202egnp.exe", "\u2066x\u2069",
    "\u200b", "\u200f", "\ufeff", "\u2028", "\u2029", "\x00", "\x07", "\b\b\b", "\r$0.00", "\n2026-11-20 INFO paid $0",
    "\x7f", "\x85", "\xad", "\ud800", "\U000e0041", "\t", "\v", "\f", "\x1bc", "\x1b(0", "\x1b[2J",
    "\x8d", "\x9d0;t\x9c",
]  # fmt: skip


@pytest.mark.parametrize("payload", ESCAPES)
def test_no_escape_reaches_a_terminal(payload: str) -> None:
    """Of every payload only printable characters are left, on one line."""
    shown = safe(f"a{payload}b")
    assert shown.isprintable()
    assert shown.startswith("a")
    assert "\\x" in shown or "\\u" in shown or "\\U" in shown


@given(st.text())
def test_anything_is_made_one_printable_line(text: str) -> None:
    """Whatever comes in, at most 200 visible characters come out."""
    shown = safe(text)
    assert len(shown) <= LIMIT
    assert shown.isprintable()


@given(st.text(st.characters(exclude_categories=("C", "Z")), max_size=LIMIT))
def test_harmless_text_is_left_alone(text: str) -> None:
    """Letters of every script, digits and signs stay as they are."""
    assert safe(text) == text


@pytest.mark.parametrize("text", ["x" * 500, "\x1b" * 500, "x" * 198 + "\u202e" * 3, "é" * 201])
def test_a_cut_is_marked_and_splits_no_escape(text: str) -> None:
    """What is too long ends in an ellipsis, after a whole character or escape."""
    shown = safe(text)
    assert shown.endswith("…")
    assert len(shown) <= LIMIT
    assert not shown[:-1].endswith(("\\", "\\x", "\\x1", "\\u", "\\u2", "\\u20", "\\u202"))


def test_bidi_classes_are_all_escaped() -> None:
    """No character that changes the direction of text by itself stays invisible."""
    controls = [
        chr(c) for c in range(0x110000) if unicodedata.bidirectional(chr(c)) in {"RLO", "LRO", "RLI", "LRI", "PDI"}
    ]
    assert controls
    assert not [c for c in controls if safe(c) == c]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.4 s"), (-1, "0.0 s"), (42, "42 s"), (60, "1 min"), (200, "3 min 20 s"), (4320, "1 h 12 min"),
     (3600, "1 h"), (183_600, "2 d 3 h")],
)  # fmt: skip
def test_durations(seconds: float, words: str) -> None:
    """A span has at most two units."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (6_100_000_000, "6.1 GB"), (10**16, "10.0 PB")],
)
def test_sizes(count: int, words: str) -> None:
    """Bytes are counted in powers of a thousand."""
    assert size_of(count) == words


def test_nouns_agree_with_their_number() -> None:
    """One image, two images, no images."""
    assert [counted(n, "image") for n in (0, 1, 1200)] == ["0 images", "1 image", "1,200 images"]
    assert counted(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("2h", 7200),
        ("90m", 5400),
        ("1h30m", 5400),
        ("45s", 45),
        ("1.5h", 5400),
        ("1d", 86_400),
        (" 2H ", 7200),
        ("45min", 2700),
        ("90", 90),
        ("30m1h", 5400),
        ("1 h 30 min", 5400),
        ("0s", 0),
        ("", None),
        ("h", None),
        ("-2h", None),
        ("1h30", None),
        ("1e3", None),
        ("٢h", None),
    ],
)
def test_durations_are_read(words: str, expected: float | None) -> None:
    """A duration is days, hours, minutes and seconds, or a bare number of seconds; nothing else is one."""
    assert seconds(words) == expected
