"""How a shop lists a job's images: templates of the manifest's `output.shop`, rendered for each job."""

from collections.abc import Mapping
from dataclasses import dataclass

from batchgen.manifest.template_text import Template, TemplateError
from batchgen.manifest.templates import compile_template
from batchgen.model import Listing

OWN = frozenset({"id"})
"""A name that these templates may use beside the variables of their job."""
PATH = "path"
"""What the address may use besides: the image's path, which is only known when it is stored."""

NO_TEXT = compile_template("")


@dataclass(frozen=True, slots=True)
class ListingTemplate:
    """Compiled templates; an empty one gives nothing."""

    sku: Template
    alt: Template = NO_TEXT
    url: Template = NO_TEXT
    handle: Template = NO_TEXT
    platform: str = ""
    derivative: str = ""

    def names(self) -> tuple[tuple[str, Template, frozenset[str]], ...]:
        """Each template by its word, with the names that it may use beside the variables of its job."""
        return (
            ("sku", self.sku, OWN),
            ("alt", self.alt, OWN),
            ("url", self.url, OWN | {PATH}),
            ("handle", self.handle, OWN),
        )

    def of(self, values: Mapping[str, str], job_id: str) -> Listing:
        """Render for one job, each text on one line; raises `TemplateError`."""
        known = {**values, "id": job_id}
        with_path = {**known, PATH: "{path}"}
        sku, alt, url, handle = (
            _line(word, one, with_path if PATH in own else known) for word, one, own in self.names()
        )
        return Listing(sku, alt, url, handle, self.platform, self.derivative)


def _line(word: str, template: Template, values: Mapping[str, str]) -> str:
    try:
        return " ".join(template.render(values).split())
    except TemplateError as error:
        raise TemplateError(f"`output.shop.{word}`: {error}") from None
