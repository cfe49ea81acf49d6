"""Laws that every store of images keeps."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

import pytest

from batchgen.errors import Occupied, StorageError
from batchgen.storage import ImageStore, NewImage
from tests.storage.conformance.conftest import Bench

pytestmark = pytest.mark.sample(8)

KEY, OTHER = "k" * 64, "o" * 64
ASIDE = f"superseded/sku/a.{KEY[:12]}.png"
PLACE = "images/sku/a.png"
SIDECAR = b'{\n  "sidecar": 1\n}\n'


def sha(data: bytes) -> str:
    """Return the hash of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


# ---- putting ---------------------------------------------------------------------------------------------------------


def test_an_image_that_was_put_is_there_whole(bench: Bench) -> None:
    """It has its bytes, its size and its hash, and the part stays for as long as the caller wants."""
    facts = bench.part(b"an image")
    assert bench.store.put(facts.path, PLACE, facts.sha256) is None
    assert bench.stored() == {PLACE: b"an image"}
    assert facts.path.read_bytes() == b"an image"
    plain, hashed = bench.store.head(PLACE), bench.store.head(PLACE, sha256=True)
    assert plain
    assert hashed
    assert (plain.path, plain.bytes, hashed.sha256) == (PLACE, 8, facts.sha256)


def test_a_part_that_can_be_written_to_still_does_not_change_a_promise(bench: Bench) -> None:
    """An image from an unfinished spool, such as a download, is put like any other."""
    facts = bench.part(b"downloaded", finished=False)
    bench.store.put(facts.path, PLACE, facts.sha256)
    assert bench.stored() == {PLACE: b"downloaded"}


def test_putting_twice_is_putting_once(bench: Bench) -> None:
    """Before and after the part is gone; then the hash tells whether the right image stands there."""
    facts = bench.part(b"paid")
    for _ in range(2):
        assert bench.store.put(facts.path, PLACE, facts.sha256) is None
    facts.path.unlink()
    bench.store.put(facts.path, PLACE, facts.sha256)
    for wrong in (sha(b"else"), None):
        with pytest.raises(StorageError, match="gone"):
            bench.store.put(facts.path, PLACE, wrong)
    assert bench.stored() == {PLACE: b"paid"}


def test_a_part_that_is_gone_was_never_put(bench: Bench) -> None:
    """Nothing stands there: it is said and not passed over."""
    facts = bench.part(b"paid")
    facts.path.unlink()
    with pytest.raises(StorageError, match="gone"):
        bench.store.put(facts.path, PLACE, facts.sha256)


def test_a_stranger_is_never_overwritten(bench: Bench) -> None:
    """What somebody put there stays, and the paid bytes stay in the spool."""
    bench.plant(PLACE, b"mine")
    facts = bench.part(b"paid")
    with pytest.raises(Occupied):
        bench.store.put(facts.path, PLACE, facts.sha256)
    assert bench.stored() == {PLACE: b"mine"}
    assert facts.path.read_bytes() == b"paid"


def test_images_of_one_answer_are_put_together(bench: Bench) -> None:
    """Into several folders, the answers in the order of the question."""
    bench.store.put(bench.part(b"old", "old").path, "images/b/1.png")
    paths = ("images/a/0.png", "images/b/1.png", "images/a/2.png")
    new = [NewImage(bench.part(b"%d" % n, index=n).path, path, sha(b"%d" % n)) for n, path in enumerate(paths)]
    aside = f"superseded/b/1.{KEY[:12]}.png"
    for _ in range(2):
        assert bench.store.put_all(new, replacing=KEY) == (None, aside, None)
    assert [bench.read(path) for path in (*paths, aside)] == [b"0", b"1", b"2", b"old"]


@pytest.mark.parametrize("path", ["../a.png", "/etc/a.png", "images/../../b.png", "", ".", "images", "images/a\0.png"])
def test_no_path_leads_outside(bench: Bench, path: str) -> None:
    """Whatever the caller asks for."""
    facts, store = bench.part(b"x"), bench.store
    store.put(bench.part(b"y", "two").path, PLACE)
    asked: list[Callable[[], object]] = [
        lambda: store.put(facts.path, path, facts.sha256),
        lambda: store.put_all([NewImage(facts.path, path, facts.sha256)]),
        lambda: store.set_aside(path, KEY),
        lambda: store.move(PLACE, path, sha(b"y")),
    ]
    for ask in asked:
        with pytest.raises(StorageError):
            ask()
    assert bench.stored() == {PLACE: b"y"}


def test_nothing_is_put_beside_the_images(bench: Bench) -> None:
    """A place below `superseded/` is the store's own to give."""
    with pytest.raises(StorageError):
        bench.store.put(bench.part(b"x").path, "superseded/a.png")
    assert bench.stored() == {}


# ---- making room -----------------------------------------------------------------------------------------------------


def test_a_replaced_image_steps_aside_with_its_key_and_its_sidecar(bench: Bench) -> None:
    """Nothing that was paid is lost; doing it again gives the same answer."""
    bench.store.put(bench.part(b"old", "one").path, PLACE)
    bench.store.write_sidecar(PLACE, SIDECAR)
    new = bench.part(b"new", "two")
    for _ in range(2):
        assert bench.store.put(new.path, PLACE, new.sha256, replacing=KEY) == ASIDE
    assert bench.stored() == {PLACE: b"new", ASIDE: b"old"}
    assert bench.sidecars() == {ASIDE: SIDECAR}


def test_an_image_that_is_the_same_to_the_last_byte_steps_aside_too(bench: Bench) -> None:
    """It was paid for by another job: each job keeps its own."""
    for turn, key in enumerate((None, "a" * 64, "b" * 64, "b" * 64)):
        gone = bench.store.put(bench.part(b"dot", f"try-{turn}").path, "images/a.png", replacing=key)
        assert gone == (key and f"superseded/a.{key[:12]}{'~2' if turn == 3 else ''}.png")
    assert len(bench.stored()) == 4


def test_nothing_to_replace_is_no_fault(bench: Bench) -> None:
    """The user had moved the old image away."""
    assert bench.store.put(bench.part(b"x").path, PLACE, replacing=KEY) is None


def test_images_of_one_job_can_step_aside_more_than_once(bench: Bench) -> None:
    """Each keeps a name of its own."""
    gone = [bench.store.put(bench.part(b"%d" % n, f"try-{n}").path, PLACE, replacing=KEY) for n in range(4)]
    assert gone == [None, *(f"superseded/sku/a.{KEY[:12]}{end}.png" for end in ("", "~2", "~3"))]
    assert sorted(bench.stored().values()) == [b"0", b"1", b"2", b"3"]


def test_an_image_is_set_aside_once(bench: Bench) -> None:
    """With its sidecar; again it tells the same, and nothing where there is none."""
    bench.store.put(bench.part(b"old").path, PLACE)
    bench.store.write_sidecar(PLACE, SIDECAR)
    for _ in range(2):
        assert bench.store.set_aside(PLACE, KEY) == ASIDE
    assert bench.store.set_aside("images/none.png", KEY) is None
    assert bench.stored() == {ASIDE: b"old"}
    assert bench.sidecars() == {ASIDE: SIDECAR}


# ---- moving ----------------------------------------------------------------------------------------------------------


def test_an_image_moves_back_with_its_sidecar(bench: Bench) -> None:
    """What was set aside is in its place again; doing it again is harmless."""
    bench.store.put(bench.part(b"old").path, PLACE)
    bench.store.write_sidecar(PLACE, SIDECAR)
    bench.store.set_aside(PLACE, KEY)
    for _ in range(2):
        assert bench.store.move(ASIDE, PLACE, sha(b"old")) is None
    assert bench.stored() == {PLACE: b"old"}
    assert bench.sidecars() == {PLACE: SIDECAR}


def test_an_image_that_moves_replaces_another(bench: Bench) -> None:
    """They change places, each with its own sidecar, and nothing is lost."""
    bench.store.put(bench.part(b"old", "one").path, PLACE)
    bench.store.write_sidecar(PLACE, SIDECAR + b"old")
    bench.store.put(bench.part(b"new", "two").path, PLACE, replacing=KEY)
    bench.store.write_sidecar(PLACE, SIDECAR + b"new")
    other = f"superseded/sku/a.{OTHER[:12]}.png"
    for _ in range(2):
        assert bench.store.move(ASIDE, PLACE, sha(b"old"), replacing=OTHER) == other
    assert bench.stored() == {PLACE: b"old", other: b"new"}
    assert bench.sidecars() == {PLACE: SIDECAR + b"old", other: SIDECAR + b"new"}


def test_no_move_goes_over_a_stranger(bench: Bench) -> None:
    """Both stay where they are."""
    bench.store.put(bench.part(b"old").path, PLACE)
    bench.store.set_aside(PLACE, KEY)
    bench.plant(PLACE, b"mine")
    with pytest.raises(Occupied):
        bench.store.move(ASIDE, PLACE, sha(b"old"))
    assert bench.stored() == {PLACE: b"mine", ASIDE: b"old"}


def test_a_move_to_the_same_place_is_none(bench: Bench) -> None:
    """The image stays."""
    bench.store.put(bench.part(b"old").path, PLACE)
    assert bench.store.move(PLACE, PLACE, sha(b"old")) is None
    assert bench.stored() == {PLACE: b"old"}


def test_what_is_gone_does_not_move(bench: Bench) -> None:
    """It is said and not passed over."""
    with pytest.raises(StorageError, match="gone"):
        bench.store.move(ASIDE, PLACE, sha(b"old"))


# ---- looking ---------------------------------------------------------------------------------------------------------


def test_images_are_listed_by_path_with_their_sizes(bench: Bench) -> None:
    """Below a folder, with hashes when asked; sidecars are no images, strangers are shown like any other."""
    store, paths = (
        bench.store,
        ("images/a-0.png", "images/a.png", "images/a/0.png", "images/a/b/1.png", "images/ab.png"),
    )
    for number, path in enumerate(reversed(paths)):
        store.put(bench.part(b"x" * number, f"try-{number}").path, path)
    store.write_sidecar("images/a.png", SIDECAR)
    bench.plant("images/z.png", b"mine")
    assert [(file.path, file.bytes) for file in store.listing()] == [
        *zip(paths, range(4, -1, -1), strict=True),
        ("images/z.png", 4),
    ]
    assert [file.path for file in store.listing("images/a")] == ["images/a/0.png", "images/a/b/1.png"]
    assert {file.sha256 for file in store.listing()} == {None}
    assert [file.sha256 for file in store.listing("images/a", sha256=True)] == [sha(b"xx"), sha(b"x")]
    assert list(store.listing("superseded")) == []


def test_an_empty_store_has_nothing(bench: Bench) -> None:
    """Nothing to list, to describe or to name; opening it says so."""
    store = bench.store
    assert (list(store.listing()), store.head(PLACE), store.local_path(PLACE)) == ([], None, None)
    assert store.read_sidecar(PLACE) is None
    with pytest.raises(StorageError):
        store.open(PLACE)
    store.ready()
    assert list(store.listing()) == []


def test_a_file_of_this_machine_has_the_bytes_of_its_image(bench: Bench) -> None:
    """Where a store keeps files; others give none."""
    bench.store.put(bench.part(b"paid").path, PLACE)
    file = bench.store.local_path(PLACE)
    assert file is None or file.read_bytes() == b"paid"


def test_what_is_taken_is_told(bench: Bench) -> None:
    """Places of images and of strangers; the others are free to put an image there."""
    bench.store.put(bench.part(b"paid").path, PLACE)
    bench.plant("images/mine.png", b"mine")
    free = ("images/sku/b.png", "images/none/c.png", "superseded/a.png")
    assert bench.store.taken([PLACE, "images/mine.png", *free]) == {PLACE, "images/mine.png"}
    for number, path in enumerate(free[:2]):
        bench.store.put(bench.part(b"x", f"{number}").path, path)


def test_an_open_image_can_be_read_from_any_place(bench: Bench) -> None:
    """Decoders jump about in it."""
    bench.store.put(bench.part(b"0123456789").path, PLACE)
    with bench.store.open(PLACE) as file:
        assert file.seek(7) == 7
        assert file.read() == b"789"
        file.seek(0)
        assert file.read(3) == b"012"


# ---- sidecars --------------------------------------------------------------------------------------------------------


def test_a_sidecar_is_written_over_its_older_one_only(bench: Bench) -> None:
    """A stranger's file of that name stays what it is."""
    for number, path in enumerate(("images/a.png", "images/b.png")):
        bench.store.put(bench.part(b"x", f"{number}").path, path)
    bench.plant("images/b.png.json", b"mine")
    for text in (SIDECAR, SIDECAR + b"newer"):
        assert bench.store.write_sidecar("images/a.png", text)
        assert bench.store.read_sidecar("images/a.png") == text
    assert not bench.store.write_sidecar("images/b.png", SIDECAR)
    assert bench.store.read_sidecar("images/b.png") == b"mine"


def test_what_is_too_large_is_no_sidecar(bench: Bench) -> None:
    """It is neither read nor replaced."""
    bench.store.put(bench.part(b"x").path, PLACE)
    bench.plant(f"{PLACE}.json", SIDECAR + b" " * 1_000_000)
    assert bench.store.read_sidecar(PLACE) is None
    assert not bench.store.write_sidecar(PLACE, SIDECAR)


# ---- crashes ---------------------------------------------------------------------------------------------------------


class Stop(BaseException):
    """The process dies here."""


Act = Callable[[Bench, ImageStore], object]
Ready = Callable[[Bench], None]


def _nothing(_: Bench) -> None:
    """Prepare nothing."""


def _with_old(bench: Bench) -> None:
    bench.store.put(bench.part(b"old", "old").path, PLACE)
    bench.store.write_sidecar(PLACE, SIDECAR)


def _with_old_aside(bench: Bench) -> None:
    _with_old(bench)
    bench.store.set_aside(PLACE, KEY)


def _with_both(bench: Bench) -> None:
    _with_old_aside(bench)
    bench.store.put(bench.part(b"now", "now").path, PLACE)
    bench.store.write_sidecar(PLACE, SIDECAR + b"now")


def _new(bench: Bench) -> list[NewImage]:
    """Two images of an answer that came once."""
    spool = bench.workspace.spool("new")
    if spool.read() is None:
        for number in range(2):
            bench.part(b"new-%d" % number, "new", number, finished=number == 1)
    places = (PLACE, "images/other/b.png")
    return [NewImage(spool.path / f"{number}.part", path) for number, path in enumerate(places)]


ACTS: dict[str, tuple[Ready, Act]] = {
    "put": (_nothing, lambda bench, store: store.put(_new(bench)[0].file, PLACE)),
    "put, replacing": (_with_old, lambda bench, store: store.put(_new(bench)[0].file, PLACE, replacing=KEY)),
    "put all, replacing": (_with_old, lambda bench, store: store.put_all(_new(bench), replacing=KEY)),
    "set aside": (_with_old, lambda _, store: store.set_aside(PLACE, KEY)),
    "move": (_with_old_aside, lambda _, store: store.move(ASIDE, PLACE, sha(b"old"))),
    "move, replacing": (_with_both, lambda _, store: store.move(ASIDE, PLACE, sha(b"old"), replacing=OTHER)),
    "write a sidecar": (_with_old, lambda _, store: store.write_sidecar(PLACE, SIDECAR + b"newer")),
}


def crashes(new_bench: Callable[[], Bench], ready: Ready, act: Act, twice: bool) -> Iterator[Bench]:
    """Let the process die at the first step, at the second and so on, once or again in the next run."""
    for number in count(1):
        bench, steps = new_bench(), list[str]()

        def at(name: str, steps: list[str] = steps, number: int = number) -> None:
            steps.append(name)
            if len(steps) == number:
                raise Stop

        ready(bench)
        for _ in range(2 if twice else 1):
            steps.clear()
            with suppress(Stop):
                act(bench, bench.opened(at=at))
                return
            everything = {*bench.stored().values(), *(p.read_bytes() for p in bench.workspace.root.rglob("*.part"))}
            assert everything >= ({b"old"} if ready is not _nothing else set())
        yield bench


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("name", ACTS)
def test_a_crash_at_any_step_is_made_good_by_doing_it_again(
    new_bench: Callable[[], Bench], name: str, *, twice: bool
) -> None:
    """Each image and each sidecar is where it would have been, and the answer is the same."""
    ready, act = ACTS[name]
    whole = new_bench()
    ready(whole)
    answer = act(whole, whole.store)
    for bench in crashes(new_bench, ready, act, twice):
        assert act(bench, bench.store) == answer
        assert bench.stored() == whole.stored()
        assert bench.sidecars() == whole.sidecars()


def test_only_what_stepped_aside_is_discarded(bench: Bench) -> None:
    """With its sidecar, and once more without harm; a stranger's file beside it stays, and no other path is taken."""
    bench.store.put(bench.part(b"old", "one").path, PLACE)
    bench.store.write_sidecar(PLACE, SIDECAR)
    bench.store.put(bench.part(b"new", "two").path, PLACE, replacing=KEY)
    (listed,) = bench.store.listing("superseded")
    assert listed.path == ASIDE
    for _ in range(2):
        bench.store.discard(ASIDE)
        assert bench.stored() == {PLACE: b"new"}
        assert bench.store.read_sidecar(ASIDE) is None
    for other in (PLACE, "superseded", "report/report.html", "superseded/../images/sku/a.png"):
        with pytest.raises(StorageError):
            bench.store.discard(other)
    assert bench.stored() == {PLACE: b"new"}
