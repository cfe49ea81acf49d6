"""The mock counts and bills by its own few lines: both must come to the same figures."""

from importlib.util import find_spec

from hypothesis import example, given
from hypothesis import strategies as st

from batchgen import catalog, pricing
from batchgen.mock import models as mock
from batchgen.pricing.tokens import drawn_tokens
from tests.catalog.factory import ask, quoted

EDGES = st.integers(1, 5000)


@given(EDGES, EDGES)
@example(1179, 2556)
@example(513, 1024)
def test_reference_images_count_the_same(width: int, height: int) -> None:
    """Tiles and patches of any image up to five thousand pixels wide."""
    first, later = catalog.find_model("gpt-image-1"), catalog.find_model("gpt-image-2")
    assert first is not None
    assert later is not None
    assert pricing.input_tokens(first, width, height) == mock.tiles(width, height)
    assert pricing.input_tokens(later, width, height) == mock.patches(width, height)


@given(st.sampled_from(sorted(mock.MODELS)), st.integers(30, 240), st.integers(30, 240), st.data())
def test_drawn_images_count_the_same(name: str, columns: int, rows: int, data: st.DataObject) -> None:
    """Every model at every quality, at any size it draws."""
    drawer, model = mock.MODELS[name], catalog.find_model(name)
    assert model is not None
    quality = data.draw(st.sampled_from(drawer.qualities))
    width, height = columns * 16, rows * 16
    if not drawer.flexible:
        width, height = data.draw(st.sampled_from([(1024, 1024), (1024, 1536), (1536, 1024)]))
    size = f"{width}x{height}"
    assert drawn_tokens(model.output_tokens, size, quality) == drawer.output_tokens(quality, width, height)


@given(st.text(max_size=400))
def test_words_count_the_same(prompt: str) -> None:
    """Where the vocabulary is installed, both count every prompt alike."""
    if find_spec("bpe_openai"):
        assert pricing.text_tokens(prompt) == mock.text_tokens(prompt)


def test_what_is_left_to_the_model_is_expected_as_the_mock_draws_it() -> None:
    """A square, of medium quality but for the one model that is seen to draw high, in both houses."""
    for name, drawer in mock.MODELS.items():
        quote = quoted(ask(name), provider="openai")
        assert quote.output_tokens == drawer.output_tokens(drawer.auto_quality, 1024, 1024)
