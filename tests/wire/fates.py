"""What must become of a call when a server shows a fault: the calls it leads to, the state of each wanted image."""

from dataclasses import dataclass, replace
from typing import Any

from batchgen.mock.fault_words import ACCOUNT as ACCOUNTS
from batchgen.mock.fault_words import INPUT, MODELS, MODERATION, RATE
from batchgen.mock.fault_words import UNKNOWN as NO_ANSWERS
from batchgen.mock.faults import BODY, DOWNLOAD, STATUS, WIRE
from batchgen.mock.field_faults import BATCHES, CHARGED_MODERATION, FIELD, KEYS, LINES, TASKS, UPLOADS


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a job for one image (`calls`, `slots`) and of one for four (`calls4`, `slots4`).

    `exit` is the run's, `stops` says that the run pulls no more jobs. `how` are options of the mock's fault. `drawn`:
    the mock must really draw. `deadline` is the seconds of one call. `slow`: takes seconds.
    """

    calls: tuple[str, ...]
    slots: tuple[str, ...]
    calls4: tuple[str, ...]
    slots4: tuple[str, ...]
    exit: int
    stops: bool = False
    how: str = ""
    drawn: bool = False
    deadline: float = 10.0
    slow: bool = False

    def of(self, n: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the calls and slots of a job for `n` images."""
        return (self.calls, self.slots) if n == 1 else (self.calls4, self.slots4)


def alike(calls: str, slot: str, exit_status: int) -> Fate:
    """One image or four: the same calls, and every slot in the same state."""
    states = tuple(calls.split())
    return Fate(states, (slot,), states, (slot,) * 4, exit_status)


GOOD = alike("settled", "stored", 0)
REFUSED = alike("not_charged", "failed", 3)
BUSY = replace(alike("not_charged not_charged not_charged not_charged", "failed", 3))
LIMITED = replace(alike("not_charged settled", "stored", 0), how="times=1 wait=0.02")
DOUBT = alike("at_risk at_risk", "uncertain", 7)
SPOILT = alike("charged_no_result charged_no_result", "failed", 3)
WITHHELD = alike("charged_no_result charged_no_result", "moderated", 3)
BLOCKED = alike("not_charged not_charged", "moderated", 3)
BLOCKED_LATE = alike("at_risk at_risk", "moderated", 3)
ACCOUNT = replace(alike("not_charged", "not_started", 5), stops=True)
CONFIG = replace(alike("not_charged", "not_started", 2), stops=True)
LOST = alike("settled", "lost_paid", 3)

# The first of four never comes: it is asked for twice more, and then said to be moderated or broken.
HOLE = replace(
    WITHHELD,
    calls4=("settled", "charged_no_result", "charged_no_result"),
    slots4=("moderated", "stored", "stored", "stored"),
)
BROKEN = replace(HOLE, slots=("failed",), slots4=("failed", "stored", "stored", "stored"))
# Half of the bytes come: two of four, then one of two, then none.
HALF = replace(
    SPOILT, calls4=("settled", "settled", "charged_no_result"), slots4=("stored", "stored", "stored", "failed")
)
STALLED: dict[str, Any] = {"deadline": 0.2, "how": "delay=1.5", "slow": True}
FEWER = {
    0: WITHHELD,
    1: replace(
        GOOD, calls4=("settled",) * 3, slots4=("stored", "stored", "stored", "moderated"), exit=3
    ),
    2: replace(GOOD, calls4=("settled",) * 2),
    3: replace(GOOD, calls4=("settled",) * 2),
}  # fmt: skip


def _all(fate: Fate, names: str) -> dict[str, Fate]:
    return dict.fromkeys(names.split(), fate)


STATUSES: dict[str, Fate] = {
    **_all(REFUSED, "status_400 400_invalid 400_escapes 413 422"),
    **_all(ACCOUNT, "400_billing 401 401_text 402 403 403_verification 403_html 429_zero 429_quota"),
    **_all(CONFIG, "404_html 404_url 405 redirect_301 redirect_302 redirect_303 redirect_307 redirect_308"),
    **_all(LIMITED, "429_rate"),
    **_all(replace(LIMITED, slow=True), "429_plain 429_slow_down 429_html retry_after_date retry_after_value"),
    **_all(BUSY, "status_503_json status_503_channel status_521 status_523 status_525 status_526 status_529"),
    **_all(
        DOUBT,
        "408 409 425 status_500 status_500_html status_502_html status_502_json status_502_empty status_503_html"
        " status_504 status_520 status_522 status_524 status_527 status_530 status_599",
    ),
    "status_503_slow": replace(DOUBT, slow=True),
    **_all(BLOCKED, "moderation_input moderation_unknown"),
    "moderation_output": BLOCKED_LATE,
}
BODIES: dict[str, Fate] = {
    **_all(SPOILT, "empty_200 data_texts"),
    **_all(WITHHELD, "data_missing data_null data_empty data_object"),
    **_all(DOUBT, "null_200 list_200 text_200 error_in_200 error_in_200_rate"),
    "error_in_200_quota": replace(alike("at_risk", "uncertain", 5), stops=True),
    "error_in_200_moderation": BLOCKED_LATE,
    **_all(HOLE, "entry_null entry_empty b64_null b64_empty"),
    **_all(BROKEN, "b64_number b64_garbage b64_no_picture b64_truncated"),
    **_all(
        GOOD,
        "b64_data_prefix b64_newlines b64_unpadded b64_urlsafe b64_escaped b64_unicode url_instead url_beside_empty"
        " data_url pretty_json bom_json usage_first extra_keys trailing_garbage huge_int invalid_utf8 lone_surrogate"
        " revised_escapes usage_missing usage_null usage_empty usage_zero usage_negative usage_nan usage_infinity"
        " usage_text usage_float usage_10x usage_list usage_partial more_than_asked other_model other_size"
        " other_quality chat_data_url chat_no_link",
    ),
    "deep_json": SPOILT,
    **{f"fewer_{count}": fate for count, fate in FEWER.items()},
    **_all(
        replace(GOOD, drawn=True),
        "wrong_format wrong_dimensions blank_picture checkerboard",
    ),
    **_all(replace(SPOILT, drawn=True), "picture_svg picture_html truncated_picture"),
    "picture_bomb": replace(GOOD, drawn=True, slow=True, deadline=60.0),
}
WIRES: dict[str, Fate] = {
    **_all(
        DOUBT,
        "reset_before_headers eof_before_headers close_unread reset_unread eof_mid_headers bad_chunk"
        " short_content_length duplicate_content_length long_header bad_status_line",
    ),
    **_all(HALF, "reset_mid_body eof_mid_body chunked_cut close_delimited_cut"),
    **_all(SPOILT, "bad_gzip cut_gzip brotli"),
    "gzip_bomb": replace(SPOILT, slow=True, deadline=60.0),
    "stall_before_headers": replace(DOUBT, **STALLED),
    **_all(replace(SPOILT, **STALLED), "stall_after_headers drip"),
    "stall_mid_body": replace(HALF, **STALLED),
    **_all(
        GOOD,
        "reset_after_body keep_alive_close chunked close_delimited slow_headers slow_body continue_100 gzip late",
    ),
}
# Reading the image fails once, then goes well; or the address is one that nobody may read.
DOWNLOADS: dict[str, Fate] = {
    **{name: replace(GOOD, how="reads=1", slow=True) for name in DOWNLOAD if name.startswith("download_")},
    "download_redirect": replace(LOST, slow=True),  # to a private address
    **_all(LOST, "url_private url_metadata url_file url_ftp url_broken url_port"),
    "url_expired": replace(alike("settled", "not_started", 3), slow=True),
}
# One image comes of each call: kept, and the others are asked for twice more.
ONE_EACH = FEWER[1]
EVENTS: dict[str, Fate] = {
    **_all(
        GOOD,
        "stream stream_as_json stream_as_text stream_oddly stream_whole stream_no_usage stream_error_after"
        " json_as_stream json_as_html",
    ),
    "stream_partial_only": SPOILT,
    "stream_first_only": ONE_EACH,
    "stream_cut": replace(
        HALF,
        calls4=("settled", "charged_no_result", "charged_no_result"),
        slots4=("stored", "failed", "failed", "failed"),
    ),
    **_all(DOUBT, "stream_error stream_error_late stream_error_rate"),
    "stream_error_moderation": BLOCKED_LATE,
}
SHAPE: dict[str, Fate] = {
    **_all(
        GOOD,
        "shape_images shape_texts shape_nested shape_wrapped shape_result shape_addresses shape_output shape_list"
        " shape_key shape_columns shape_artifacts shape_predictions shape_message shape_image_url shape_unknown"
        " chat_images tiny_entries_after",
    ),
    **_all(replace(GOOD, drawn=True), "always_png image_avif image_heic"),
    **_all(ONE_EACH, "body_png body_octets body_as_json"),
    **_all(replace(ONE_EACH, drawn=True), "body_avif body_heic"),
    **_all(DOUBT, "body_multipart body_zip"),
    "tiny_entries": SPOILT,
    **_all(replace(SPOILT, drawn=True), "png_zero png_no_width png_no_data png_no_end png_cut png_head_only"),
}
COUNTS: dict[str, Fate] = _all(
    GOOD,
    "usage_small usage_small_half usage_no_input usage_astronomic usage_bool usage_objects usage_contradicting"
    " usage_chat_names cost_in_usage cost_beside cost_only cost_text cost_negative",
)
PLACES_OF_IMAGES: dict[str, Fate] = {
    **_all(LOST, "url_foreign url_decimal url_decimal_far"),
    **_all(
        replace(alike("settled", "not_started", 3), slow=True),
        "url_no_host url_for_ever_403 url_for_ever_404 url_with_key",
    ),
}
SECRETS: dict[str, Fate] = {
    **dict.fromkeys((name for name in KEYS if name not in {"key_in_json", "key_in_answer"}), REFUSED),
    "key_in_json": DOUBT,
    "key_in_answer": GOOD,
}
PAGES = {"html_200", "html_200_console"}
REFUSALS: dict[str, Fate] = {
    **{name: BLOCKED_LATE if name in CHARGED_MODERATION | {"moderation_status"} else BLOCKED for name in MODERATION},
    "moderation_guidelines": BLOCKED_LATE,  # it speaks of a generated image
    **dict.fromkeys(RATE, replace(LIMITED, slow=True)),
    **dict.fromkeys(ACCOUNTS, ACCOUNT),
    "account_paused": REFUSED,
    **dict.fromkeys(NO_ANSWERS.keys() - PAGES, DOUBT),
    **dict.fromkeys(INPUT, REFUSED),
}
FIELDS = {**EVENTS, **SHAPE, **COUNTS, **PLACES_OF_IMAGES, **SECRETS, **REFUSALS}
ELSEWHERE = {
    *TASKS,
    *BATCHES,
    *LINES,
    *UPLOADS,
    *PAGES,
    "404_model",
    "error_in_200_model",
    *MODELS,
    "usage_dear",
    "cost_dear",
}
"""Faults of protocols, of money, of wrong addresses and of models, which have laws of their own."""
FATES = {**STATUSES, **BODIES, **WIRES, **DOWNLOADS, **FIELDS}
UNKNOWN = {*STATUS, *BODY, *WIRE, *DOWNLOAD, *FIELD} - FATES.keys() - ELSEWHERE
