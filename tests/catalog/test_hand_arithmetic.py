"""Twelve priced combinations, each worked out by hand: tokens by the published table or formula, money by the list."""

import pytest

from batchgen.model import FileImage, Usage
from tests.catalog.factory import ask, image, quoted, settled

TEXT = 12
"""Tokens of the prompt, as the answer counts them."""

# By the formula, with L the longer edge and S the shorter: u = round(base * S / L), half to even, and
# tokens = ceil(base * u * (2,000,000 + W * H) / 4,000,000). Micro-dollars: tokens times dollars per million.
BY_HAND = [
    # 16 * 16 * 3,048,576 / 4,000,000 = 195.1 -> 196; 12 * 5 + 196 * 30 = 60 + 5,880
    ("gpt-image-2", "low", "1024x1024", 1, None, 196, 5_940),
    # 48 * 48 * 3,048,576 / 4,000,000 = 1,755.98 -> 1,756; 60 + 1,756 * 30 = 60 + 52,680
    ("gpt-image-2", "medium", "1024x1024", 1, None, 1_756, 52_740),
    # u = 96 * 1024 / 1536 = 64; 96 * 64 * 3,572,864 / 4,000,000 = 5,487.9 -> 5,488; 60 + 5,488 * 30
    ("gpt-image-2", "high", "1024x1536", 1, None, 5_488, 164_700),
    # the same tokens as the first; 60 + 5,880
    ("gpt-image-2.5-flare", "low", "1024x1024", 1, None, 196, 5_940),
    # 24 * 24 * 3,048,576 / 4,000,000 = 438.99 -> 439; 60 + 439 * 30 = 60 + 13,170
    ("gpt-image-2.5-flare", "medium", "1024x1024", 1, None, 439, 13_230),
    # u = 48 * 1024 / 1536 = 32; 48 * 32 * 3,572,864 / 4,000,000 = 1,371.98 -> 1,372; 60 + 1,372 * 30
    ("gpt-image-2.5-sunburst", "high", "1536x1024", 1, None, 1_372, 41_220),
    # 64 * 64 * 3,048,576 / 4,000,000 = 3,121.7 -> 3,122; 60 + 3,122 * 30 = 60 + 93,660
    ("gpt-image-2.5-flare", "xhigh", "1024x1024", 1, None, 3_122, 93_720),
    # 96 * 96 * 6,194,304 / 4,000,000 = 14,271.7 -> 14,272; 60 + 14,272 * 30 = 60 + 428,160
    ("gpt-image-2.5-sunburst", "max", "2048x2048", 1, None, 14_272, 428_220),
    # four images of 1,756 tokens, the prompt four times: 48 * 5 + 7,024 * 30 = 240 + 210,720
    ("gpt-image-2.6-flare", "high", "1024x1024", 4, None, 1_756, 210_960),
    # the guide's table: 1,584; 12 * 5 + 1,584 * 32 = 60 + 50,688
    ("gpt-image-1.5", "medium", "1024x1536", 1, None, 1_584, 50_748),
    # the guide's table: 272; 12 * 2 + 272 * 8 = 24 + 2,176
    ("gpt-image-1-mini", "low", "1024x1024", 1, None, 272, 2_200),
    # an edit of 1024x1024: 32 * 32 patches = 1,024 tokens at $8; 60 + 8,192 + 7,024 * 30
    ("gpt-image-2", "high", "1024x1024", 1, image(1024, 1024), 7_024, 218_972),
]


@pytest.mark.parametrize(("model", "quality", "size", "n", "reference", "each", "micro_usd"), BY_HAND)
def test_what_a_call_costs_is_the_arithmetic_of_the_list(
    model: str, quality: str, size: str, n: int, reference: FileImage | None, each: int, micro_usd: int
) -> None:
    """Settled by its usage to the micro-dollar, confirmed; planned with as many tokens for each image."""
    request = ask(model, *((reference,) if reference else ()), quality=quality, size=size)
    image_in = 1_024 if reference else 0
    total = TEXT * n + image_in + each * n
    found = settled(request, Usage(TEXT * n, image_in, each * n, 0, total, "{}"), n, came=n)
    assert (found.cost, found.estimated, found.flags) == (micro_usd, False, ())
    assert quoted(request, n).output_tokens >= each * n
    assert quoted(request, n).high >= micro_usd
