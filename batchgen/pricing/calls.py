"""What one call may turn out to be: every size and quality that its answer may have, and the money for each."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from batchgen.catalog.models import known_qualities, token_table
from batchgen.catalog.sizes import extremes, parse_size
from batchgen.catalog.tables import QUALITY_NAMES
from batchgen.model import ImageRequest, Model, Price, Provider
from batchgen.money import MICRO
from batchgen.pricing.bill import Counts, bill
from batchgen.pricing.inputs import Input, expected_input, input_is_known, most_given, most_input
from batchgen.pricing.tokens import drawn_tokens, fewest_drawn_tokens
from batchgen.providers import dialects

AUTO = "auto"
SQUARE = "1024x1024"
MOST_PIXELS = 4096 * 4096
PARTIAL_TOKENS = 100  # for each streamed partial image; source: image guide


class Look(NamedTuple):
    """One size and quality that an image may have; `auto` is one the model may choose."""

    size: str
    quality: str


def look(size: str | None, quality: str | None) -> Look:
    """Return a look from the words of a request or an answer, in one spelling; what no model draws counts as unsaid."""
    width, height = parse_size(size) or (0, 0)
    word = QUALITY_NAMES.get(quality or AUTO, quality or AUTO)
    return Look(
        f"{width}x{height}" if 0 < width * height <= MOST_PIXELS else AUTO,
        word if word in known_qualities() else AUTO,
    )


def asked_look(request: ImageRequest, provider: Provider) -> Look:
    """Size and quality as asked, or as the provider assumes."""
    return look(*dialects.asked_look(request, provider))


@dataclass(frozen=True)
class Call:
    """One call for n images of a request, by one model, at one price, with the look that was asked or drawn.

    n images are billed as n calls for one, input included.
    """

    request: ImageRequest
    n: int
    model: Model
    price: Price
    look: Look

    @cached_property
    def qualities(self) -> tuple[str, ...]:
        """Qualities that the image may have."""
        known = token_table(self.model.output_tokens).qualities
        if self.look.quality in known:
            return (self.look.quality,)
        own = (QUALITY_NAMES.get(quality, quality) for quality in self.model.qualities)
        return tuple(quality for quality in own if quality in known) or known

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        """Sizes that the image may have: for `auto`, and for what no table knows, all that can bound its cost."""
        if self._tokens(self.look.size, self.qualities[0]):
            return (self.look.size,)
        priced = sorted({size for _, row in self.price.per_image for size, _ in row})
        every = dict.fromkeys((*extremes(self.model.sizes), SQUARE, *priced))
        return tuple(size for size in every if self._tokens(size, self.qualities[0]))

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """Every size and quality that the image may have."""
        return tuple(Look(size, quality) for size in self.sizes for quality in self.qualities)

    @property
    def middle(self) -> Look:
        """The look to expect: a square, in the quality that the model chooses, where there is a choice."""
        usual = self.model.auto_quality
        quality = usual if usual in self.qualities else self.qualities[len(self.qualities) // 2]
        return Look(SQUARE if SQUARE in self.sizes else self.sizes[0], quality)

    @cached_property
    def expected(self) -> Counts:
        """Tokens to expect, of all images."""
        return self._counts(self._input, self._tokens(*self.middle), self.model.text_out[0])

    @property
    def is_known(self) -> bool:
        """Whether nothing is left to the model or unknown: then the table says what the call costs."""
        return len(self.looks) == 1 and input_is_known(self.request)

    @property
    def fewest(self) -> int:
        """Tokens that one image takes at least, whatever its look turns out to be."""
        return min(self._fewest(*one) for one in self.looks)

    def least(self) -> Decimal:
        """Micro-dollars for the cheapest look."""
        looks = self.looks if self.price.per_image else (min(self.looks, key=lambda one: self._fewest(*one)),)
        return min(self._bill(one, self._counts(self._input, self._fewest(*one))) for one in looks)

    def usual(self) -> Decimal:
        """Micro-dollars for the look to expect."""
        return self._bill(self.middle, self.expected)

    def usual_input_images(self) -> Decimal:
        """Micro-dollars of that for the images which are sent along."""
        return self.usual() - self._bill(self.middle, self.expected._replace(image=0)) + self._input_fee

    def most(self) -> Decimal:
        """Micro-dollars for the dearest look, an upper bound."""
        looks = self.looks if self.price.per_image else (max(self.looks, key=lambda one: self._tokens(*one)),)
        thoughts = self.model.text_out[1]
        return max(self._bill(one, self._counts(self._most_input, self._tokens(*one), thoughts)) for one in looks)

    def by_table(self) -> Decimal:
        """Micro-dollars without a word from the provider: the table's figure, or the most where it has several."""
        return self.usual() if self.is_known else self.most()

    def by_usage(self, counts: Counts, came: int) -> Decimal:
        """Micro-dollars for tokens as the provider counted them.

        A table's price for as many images as they make, and never for fewer than `came`.
        """
        if len(self.looks) > 1:
            return max(self._bill(one, counts) for one in self.looks)
        each = self._fewest(*self.looks[0])
        drawn = min(self.n, max(1, came, -(-counts.output // each)))
        return bill(self.price, counts, drawn, *self.looks[0]) + self._input_fee

    @cached_property
    def _input(self) -> Input:
        return expected_input(self.request, self.model)

    @cached_property
    def _most_input(self) -> Input:
        return most_input(self.request, self.model)

    def _tokens(self, size: str, quality: str) -> int:
        """Tokens of one image, 0 where the model's table has no figure."""
        found = drawn_tokens(self.model.output_tokens, size, quality)
        return found + self._partial if found else 0

    def _fewest(self, size: str, quality: str) -> int:
        return fewest_drawn_tokens(self.model.output_tokens, size, quality) or 1

    @cached_property
    def _partial(self) -> int:
        asked = self.request.param("partial_images") or ""
        return PARTIAL_TOKENS * int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 0

    def _counts(self, given: Input, output: int, text_out: int = 0) -> Counts:
        return Counts(self.n * given.text, self.n * given.image, self.n * output, self.n * text_out)

    def _bill(self, one: Look, counts: Counts) -> Decimal:
        return bill(self.price, counts, self.n, *one) + self._input_fee

    @cached_property
    def _input_fee(self) -> Decimal:
        """Micro-dollars for the images that go in, where they have a price; n images are billed as n calls."""
        fee = self.price.per_input_image
        return fee * MICRO * self.n * most_given(self.request) if fee else Decimal(0)
