"""What a provider file may say: its keys, and how each is read and checked."""

import re
from typing import Any
from urllib.parse import urlsplit

from batchgen.catalog import form
from batchgen.catalog.prices import PRICE_ROW
from batchgen.model import Auth, BatchRules, OpenParam, Operation, ParamType, Provider, TaskRules
from batchgen.model.settings import EACH
from batchgen.yaml_tree import Node

NAMES = ("mock", "openai", "apiyi", "laozhang", "aihubmix", "yescale")
FURTHER = (
    *("azure", "litellm", "vllm-omni", "sglang", "localai", "stable-diffusion-cpp", "openrouter", "xai"),
    *("gemini-openai", "gemini"),
)
"""Providers that come with the program and are not compared: their address, models or prices are the user's own."""
ALL = (*NAMES, *FURTHER)
TASK_ID = "{id}"


def url_fault(url: str) -> str | None:
    """Say what is wrong with a base URL, None when nothing is."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return "is not an address"
    if not url.isprintable() or " " in url:  # `urlsplit` drops line breaks without a word
        return "must not hold blanks, line breaks or control characters"
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine:
        return "must be an address such as https://api.example.com/v1"
    if parts.username or parts.password:
        return "must not hold a user name or password; keys come from the environment"
    return "must not have a query or fragment" if parts.query or parts.fragment else None


def _url(node: Node) -> str:
    url = form.text(node)
    fault = url_fault(url)
    if fault:
        raise form.FormError.at(node, fault)
    return url.rstrip("/")


def _price_row(node: Node) -> dict[str, Any]:
    row = PRICE_ROW(node)
    if not row.keys() & {"official", "token_prices", "per_image", "per_call"}:
        raise form.FormError.at(node, "a price needs token_prices, per_image, per_call or official")
    return row


def _auth(node: Node) -> Auth:
    """Where the key goes: `bearer`, or the name of a header with an optional word before the key; never an address."""
    if node.value == "bearer":
        return Auth()
    if node.value == "query" or (isinstance(node.value, dict) and "query" in node.value):
        why = "a key in an address is kept by every log on the way; name a header, such as auth: {header: api-key}"
        raise form.FormError.at(node, why)
    entry = form.record({"header": form.header, "scheme": form.token}, needed=("header",))(node)
    return Auth(entry["header"], entry.get("scheme", ""))


_KEY_VARIABLE = form.matching(  # what is no name may be a secret, and is not shown
    r"[A-Za-z_][A-Za-z0-9_]*",
    "must name the environment variable that holds the key, such as SHOP_KEY; a key does not belong into a file",
)


def _header_from(node: Node) -> str:
    """Give the environment variable that holds a header's value; what is no name may be a secret, and is not shown."""
    name = (
        form.record({"variable": form.text}, needed=("variable",))(node)["variable"]
        if isinstance(node.value, dict)
        else ""
    )
    if not name.isidentifier() or not name.isascii():
        raise form.FormError.at(node, "must name the environment variable with the value: {variable: SHOP_PROJECT}")
    return name


def _headers(node: Node) -> tuple[tuple[str, str], ...]:
    entries: tuple[tuple[str, str], ...] = form.table(_header_from, form.header)(node)
    ours = [name for name, _ in entries if name.lower() in _OUR_HEADERS]
    if ours:
        raise form.FormError.at(node, f"{', '.join(ours)} is set by batchgen itself (the key with `auth`)")
    return entries


def _query(node: Node) -> tuple[tuple[str, str], ...]:
    entries: tuple[tuple[str, str], ...] = form.table(form.text)(node)
    secret = [name for name, _ in entries if _SECRET_NAME.search(name)]
    if secret:
        raise form.FormError.at(
            node, f"{', '.join(secret)} looks like a key, and none goes into an address: use `auth`"
        )
    return entries


def _path(node: Node) -> str:
    path = form.text(node)
    if not _PATH.fullmatch(path.replace("{model}", "")) or ".." in path:
        raise form.FormError.at(node, "must be a path below the base URL, such as /deployments/{model}/images/edits")
    return path


def _prefix(node: Node) -> str:
    prefix = form.text(node)
    if prefix and not _PATH.fullmatch(prefix):
        raise form.FormError.at(node, "must be what stands before /images/generations, such as /v1, or empty")
    return prefix.rstrip("/")


def _task_path(node: Node) -> str:
    """Return where a task is asked for, with its id as one segment."""
    path = form.text(node)
    if path.count(TASK_ID) != 1 or not _PATH.fullmatch(path.replace(TASK_ID, "")) or ".." in path:
        raise form.FormError.at(node, "must be a path below the base URL with {id} in it, such as /tasks/{id}")
    if f"/{TASK_ID}/" not in f"{path}/":
        raise form.FormError.at(node, "{id} must stand between slashes, or at the end: /tasks/{id}")
    return path


def _task(node: Node) -> TaskRules | None:
    """Say how images are asked for that come later; null takes it back from what a file is like."""
    if node.value is None:
        return None
    rules = TaskRules(**_TASK(node))
    if not rules.done or not rules.failed:
        raise form.FormError.at(node, "done and failed need the words by which a task's end is told")
    if both := {word.casefold() for word in rules.done} & {word.casefold() for word in rules.failed}:
        raise form.FormError.at(node, f"{', '.join(sorted(both))} cannot be both done and failed")
    return rules


def _batch(node: Node) -> BatchRules | None:
    """Say whether there are batches: true as at the vendor, or what differs from it."""
    if not isinstance(node.value, dict):
        return BatchRules() if form.flag(node) else None
    return BatchRules(**_BATCH(node))


def _opens(node: Node) -> tuple[OpenParam, ...]:
    """Further parameters: name -> type, and what its values are."""
    found = form.table(_open_fields, _param_name)(node)
    return tuple(_opened(name, entry) for name, entry in found)


def _opened(name: str, entry: dict[str, Any]) -> OpenParam:
    kind = ParamType(entry.get("type", ParamType.TEXT))
    bounds = entry.get("min"), entry.get("max")
    return OpenParam(
        name, kind, *bounds, entry.get("values", ()), entry.get("operations", frozenset()), entry.get("about", "")
    )


def _param_name(node: Node) -> str:
    name = form.text(node)
    if not re.fullmatch("[a-z][A-Za-z0-9_]{0,60}", name) or name in _NOT_OPEN:
        raise form.FormError.at(node, "must be the name of a parameter, such as seed")
    return name


def _open_fields(node: Node) -> dict[str, Any]:
    entry = _OPEN_FIELDS(node)
    bounded = "min" in entry or "max" in entry
    if bounded and entry.get("type") not in {ParamType.INTEGER, ParamType.NUMBER}:
        raise form.FormError.at(node, "min and max are for type: integer and type: number")
    if "min" in entry and "max" in entry and entry["min"] > entry["max"]:
        raise form.FormError.at(node, "min is above max")
    return entry


def _for_models(node: Node) -> tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]:
    """Patterns of models, with fields that are otherwise for them."""
    return tuple((pattern, tuple(fields.items())) for pattern, fields in form.table(form.record(_PER_MODEL))(node))


_OUR_HEADERS = frozenset(
    {
        *("authorization", "host", "content-type", "content-length", "transfer-encoding", "connection", "accept"),
        *("accept-encoding", "cookie", "expect", "te", "upgrade", "user-agent", "x-client-request-id", "range"),
    }
)
_NOT_OPEN = frozenset({"id", "prompt", "model", "n", "operation", "image", "images", "mask", "stream", "messages"})
_NAME = "[A-Za-z_][A-Za-z0-9_-]{0,60}"
_place_in = form.matching(rf"({_NAME}(\.{_NAME}){{0,5}})?", "must be names joined by dots, such as usage.cost")
"""A place in a request or an answer, or nowhere."""
_place_in_answer = form.matching(
    r"[A-Za-z0-9_-]{1,61}(\.[A-Za-z0-9_-]{1,61}){0,7}",
    "must be names and numbers joined by dots, such as data.0.task_id",
)
_ratio = form.matching("[1-9][0-9]{0,3}:[1-9][0-9]{0,3}", "must be a ratio of whole numbers, such as 16:9")
_SECRET_NAME = re.compile(r"key|token|secret|sig|password|auth", re.IGNORECASE)
_PATH = re.compile(r"/[A-Za-z0-9_.~/:-]{0,200}")
_LIKE_OPEN = form.kinds(OpenParam)
_OPEN_FIELDS = form.record(
    {
        "type": form.one_of(*ParamType),
        "min": form.number,
        "max": form.number,
        **{name: _LIKE_OPEN[name] for name in ("values", "operations", "about")},
    }
)
_TASK = form.record(
    form.kinds(TaskRules)
    | {"id": _place_in_answer, "path": _task_path, "state": _place_in_answer, "result": _place_in_answer},
    needed=("id", "path", "state", "done", "failed"),
)
_BATCH = form.record(form.kinds(BatchRules) | {"files": _path, "batches": _path, "prefix": _prefix})
_FIELDS: dict[str, form.Kind[Any]] = form.kinds(Provider) | {
    "response_format": form.one_of("", "url", "b64_json"),
    "edit_body": form.one_of("multipart", "json"),
    "image_field": form.one_of("images", "image"),
    "paths": form.table(_path, form.word_of(Operation)),
    "opens": _opens,
    "fields": form.table(_place_in),
    "ratio_field": _place_in,
    "ratios": form.several(_ratio),
    "cost": _place_in,
    "task": _task,
    "base_url": form.nothing_or(_url),
    "key_variable": form.nothing_or(_KEY_VARIABLE),
    "auth": _auth,
    "query": _query,
    "headers": _headers,
    "for_models": _for_models,
    "prices": form.table(_price_row),
    "limits": form.table(form.whole, form.one_of(*EACH, "concurrency")),
    "idempotency_header": form.nothing_or(form.header),
    "batch": _batch,
    "as_of": form.day,
}
_PER_MODEL = {
    name: _FIELDS[name]
    for name in (
        *("dialect", "operations", "params", "ignored", "unsent", "values", "refused_values", "extra_values"),
        *("defaults", "response_format", "edit_body", "image_field", "max_n", "masks", "prompt_limit", "paths"),
        *("opens", "fields", "modalities", "ratio_field", "ratios", "cost", "task"),
    )
}
"""What a file may say of one model otherwise than of all."""
_LIKE = {"like": form.one_of(*ALL)}
_OWN = form.record(_LIKE | _FIELDS, needed=("base_url", "key_variable", "default_model"))
_TAKEN_OVER = form.record(_LIKE | _FIELDS)


def _file(node: Node) -> dict[str, Any]:
    """Return a provider's mapping; without `like` it must say where requests go and what draws by default."""
    keys = node.value if isinstance(node.value, dict) else ()
    return (_TAKEN_OVER if "like" in keys else _OWN)(node)


FILE: form.Kind[dict[str, Any]] = _file
