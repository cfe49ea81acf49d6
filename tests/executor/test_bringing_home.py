"""Answers that were saved on another disk come home."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from batchgen.executor.part_writer import bring_home
from batchgen.storage import Workspace


def test_the_executors_of_several_providers_bring_answers_home_together(tmp_path: Path) -> None:
    """Each asks for all of them at once: every answer comes home whole, and nobody stumbles over the others."""
    home, away = Workspace(tmp_path / "home"), Workspace(tmp_path / "away")
    names = {f"{number:024x}" for number in range(20)}
    for name in names:
        part = away.spool(name).part(0)
        part.write(b"an image")
        part.close()
        away.spool(name).finish({"of": name})
    together = Barrier(4)

    def ask(_: int) -> tuple[str, ...]:
        together.wait()
        return bring_home(away, home)

    with ThreadPoolExecutor(4) as pool:
        brought = [name for names in pool.map(ask, range(4)) for name in names]
    assert sorted(brought) == sorted(names)
    assert {name: home.spool(name).read() for name in names} == {name: {"of": name} for name in names}
