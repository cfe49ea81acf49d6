"""What may go wrong in a night: rules for the mock's faults, by kind."""

from collections.abc import Iterable, Mapping
from random import Random
from types import MappingProxyType

from batchgen.mock import Rule

KINDS: dict[str, tuple[str, ...]] = {
    "refusals": ("429_rate", "429_plain", "429_slow_down", "status_503_json", "status_529", "error_in_200_rate"),
    "moderation": ("moderation_input", "moderation_output", "moderation_unknown", "error_in_200_moderation"),
    "lies in usage": ("usage_missing", "usage_null", "usage_zero", "usage_negative", "usage_text", "usage_partial"),
    "dear usage": ("usage_10x",),
    "cut answers": ("reset_before_headers", "eof_before_headers", "reset_mid_body", "chunked_cut", "cut_gzip"),
    "errors": ("status_500", "status_502_html", "status_504", "status_520", "status_522", "408"),
    "nothing in it": ("empty_200", "html_200", "data_empty", "b64_no_picture", "fewer_0", "error_in_200"),
    "other spellings": ("url_instead", "data_url", "b64_data_prefix", "b64_newlines", "chunked", "gzip", "extra_keys"),
    "dead addresses": ("download_404", "download_503", "download_short", "url_private", "url_expired"),
    "never taken": ("reset_unread", "close_unread"),
    "quota gone": ("429_quota", "402", "error_in_200_quota"),
    "key refused": ("401", "403"),
    "batches": ("batch_expired", "line_expired", "line_missing", "line_doubled", "line_broken", "batch_failed"),
}  # fmt: skip
"""Faults that every run must live with, by what a person would call them."""
FIELD: dict[str, tuple[str, ...]] = {
    "streams": ("stream", "stream_as_json", "stream_oddly", "stream_no_usage", "stream_first_only", "stream_cut",
                "stream_error", "stream_error_late", "stream_partial_only", "json_as_html"),
    "other shapes": ("shape_images", "shape_texts", "shape_nested", "shape_wrapped", "shape_columns", "shape_artifacts",
                     "shape_unknown", "body_png", "body_octets", "body_multipart", "b64_unpadded", "bom_json"),
    "no answers": ("unknown_task", "unknown_message", "unknown_chat", "null_200", "list_200", "text_200", "data_null"),
    "not what was asked": ("fewer_1", "more_than_asked", "other_size", "other_quality", "always_png", "wrong_format"),
    "unusable images": ("png_zero", "png_no_data", "png_cut", "b64_garbage", "b64_truncated", "tiny_entries"),
    "far addresses": ("url_foreign", "url_no_host", "url_for_ever_403", "url_file", "url_metadata", "download_html",
                      "download_redirect", "download_reset", "download_key"),
    "small usage": ("usage_small", "usage_no_input", "usage_nan", "usage_astronomic", "usage_objects", "cost_beside"),
    "late answers": ("stall_before_headers", "stall_mid_body", "status_503_slow", "status_524", "late", "slow_body"),
    "torn wire": ("eof_mid_headers", "eof_mid_body", "bad_chunk", "bad_gzip", "bad_status_line", "keep_alive_close"),
    "other waits": ("retry_after_date", "rate_quota_words", "rate_google", "rate_body_ms", "rate_reset", "429_html"),
    "own fault of a row": ("status_400", "422", "413", "moderation_policy", "moderation_flagged", "input_unreachable"),
    "account": ("400_billing", "account_budget", "account_credits", "403_verification", "429_zero"),
    "wrong way": ("redirect_307", "404_html", "405", "403_html", "status_521", "status_525"),
    "keys in answers": ("key_plain", "key_hex", "key_in_json", "key_in_header", "key_in_answer"),
    "other batches": ("batch_cancelled", "batch_create_500", "batch_create_cut", "batch_create_lost", "batch_late",
                      "batch_output_cut", "batch_output_500", "line_foreign", "line_in_both", "line_empty", "file_500",
                      "file_cut"),
}  # fmt: skip
"""What gateways and real servers were seen to do, beside that; a night has it by a chance of its own."""
TASKS = ("failed", "stuck", "lost", "unknown_state", "no_images", "odd_id", "number_id", "poll_500", "poll_429",
         "poll_404", "poll_html", "poll_401", "poll_403", "poll_empty")  # fmt: skip
"""What becomes of calls at a gateway that draws later."""
FREE = frozenset({"html_200"})
"""What nobody charges: a web page in the place of an answer comes from something before the provider."""
WHOLE_NIGHT = frozenset({"quota gone", "key refused", "account"})
"""Kinds that last from some call on."""


def rules(chance: Random, kinds: Iterable[str]) -> tuple[Rule, ...]:
    """Draw the faults of a night."""
    found = []
    for kind in kinds:
        names = KINDS.get(kind) or FIELD[kind]
        for name in chance.sample(names, min(len(names), 2)):
            if kind in WHOLE_NIGHT:
                found.append(Rule(name, skip=chance.randrange(1, 12)))
            else:
                options = {"charged": "no"} if name in FREE else {}
                found.append(some(chance, name, options))
    return tuple(found)


def some(chance: Random, name: str, options: Mapping[str, str] = MappingProxyType({})) -> Rule:
    """Let a fault meet a share of the calls, until it has met so many."""
    return Rule(name, rate=chance.choice((0.05, 0.15, 0.3)), times=chance.randrange(3, 20), options=options)


def of_the_field(chance: Random) -> tuple[str, ...]:
    """Choose kinds of the field for a night."""
    return tuple(chance.sample(sorted(FIELD), chance.choice((0, 1, 2))))


def of_tasks(chance: Random) -> tuple[Rule, ...]:
    """Draw what becomes of tasks in a night."""
    return tuple(some(chance, f"task_{name}") for name in chance.sample(TASKS, 3))


def kind_of(fault: str) -> str:
    """Say by what a person would call a fault."""
    if fault.startswith("task_"):
        return "tasks"
    return next((kind for kind, names in (KINDS | FIELD).items() if fault in names), fault)
