"""One side of the benchmark of derivatives: batchgen, or what one writes with Pillow and a pool of processes."""

import json
import os
import resource
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

from PIL import Image, ImageFilter, ImageOps

from batchgen.app.output.derive_worker import NICE

DISTINCT = 8
"""Images that differ; the others are links to them."""


def main() -> None:
    """Make what was asked for, and print what it took."""
    facts = json.loads(sys.argv[1])
    folder = Path(facts["folder"])
    paths = _originals(folder, facts["count"])
    begin = time.monotonic()
    {"plain": _plain, "ours": _ours}[facts["side"]](folder, paths)
    wall = time.monotonic() - begin
    made = sum(1 for path in (folder / "derivatives").rglob("*") if path.is_file() and path.suffix in {".webp", ".jpg"})
    if made != 3 * len(paths):
        raise SystemExit(f"{made} derivatives of {len(paths)} images")
    own, others = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    shutil.rmtree(folder)
    print(json.dumps({"wall": wall, "peak_mib": max(own, others)}))


def _originals(folder: Path, count: int) -> list[Path]:
    """Write images that compress about as photographs do."""
    images, random = folder / "images", Random(7)
    images.mkdir(parents=True)
    for number in range(DISTINCT):
        noise = Image.frombytes("RGB", (64, 64), random.randbytes(64 * 64 * 3))
        large = noise.resize((1024, 1024), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))
        large.save(folder / f"{number}.png", compress_level=1)
    paths = [images / f"p{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        os.link(folder / f"{number % DISTINCT}.png", path)
    return paths


def _plain(folder: Path, paths: list[Path]) -> None:
    for name in ("web", "square", "thumb"):
        (folder / "derivatives" / name).mkdir(parents=True)
    # As nice as batchgen's own processes: otherwise other programs of the machine would slow one side alone.
    with ProcessPoolExecutor(os.cpu_count(), initializer=os.nice, initargs=(NICE,)) as pool:
        list(pool.map(_made, [str(path) for path in paths], chunksize=4))


def _made(path: str) -> None:
    below, stem = Path(path).parent.parent / "derivatives", Path(path).stem
    with Image.open(path) as image:
        whole = image.convert("RGB")
    web = whole.copy()
    web.thumbnail((800, 800), Image.Resampling.LANCZOS)
    web.save(below / "web" / f"{stem}.webp", quality=82)
    square = ImageOps.pad(whole, (600, 600), Image.Resampling.LANCZOS, "#ffffff")
    square.save(below / "square" / f"{stem}.jpg", quality=85)
    thumb = whole.copy()
    thumb.thumbnail((320, 320), Image.Resampling.LANCZOS)
    thumb.save(below / "thumb" / f"{stem}.webp", quality=80)


def _ours(folder: Path, paths: list[Path]) -> None:
    from batchgen.app.output.derive import Deriver, Source
    from batchgen.model import Fit, Recipe
    from batchgen.storage import LocalStore, Workspace

    recipes = (
        Recipe("web", max_edge=800, format="webp", quality=82),
        Recipe("square", width=600, height=600, fit=Fit.PAD, background="#ffffff", format="jpeg", quality=85),
        Recipe("thumb", max_edge=320, format="webp", quality=80),
    )
    sources = [Source(f"images/{path.name}", f"{number:064x}") for number, path in enumerate(paths)]
    result = Deriver(Workspace(folder), LocalStore(folder), recipes).complete(sources, sources)
    if result.failed:
        raise SystemExit(str(result.failed[0]))


if __name__ == "__main__":
    main()
