"""How a row file is to be read, as far as the manifest says so; what it leaves open is detected or usual."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Layout:
    """What a manifest says of a row file beside its name; None leaves it to the reader."""

    delimiter: str | None = None
    encoding: str | None = None
    header_row: int | None = None
    quotes: bool | None = None
    sheet: str | None = None

    @property
    def given(self) -> frozenset[str]:
        """The words that are set."""
        return frozenset(field.name for field in fields(self) if getattr(self, field.name) is not None)


USUAL = Layout()
