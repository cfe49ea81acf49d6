"""What a provider and a model take: found before the first cent, and what is left out of a request.

A parameter is sent, left out with a warning, or refused with the fix. It is left out where it changes nothing (it only
restates what the provider assumes anyway) or where it stands in `defaults` and this operation does not have it; set on
the job itself, the same is an error.
"""

import difflib
import re
from collections.abc import Iterator
from decimal import Decimal

from batchgen.catalog import legal_size, nearest_size
from batchgen.catalog.tables import QUALITY_NAMES
from batchgen.errors import Problem, Severity
from batchgen.model import MARKUP, ImageRequest, Job, Model, OpenParam, Operation, ParamType, Prepare, Provider
from batchgen.providers.dialect import Dialect
from batchgen.providers.dialects import dialect, most_per_call
from batchgen.providers.image_rules import image_decisions
from batchgen.providers.param_decision import SEND, Action, ParamDecision, doubted, refused
from batchgen.text import safe

_LOSSY = frozenset({"jpeg", "jpg", "webp"})
_CLEAR = frozenset({"png", "webp"})
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_ONLY_FOR = {
    **dict.fromkeys(("frame_count", "frame_duration_ms"), "gif"),
    **dict.fromkeys(("svg_model", "svg_effort"), "svg"),
}
"""Parameters of one output format."""
_RANGES = {"output_compression": (0, 100), "frame_count": (2, 16), "frame_duration_ms": (10, 655_350)}
PREVIEWS = frozenset({"gif", "svg"})
"""Output formats that a project needs access to, and whose tokens nobody publishes."""
_BY_MODEL = frozenset({"input_fidelity", "complexity"})
_ONLY_STREAMS = frozenset({"stream", "partial_images"})
_VARIATION = frozenset({"size", "response_format", "user"})
_AS_THEY_ARE = Prepare()


def to_send(
    request: ImageRequest, provider: Provider, model: Model | None, inherited: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    """Return the parameters that go into the request, exactly as the user set them."""
    provider = provider.at(model.name if model else request.model or provider.default_model)
    asked = (pair for pair in request.params if pair[0] not in provider.unsent)
    decisions = ((name, value, _decision(name, value, request, provider, model, inherited)) for name, value in asked)
    return tuple((name, value) for name, value, decision in decisions if decision.action is not Action.LEAVE_OUT)


def refusals(job: Job, provider: Provider, model: Model | None, prepare: Prepare = _AS_THEY_ARE) -> Iterator[Problem]:
    """Everything about a job that this provider or model refuses (errors) or does nothing with (warnings).

    `prepare` says how images will be made smaller on their way out.
    """
    request = job.request
    name = request.model or provider.default_model
    provider, speech = provider.at(name), dialect(provider, name)
    no_mask = _no_mask(provider, name, speech)
    of_params = ((key, _decision(key, value, request, provider, model, job.inherited)) for key, value in request.params)
    decisions = (
        *(("operation", said) for said in _operation(request, provider, model, name)),
        *of_params,
        *(("images", said) for said in image_decisions(request, prepare, no_mask)),
        *_together(request, model),
        *(("n", said) for said in _count(job, provider, name)),
    )
    for key, said in decisions:
        if said.why:
            yield Problem(said.why, job.place_of(key), _severity(said))


def _severity(decision: ParamDecision) -> Severity:
    return Severity.ERROR if decision.action is Action.REFUSE else Severity.WARNING


# One parameter


def _decision(
    name: str, value: str, request: ImageRequest, provider: Provider, model: Model | None, inherited: frozenset[str]
) -> ParamDecision:
    model_name = model.name if model else request.model or provider.default_model
    if name in provider.ignored:
        return doubted(f"{provider.name} takes {name} and does nothing with it")
    if name in provider.unsent:
        return SEND
    if opened := provider.opened(name, request.operation):
        outside = _outside(value, opened)
        return refused(outside) if outside else SEND
    lacking = _lacking(name, request, provider, model, model_name)
    if lacking:
        known_elsewhere = name in _BY_MODEL or _known(name, request.operation, provider, model_name)
        if name in inherited and (known_elsewhere or _restates(name, value, provider)):
            return ParamDecision(Action.LEAVE_OUT, f"{lacking}; {name} from defaults is left out there")
        return refused(lacking)
    wrong = _wrong_value(name, value, provider, model, model_name)
    if wrong and model and model.status == "retired" and not provider.takes(request.operation):
        # What a gateway draws under the name of a model that its vendor closed is the gateway's own affair.
        return doubted(f"{wrong}; {provider.name} may draw it all the same")
    return _of_value(name, value, provider, wrong, inherited=name in inherited) if wrong else SEND


def _of_value(name: str, value: str, provider: Provider, wrong: str, *, inherited: bool) -> ParamDecision:
    """Refuse a value that is not taken, or leave it out where it changes nothing."""
    if not _restates(name, value, provider):
        return refused(wrong)
    if inherited:
        return ParamDecision(
            Action.LEAVE_OUT, f"{name}: {value} is what {provider.name} assumes anyway; it is left out"
        )
    return refused(f"{wrong}; leave {name} out, {value} is what {provider.name} assumes anyway")


def _restates(name: str, value: str, provider: Provider) -> bool:
    return (name, value) in provider.defaults


def _lacking(name: str, request: ImageRequest, provider: Provider, model: Model | None, model_name: str) -> str:
    """Why the parameter has no place in this request at all; empty when it has."""
    operation = request.operation
    if name in _ONLY_STREAMS:
        return f"{name} is for streamed answers; batchgen asks for whole ones: leave it out"
    if name in dict(provider.model_refuses).get(model_name, ()):
        return f"{provider.name} takes no {name} for {model_name}: leave it out"
    if name in {param.name for param in provider.opens}:
        return f"{provider.name} takes no {name} on {operation}: leave it out"
    speech = dialect(provider, model_name)
    if speech.params is not None:
        return "" if name in speech.params else _beyond(name, model_name, speech, speech.params)
    if model and name == MARKUP and not model.markup:
        return f"{model.name} takes no markup: take a model since gpt-image-2.5, or leave it out"
    if model and name in _BY_MODEL and not _has(model, name):
        fixed = " (it is always high)" if name == "input_fidelity" else ""
        return f"{model.name} takes no {name}{fixed}: leave it out"
    takes = _takes(provider, operation)
    if takes and name not in takes:
        return f"{provider.name} takes no {name} on {operation}{_nearest(name, takes)}: leave it out"
    return ""


def _beyond(name: str, model_name: str, speech: Dialect, params: frozenset[str]) -> str:
    known = ", ".join(sorted(params))
    return f"{model_name} is drawn over {speech.title} and takes only {known}: leave {name} out"


def _has(model: Model, name: str) -> bool:
    return bool(model.input_fidelity) if name == "input_fidelity" else model.complexity


def _takes(provider: Provider, operation: Operation) -> frozenset[str]:
    """Say what an operation takes; of one that the provider is not known to have, what it takes elsewhere."""
    known = provider.takes(operation)
    if known or not provider.params:
        return known
    elsewhere = frozenset[str]().union(*(names for _, names in provider.params))
    return elsewhere & _VARIATION if operation is Operation.VARIATION else elsewhere


def _known(name: str, operation: Operation, provider: Provider, model_name: str) -> bool:
    """Whether the provider takes the parameter, only not for this operation, or not for this model."""
    opened = any(param.name == name for param in provider.opens)
    others = opened or any(name in names for other, names in provider.params if other is not operation)
    by_model = (
        name in dict(provider.model_refuses).get(model_name, ()) or dialect(provider, model_name).params is not None
    )
    return others or (by_model and name in _takes(provider, operation))


def _nearest(name: str, takes: frozenset[str]) -> str:
    near = difflib.get_close_matches(name, takes, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _wrong_value(name: str, value: str, provider: Provider, model: Model | None, model_name: str) -> str:
    """Why this value is refused; empty when it is taken."""
    shown = safe(value, 60)
    if value in dict(provider.refused_values).get(name, ()):
        return f"{provider.name} refuses {name}: {shown}"
    if value in dict(provider.extra_values).get(name, ()):
        return ""
    taken = dict(provider.values).get(name)
    if taken is not None and value not in taken:
        return f"{provider.name} takes {name}: {', '.join(taken)}; not {shown!r}"
    if wrong := dialect(provider, model_name).wrong_value:
        return wrong(name, value, model_name, provider)
    checks = {"size": _wrong_size, "quality": _wrong_quality, "input_fidelity": _wrong_fidelity}
    if model and name in checks:
        return checks[name](value, model)
    if name in _RANGES:
        low, high = _RANGES[name]
        whole = value.isascii() and value.isdecimal() and len(value) < 16
        if not (whole and low <= int(value) <= high):
            return f"{name} is a whole number from {low} to {high}; not {shown!r}"
    return ""


def _outside(value: str, opened: OpenParam) -> str:
    """Why a value is not one that an opened parameter takes; empty when it is."""
    shown, name = safe(value, 60), opened.name
    if opened.values:
        return "" if value in opened.values else f"{name} is {', '.join(opened.values)}; not {shown!r}"
    if opened.type is ParamType.TEXT:
        return ""
    if opened.type is ParamType.FLAG:
        return "" if value in {"true", "false"} else f"{name} is true or false; not {shown!r}"
    pattern, kind = (_INTEGER, "a whole number") if opened.type is ParamType.INTEGER else (_NUMBER, "a number")
    if not pattern.fullmatch(value):
        return f"{name} is {kind}{_between(opened)}; not {shown!r}"
    number = Decimal(value)
    low, high = opened.low, opened.high
    fits = (low is None or number >= low) and (high is None or number <= high)
    return "" if fits else f"{name} is {kind}{_between(opened)}; not {shown!r}"


def described(opened: OpenParam) -> dict[str, object]:
    """Return an opened parameter as JSON Schema; a template may stand where a number is expected."""
    kind = {ParamType.FLAG: "boolean", ParamType.TEXT: "string"}.get(opened.type, opened.type.value)
    bounds = {"minimum": opened.low, "maximum": opened.high}
    known = {name: float(bound) for name, bound in bounds.items() if bound is not None}
    if opened.values:
        known |= {"examples": list(opened.values)}  # type: ignore[dict-item]
    about = {"description": opened.about} if opened.about else {}
    return {"type": [kind] if kind == "string" else [kind, "string"], **known, **about}


def _between(opened: OpenParam) -> str:
    low, high = opened.low, opened.high
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" of at least {low}" if low is not None else f" of at most {high}" if high is not None else ""


def _no_mask(provider: Provider, name: str, speech: Dialect) -> str:
    """Why no mask can be sent; empty when one can."""
    if not speech.masks:
        return f"a model that is drawn over {speech.title} takes no mask"
    return "" if provider.masks else f"{provider.name} takes no mask for {name}: leave it out"


def _wrong_size(value: str, model: Model) -> str:
    complaint = legal_size(model, value)
    if not complaint:
        return ""
    return f"size: {complaint}; the nearest size that {model.name} draws is {nearest_size(model, value)}"


def _wrong_quality(value: str, model: Model) -> str:
    if not model.qualities or value in {*model.qualities, "auto"}:
        return ""
    meant = f": {value} was DALL-E's word for {QUALITY_NAMES[value]}" if value in QUALITY_NAMES else ""
    return f"{model.name} knows quality {', '.join(model.qualities)}; not {safe(value, 40)!r}{meant}"


def _wrong_fidelity(value: str, model: Model) -> str:
    if value in model.input_fidelity:
        return ""
    return f"{model.name} takes input_fidelity: {', '.join(model.input_fidelity)}; not {safe(value, 40)!r}"


# The request as a whole


def comes_whole(request: ImageRequest, provider: Provider, name: str) -> str:
    """Why the answer cannot be asked for as events; empty when it can."""
    speech = dialect(provider, name)
    if not speech.streams:
        return f"{name} is drawn over {speech.title}, which is asked for whole answers"
    if provider.at(name).task is not None:
        return f"{provider.name} answers with a task, which is looked at until it is done"
    if request.operation is Operation.VARIATION:
        return "a variation comes whole"
    kind = request.output_format
    return f"output_format {kind} comes whole" if kind in PREVIEWS else ""


def _operation(request: ImageRequest, provider: Provider, model: Model | None, name: str) -> Iterator[ParamDecision]:
    operation, speech = request.operation, dialect(provider, name)
    gone = dict(provider.retired).get(operation)
    if gone:
        fix = "; use an edit with images instead" if operation is Operation.VARIATION else ""
        yield refused(f"{provider.name} closed {operation} on {gone:%Y-%m-%d}{fix}")
    elif speech.path(operation) is None:
        yield refused(f"{name} is drawn over {speech.title}, which has no {operation}")
    elif speech.shares_endpoint(operation):
        return
    elif model and operation is Operation.EDIT and operation not in model.operations:
        yield refused(f"{model.name} has no {operation}; leave images out, or take another model")
    elif operation not in provider.operations:
        yield doubted(f"{provider.name} is not known to have {operation}; it is tried all the same")


def _together(request: ImageRequest, model: Model | None) -> Iterator[tuple[str, ParamDecision]]:
    """Values that do not go together, each with the field to look at."""
    kind = request.output_format or "png"
    if request.param("background") == "transparent":
        if kind not in _CLEAR:
            yield (
                "background",
                refused(f"a transparent background needs output_format png or webp; not {safe(kind, 20)}"),
            )
        if model and not model.transparent:
            yield "background", doubted(f"{model.name} is reported to refuse a transparent background")
    if request.param("output_compression") is not None and kind not in _LOSSY:
        yield (
            "output_compression",
            refused(f"output_compression is for jpeg and webp; output_format is {safe(kind, 20)}"),
        )
    for name, only in _ONLY_FOR.items():
        if request.param(name) is not None and kind != only:
            yield name, refused(f"{name} is for output_format {only}")
    if model and kind in PREVIEWS:
        yield "output_format", doubted(f"output_format {kind} is a preview: the project of the key needs access to it")


def _count(job: Job, provider: Provider, name: str) -> Iterator[ParamDecision]:
    most = most_per_call(provider, name, job.request)
    if job.n > most:
        calls = -(-job.n // most)
        yield doubted(f"{provider.name} draws at most {most} a call for {name}: n {job.n} takes {calls} calls")
