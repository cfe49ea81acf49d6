"""Faults found in the field, by name: every one is a kind that a real server has shown."""

from collections.abc import Mapping

from batchgen.mock import fault_answers as told
from batchgen.mock import fault_keys as keys
from batchgen.mock import fault_scripts as wire
from batchgen.mock import fault_shapes as shapes
from batchgen.mock import fault_streams as streams
from batchgen.mock import fault_words as words
from batchgen.mock.fault import FREE, Fault, listed
from batchgen.mock.resolved_request import Look

STREAMS: dict[str, Fault] = {
    "stream": Fault("events although none were asked: previews, then the images with usage, [DONE]; usable",
                    alter=streams.events(streams.partials, streams.completed, streams.done)),
    "stream_as_json": Fault("the same events, said to be JSON; usable",
                            alter=streams.events(streams.partials, streams.completed, kind="application/json")),
    "stream_as_text": Fault("the same events, said to be text; usable",
                            alter=streams.events(streams.partials, streams.completed, kind="text/plain")),
    "stream_oddly": Fault("the same with CRLF, comments, no names, data in lines; usable", alter=streams.oddly),
    "stream_whole": Fault("the plain answer in one event; usable", alter=streams.whole_in_an_event),
    "stream_no_usage": Fault("events that never say the usage; usable",
                             alter=streams.events(streams.partials, streams.completed_without_usage, streams.done)),
    "stream_partial_only": Fault("previews, and never an image",
                                 alter=streams.events(streams.partials, streams.done)),
    "stream_first_only": Fault("the first image of n, then the end",
                               alter=streams.events(streams.partials, streams.first_completed, streams.done)),
    "stream_cut": Fault("events that break off", script=wire.sending(wire.half),
                        alter=streams.events(streams.partials, streams.completed)),
    "stream_error": Fault("an error event with 200",
                          alter=streams.events(streams.failed("server_error", "The server had an error."))),
    "stream_error_late": Fault("a preview, then an error event",
                               alter=streams.events(streams.partials, streams.failed("server_error", "It failed."))),
    "stream_error_rate": Fault("an error event: rate limit", FREE,
                               alter=streams.events(streams.failed("rate_limit_exceeded", "Try again in 1s."))),
    "stream_error_moderation": Fault("an error event: moderation", alter=streams.events(
        streams.partials, streams.failed("moderation_blocked", "Rejected by the safety system."))),
    "stream_error_after": Fault("every image, then an error event; usable", alter=streams.events(
        streams.completed, streams.failed("server_error", "It failed."))),
    "json_as_stream": Fault("plain JSON, said to be events; usable", alter=streams.said_to_be(streams.STREAM)),
    "json_as_html": Fault("plain JSON, said to be a page; usable", alter=streams.said_to_be("text/html")),
}  # fmt: skip

SHAPES: dict[str, Fault] = {
    **listed("shape"),
    "shape_images": Fault("{images: [{url}], seed}; usable", as_url=True,
                          alter=shapes.shaped(lambda i: {"images": [{"url": one} for one in i], "seed": 1})),
    "shape_texts": Fault("{images: [base64]}; usable", spoil=shapes.as_base64,
                         alter=shapes.shaped(lambda i: {"images": i, "parameters": {}, "info": "{}"})),
    "shape_nested": Fault("data: [[{…}], …]; usable",
                          alter=told.changed(lambda a: {**a, "data": [[entry] for entry in a["data"]]})),
    "shape_wrapped": Fault("{code, data: {data: […]}}; usable",
                           alter=told.changed(lambda a: {"code": 0, "msg": "ok", "data": a})),
    "shape_result": Fault("{result: {images: […]}}; usable",
                          alter=told.changed(lambda a: {"result": {"images": a["data"]}})),
    "shape_addresses": Fault("data: [address]; usable", as_url=True, alter=shapes.shaped(lambda i: {"data": i})),
    "shape_output": Fault("{output: [address]}; usable", as_url=True,
                          alter=shapes.shaped(lambda i: {"status": "succeeded", "output": i})),
    "shape_list": Fault("a bare list of addresses; usable", as_url=True, alter=shapes.shaped(lambda i: i)),
    "shape_key": Fault("base64 under option key (image); usable", spoil=shapes.as_base64, alter=shapes.under),
    "shape_columns": Fault("data: {b64_json: […]}; usable", spoil=shapes.as_base64,
                           alter=shapes.shaped(lambda i: {"data": {"b64_json": i}})),
    "shape_artifacts": Fault("{artifacts: [{base64}]}; usable", spoil=shapes.as_base64, alter=shapes.shaped(
        lambda i: {"artifacts": [{"base64": one, "finishReason": "SUCCESS"} for one in i]})),
    "shape_predictions": Fault("{predictions: [{bytesBase64Encoded}]}; usable", spoil=shapes.as_base64,
                               alter=shapes.shaped(lambda i: {"predictions": [
                                   {"mimeType": "image/png", "bytesBase64Encoded": one} for one in i]})),
    "shape_message": Fault("{choices: [{message: {images}}]}; usable", spoil=shapes.as_base64,
                           alter=shapes.shaped(lambda i: {"choices": [{"message": {"role": "assistant", "images": [
                               {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{one}"}}
                               for one in i]}}]})),
    "shape_image_url": Fault("data: [{image_url: {url}}]; usable", as_url=True, alter=shapes.shaped(
        lambda i: {"data": [{"image_url": {"url": one}} for one in i]})),
    "chat_images": Fault("a chat whose images stand in message.images", spoil=told.answering("images")),
    "shape_unknown": Fault("base64 deep under names that nobody knows", spoil=shapes.as_base64,
                           alter=shapes.shaped(lambda i: {"payload": {"blobs": [{"x": {"y": one}} for one in i]}})),
    "body_png": Fault("the body is the image", spoil=shapes.as_base64, alter=shapes.body("image/png")),
    "body_octets": Fault("the body is the image, said to be bytes", spoil=shapes.as_base64,
                         alter=shapes.body("application/octet-stream")),
    "body_as_json": Fault("the body is the image, said to be JSON", spoil=shapes.as_base64,
                          alter=shapes.body("application/json")),
    "body_avif": Fault("the body is an AVIF image", spoil=told.both(shapes.as_base64, told.looking(Look.AVIF)),
                       alter=shapes.body("image/avif")),
    "body_heic": Fault("the body is a HEIC image", spoil=told.both(shapes.as_base64, told.looking(Look.HEIC)),
                       alter=shapes.body("image/heic")),
    "body_multipart": Fault("a body of parts, an image each", spoil=shapes.as_base64, alter=shapes.multipart),
    "body_zip": Fault("the body is a ZIP file of the images", spoil=shapes.as_base64, alter=shapes.archive),
    "tiny_entries": Fault("option count (1200) entries of ten bytes", alter=shapes.tiny(0)),
    "tiny_entries_after": Fault("the images, then option count (1200) entries of ten bytes", alter=shapes.tiny(10)),
    "always_png": Fault("PNG, whatever was asked and is said; usable", spoil=told.drawn_as("png")),
}  # fmt: skip

MONEY: dict[str, Fault] = {
    **listed("money"),
    "usage_dear": Fault("16 times the tokens, charged too; usable", factor=16),
    "usage_small": Fault("output_tokens: 1, the rest charged; usable", alter=told.usage(
        lambda u: {**u, "output_tokens": 1, "output_tokens_details": {"image_tokens": 1, "text_tokens": 0},
                   "total_tokens": u["input_tokens"] + 1})),
    "usage_small_half": Fault("half of the tokens are told; usable", alter=told.numbers(lambda number: number // 2)),
    "usage_objects": Fault("every number an object; usable", alter=told.numbers(lambda number: {"value": number})),
    "usage_chat_names": Fault("prompt_tokens and completion_tokens; usable", alter=told.usage(
        lambda u: {"prompt_tokens": u["input_tokens"], "completion_tokens": u["output_tokens"],
                   "total_tokens": u["total_tokens"]})),
    "cost_in_usage": Fault("usage.cost in dollars, as charged; usable", alter=shapes.costing(
        lambda a, usd: {**a, "usage": {**a["usage"], "cost": usd}})),
    "cost_beside": Fault("cost in dollars beside usage, as charged; usable",
                         alter=shapes.costing(lambda a, usd: {**a, "cost": usd})),
    "cost_only": Fault("cost in dollars and no usage; usable", alter=shapes.costing(
        lambda a, usd: {k: v for k, v in {**a, "cost": usd}.items() if k != "usage"})),
    "cost_text": Fault("cost as a text; usable", alter=shapes.costing(lambda a, usd: {**a, "cost": f"{usd:.6f}"})),
    "cost_negative": Fault("a negative cost; usable", alter=shapes.costing(lambda a, usd: {**a, "cost": -usd})),
    "cost_dear": Fault("usage.cost is option cost (0.5) dollars, and so it is charged; usable", cost=0.5,
                       alter=shapes.costing(lambda a, usd: {**a, "usage": {**a["usage"], "cost": usd}})),
}  # fmt: skip

ADDRESSES = listed("address")
TASKS = listed("task")
"""Where there are tasks; elsewhere these calls go well."""
BATCHES = listed("batch")
"""The life of a batch: the first line that asks for one decides. Option late hides the batch from so many lists."""
LINES = listed("line")
UPLOADS = listed("file")
"""Uploads, by their file name."""
KEYS: dict[str, Fault] = {
    **{
        f"key_{name}": Fault(f"400 that echoes the key: {name}", FREE, reply=keys.refusing(spelling))
        for name, spelling in keys.SPELLINGS.items()
    },
    "key_in_json": Fault("500 whose JSON escapes the key", reply=keys.failing),
    "key_in_header": Fault("400 with the key in headers", FREE, reply=keys.in_header),
    "key_in_answer": Fault("a good answer with the key in it; usable", alter=keys.in_answer),
}  # fmt: skip


def _refusals(table: Mapping[str, words.Words], about: str, *, charged: bool) -> dict[str, Fault]:
    return {name: Fault(f"{said.status}: {about}", charged, reply=said) for name, said in table.items()}


CHARGED_MODERATION = {
    *("moderation_seedream_output", "moderation_inspection", "moderation_in_500", "moderation_finish"),
    "moderation_entry",
}
FIELD: dict[str, Fault] = {
    **STREAMS,
    **SHAPES,
    **MONEY,
    **ADDRESSES,
    **TASKS,
    **BATCHES,
    **LINES,
    **UPLOADS,
    **KEYS,
    **{
        name: Fault(f"{said.status}: moderation in other words", name in CHARGED_MODERATION, reply=said)
        for name, said in words.MODERATION.items()
    },
    **_refusals(words.RATE, "a rate limit in other words; option wait", charged=False),
    **_refusals(words.ACCOUNT, "the account is refused", charged=False),
    **_refusals(words.MODELS, "the model is gone, unknown or closed to this key", charged=False),
    **_refusals(words.UNKNOWN, "no answer of the Images API", charged=True),
    **_refusals(words.INPUT, "a reference image cannot be read", charged=False),
}
