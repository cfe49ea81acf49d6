"""How one protocol is spoken, as one value: everything in which protocols differ, and nothing that they share.

Price list, rules, requests, decoding, errors, downloads and the doctor read this value and ask nobody else, so that
they cannot disagree. A new protocol is one module that makes a `Dialect`, and one entry in `dialects.DIALECTS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from batchgen.model import Attempt, Auth, Operation, Provider, Usage
from batchgen.providers.answer import Answer
from batchgen.providers.api_error import ApiError, complaint
from batchgen.providers.base64_span import PartSink
from batchgen.providers.cost import stated_cost
from batchgen.providers.decode import TEXT_CAP, Document, ImageFields
from batchgen.providers.reading import Reader
from batchgen.providers.uploads import Uploads
from batchgen.providers.wire import Params, WireRequest, address

__all__ = ["Delivery", "Dialect", "Inputs", "Params", "Probe"]


class Inputs(StrEnum):
    """How an input image that stands at an address reaches the provider."""

    BYTES = "bytes"  # we fetch it and send its bytes
    ADDRESS = "address"  # the provider fetches it itself


class Delivery(StrEnum):
    """How the images of an answer come."""

    INLINE = "inline"  # in the answer itself
    ADDRESS = "address"  # at an address that is fetched afterwards
    TASK = "task"  # later, from a task that is asked for again


@dataclass(frozen=True, slots=True)
class Probe:
    """What can be asked for free: the list of models below the base URL, and how to read the names in it.

    `refused` says whether the answer to an empty request is how this protocol refuses one.
    """

    models: str
    names: Callable[[Any], Mapping[str, Mapping[str, Any]]]
    refused: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One protocol. `title` is what people call it.

    `request` builds what is sent, `read` reads a success, `read_error` finds the error in any body.
    `paths` are endpoints below the base URL; operations that share one are told apart by what is sent.
    `auth` is where the key goes unless the provider file says otherwise.
    `fields` are the names under which images stand in an answer, `delivery` the ways in which they come.
    `inputs` says how images at addresses are passed. `most_per_call` bounds the images of one call, None leaves that
    to the provider. `params` are the only parameters that it can carry, None leaves them to the provider; of these,
    `wrong_value` tells what is wrong with a value in place of the model's own rules. `look` names the parameters that
    say what an image is priced and reported at: its size and its quality. `text_cap` is how much text an answer may
    hold around its images. `streams` says that an answer can be asked for as events.
    """

    name: str
    title: str
    request: Callable[[Attempt, Provider, Params, Uploads], WireRequest]
    read: Callable[[Document, Attempt], Answer]
    paths: tuple[tuple[Operation, str], ...]
    fields: ImageFields
    probe: Probe
    inputs: Callable[[Provider], Inputs]
    read_error: Callable[[Any], ApiError | None] = complaint
    auth: Auth = field(default_factory=Auth)
    delivery: frozenset[Delivery] = frozenset({Delivery.INLINE, Delivery.ADDRESS})
    most_per_call: int | None = None
    params: frozenset[str] | None = None
    wrong_value: Callable[[str, str, str, Provider], str] | None = None
    masks: bool = True
    look: tuple[str, str] = ("size", "quality")
    text_cap: int = TEXT_CAP
    streams: bool = False

    def path(self, operation: Operation) -> str | None:
        """Return the endpoint of an operation, None when the protocol has no such operation."""
        return dict(self.paths).get(operation)

    def shares_endpoint(self, operation: Operation) -> bool:
        """Whether an operation goes to the endpoint of generations, so that who has one has the other."""
        return operation is not Operation.GENERATE and self.path(operation) == self.path(Operation.GENERATE)

    def authorization(self, provider: Provider, key: str | None) -> dict[str, str]:
        """Headers that carry the key; none without a key."""
        return (provider.auth or self.auth).headers(key)

    def url(self, provider: Provider, operation: Operation, model: str) -> str:
        """Where an operation is asked for."""
        return address(provider, dict(provider.paths).get(operation) or self.path(operation) or "", model)

    def models_url(self, provider: Provider) -> str:
        """Where the list of models is."""
        return address(provider, self.probe.models, "")

    def answer(self, document: Document, attempt: Attempt, provider: Provider) -> Answer:
        """Read a success, with the cost where the provider file says that it is stated."""
        found = self.read(document, attempt)
        cost = stated_cost(document.value, provider.cost)
        return found if cost is None else replace(found, usage=replace(found.usage or Usage(), cost=cost))

    def reader(self, open_part: Callable[[int], PartSink], cap: int, asked: int) -> Reader:
        """Make the reader of one answer, which may hold image bytes up to `cap`."""
        return Reader(open_part, self.fields, cap=cap, text_cap=self.text_cap, asked=asked)
