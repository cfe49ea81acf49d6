"""One image in every spelling of base64: it is stored as it is, and paid once."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from tests.wire.scene import scene

SPELLINGS = (
    "b64_data_prefix", "b64_newlines", "b64_unpadded", "b64_urlsafe", "b64_escaped", "b64_unicode", "data_url",
)  # fmt: skip


def noise() -> bytes:
    """Check that an image whose base64 has every letter."""
    out = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(out, "JPEG", quality=90)
    return out.getvalue()


@pytest.mark.parametrize("more", range(3))
def test_a_spelling_costs_no_second_call(place_of_work: Path, more: int) -> None:
    """Whatever the image's length leaves of the last quantum: one call a job, and the bytes that were sent."""
    image = noise()
    image += bytes((more - len(image)) % 3)
    assert set(b"+/A") <= set(base64.b64encode(image))
    jobs = [{"id": name, "prompt": f"A cat [[mock: fault={name} slots=all]]", "n": 3} for name in SPELLINGS]
    with scene(place_of_work, fixed_bytes=image) as here:
        seen = here.run(here.manifest(jobs))
        assert [seen.states(name) for name in SPELLINGS] == [("settled",)] * len(SPELLINGS)
        assert len(here.bill()) == len(SPELLINGS)
        stored = [seen.folder / row["path"] for row in seen.table("images.csv")]
        assert [path.read_bytes() for path in stored] == [image] * 3 * len(SPELLINGS)
        assert seen.exit == 0
        assert not list(seen.folder.glob("quarantine/*"))
