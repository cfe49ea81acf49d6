"""What shops ask of images, as dated data: recipes by the name of the shop."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from batchgen import yaml_tree
from batchgen.model import Fit


@dataclass(frozen=True, slots=True)
class Preset:
    """What a shop asks for: where it says so, when that was read, in a few words, and as values of a recipe."""

    source: str
    as_of: str
    says: str
    recipe: dict[str, Any]


@cache
def presets() -> dict[str, Preset]:
    """Read every preset, by name."""
    text = files("batchgen.imaging").joinpath("presets.yaml").read_text("utf-8")
    plain: Any = yaml_tree.parse(text, "presets.yaml", yaml_tree.Reading("the presets")).plain()
    return {
        name: Preset(told["source"], told["as_of"], told["says"], _values(told["recipe"]))
        for name, told in plain.items()
    }


def _values(written: dict[str, str]) -> dict[str, Any]:
    """Read the values of a recipe, each by its kind."""
    kinds: dict[str, Any] = {"fill": float, "fit": Fit, "format": str, "background": str, "border": str}
    kinds["ai_tag"] = "true".__eq__
    return {name: kinds.get(name, int)(text) for name, text in written.items()}
