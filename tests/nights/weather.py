"""What may go wrong in a night: rules for the mock's faults, by kind."""

from random import Random

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
FREE = frozenset({"html_200"})
"""What nobody charges: a web page in the place of an answer comes from something before the provider."""
WHOLE_NIGHT = frozenset({"quota gone", "key refused"})
"""Kinds that last from some call on."""


def rules(chance: Random, kinds: tuple[str, ...]) -> tuple[Rule, ...]:
    """Draw the faults of a night."""
    found = []
    for kind in kinds:
        for name in chance.sample(KINDS[kind], min(len(KINDS[kind]), 2)):
            if kind in WHOLE_NIGHT:
                found.append(Rule(name, skip=chance.randrange(1, 12)))
            else:
                options = {"charged": "no"} if name in FREE else {}
                rate, times = chance.choice((0.05, 0.15, 0.3)), chance.randrange(3, 20)
                found.append(Rule(name, rate=rate, times=times, options=options))
    return tuple(found)
