"""The checked form -> `model.Settings`: defaults filled in, paths made whole."""

from collections.abc import Callable, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any

from batchgen import model
from batchgen.errors import Problem
from batchgen.imaging.presets import presets
from batchgen.manifest.form import Form
from batchgen.manifest.image_forms import ChecksForm, DerivativeForm
from batchgen.manifest.names import shown
from batchgen.manifest.paths import MAX_COMPONENT, safe_name
from batchgen.manifest.schema import ManifestForm, PriceForm, ProviderEntryForm
from batchgen.model.checks import BackgroundCheck, BlurCheck, DuplicateCheck, MarginCheck
from batchgen.text import ADDRESS
from batchgen.yaml_tree import Node

_PLAIN = (
    *("on_partial", "on_uncertain", "on_mismatch", "on_check", "images_per_request", "bad_rows", "route"),
    *("moderation_check", "stream"),
)
"""Words that settings take as they are."""
_SECTIONS: Mapping[str, Callable[..., Any]] = {
    "limits": model.Limits,
    "retry": model.Retry,
    "prepare": model.Prepare,
    "batch": model.BatchSettings,
    "notify": model.Notify,
}
"""Sections whose words are the fields of a noun; one that is not there has its usual values."""


def settings(form: ManifestForm, root: Node, path: Path, problems: list[Problem]) -> model.Settings:
    """Give everything of a manifest that is not a job. What is wrong is added to `problems` and left out."""
    _need_checks(form, root, problems)
    plain = {name: value for name in _PLAIN if (value := getattr(form, name)) is not None}
    sections = {name: kind(**_given(getattr(form, name))) for name, kind in _SECTIONS.items()}
    if form.provider and form.providers:
        why = "`providers` stands beside `provider`: keep one of the two; a single provider may stand in the list too"
        problems.append(Problem(why, root.key_place("providers")))
    return model.Settings(
        name=_name(form.name, root, path, problems),
        provider=provider_of(form.provider, root, path.parent) if form.provider else "openai",
        providers=tuple(_entry(at, one, root, path.parent) for at, one in enumerate(form.providers or ())),
        budget=model.Budget(**_given(form.budget)) if form.budget else None,
        ledger=_ledger(form.ledger, root, path.parent, problems) if form.ledger is not None else None,
        prices=tuple((name, _price(name, price)) for name, price in (form.prices or {}).items()),
        engine=model.EngineChoice.RAY if form.engine and form.engine.ray else model.EngineChoice.LOCAL,
        ray=model.RaySettings(**_given(form.engine.ray if form.engine else None)),
        derivatives=tuple(_recipe(name, written) for name, written in (form.derivatives or {}).items()),
        checks=_checks(form.checks) if form.checks else model.NO_CHECKS,
        canary=_canary(form, root, problems),
        sidecars=form.output is not None and form.output.sidecars,
        store=(form.output and form.output.store) or "",
        **plain,
        **sections,
    )


def _given(section: Form | None) -> dict[str, Any]:
    """Give what a section sets; lists become tuples."""
    if section is None:
        return {}
    values = section.model_dump(exclude_none=True)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _recipe(name: str, form: DerivativeForm) -> model.Recipe:
    """Give a recipe; what is written stands above what its preset says, and a size above any other size."""
    written = _given(form)
    asked = dict(presets()[form.preset].recipe) if form.preset else {}
    if {"width", "height", "max_edge"} & written.keys():
        for size in ("width", "height", "max_edge"):
            asked.pop(size, None)
    return model.Recipe(name, **{**asked, **written})


def _checks(form: ChecksForm) -> model.Checks:
    """Give the checks that are written, each with its usual values where nothing is said."""
    kinds = {"background": BackgroundCheck, "margin": MarginCheck, "blur": BlurCheck, "duplicate": DuplicateCheck}
    return model.Checks(**{name: kind(**_given(said)) for name, kind in kinds.items() if (said := getattr(form, name))})


def _need_checks(form: ManifestForm, root: Node, problems: list[Problem]) -> None:
    if form.on_check is model.OnCheck.RETRY_ONCE and not (form.checks and _checks(form.checks)):
        why = '`on_check: retry-once` needs `checks`, such as checks: {background: {color: "#ffffff"}}'
        problems.append(Problem(why, root.at("on_check").place))


def _canary(form: ManifestForm, root: Node, problems: list[Problem]) -> model.Canary | None:
    """Give what the first jobs of each template have to come through, if anything."""
    if form.canary is None:
        return None
    canary = model.Canary(**{name: value for name, value in _given(form.canary).items() if name != "per"})
    if canary.until is model.CanaryUntil.CHECKED and not (form.checks and _checks(form.checks)):
        why = '`until: checked` needs `checks`, such as checks: {background: {color: "#ffffff"}}'
        problems.append(Problem(why, root.at("canary", "until").place))
    return canary


def _name(given: str | None, root: Node, path: Path, problems: list[Problem]) -> str:
    if given is None:
        return safe_name(path.stem)
    if safe_name(given) != given or len(given.encode()) > MAX_COMPONENT:
        message = f"{shown(given)} cannot name a folder; such as {shown(safe_name(given[:MAX_COMPONENT]))} can"
        problems.append(Problem(message, root.at("name").place))
        return safe_name(path.stem)
    return given


def _ledger(given: str, root: Node, base: Path, problems: list[Problem]) -> Path | None:
    """Give the path of the ledger's file, which may not be there yet; None when it cannot be one."""
    path = (base / given).absolute()
    try:
        usable = S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        usable = bool(given.strip()) and not ADDRESS.match(given)
    except (OSError, ValueError):
        usable = False
    if not usable:
        message = f"{shown(given)} cannot be a file for the ledger; name one, such as `ledger: ../ledger.db`"
        problems.append(Problem(message, root.at("ledger").place))
        return None
    return path


def provider_of(given: str, root: Node, base: Path) -> str:
    """Give a provider's name, or the path of the user's own provider file: the manifest's are relative to it."""
    written = root.at("provider").value
    return entry_of(given, base) if given == written else given


def entry_of(given: str, base: Path) -> str:
    """Give a provider's name, or the path of its file: the manifest's are relative to it."""
    return str(base / given) if given.endswith((".yaml", ".yml")) or "/" in given else given


def _entry(at: int, given: str | ProviderEntryForm, root: Node, base: Path) -> model.ProviderEntry:
    """Give one of several providers; its file is found from the manifest."""
    form = ProviderEntryForm(name=given) if isinstance(given, str) else given
    name = form.name or form.file or ""
    weight = {} if form.weight is None else {"weight": form.weight}
    return model.ProviderEntry(
        entry_of(name, base),
        form.key,
        tuple(_given(form.limits).items()),
        label=form.label or "",
        place=root.at("providers", at).place,
        **weight,
    )


def _price(name: str, form: PriceForm) -> model.Price:
    source = f"the manifest's price of {name}"
    if form.token_prices is not None:
        return model.Price(tokens=model.TokenPrices(**form.token_prices.model_dump()), source=source)
    assert form.per_image is not None
    return model.Price(per_image=(("*", (("*", form.per_image),)),), source=source)
