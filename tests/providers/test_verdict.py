"""What happened to a call -> was it charged, what follows: the table, row by row."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.model import Charge, Phase, Remedy
from batchgen.providers.api_error import ApiError, complaint
from batchgen.providers.decode import BodyKind
from batchgen.providers.verdict import CallEvidence, TransportError, judge

NO, MAYBE, YES = Charge.NO, Charge.MAYBE, Charge.YES
JSON, HTML, EMPTY, OTHER = BodyKind.JSON, BodyKind.HTML, BodyKind.EMPTY, BodyKind.OTHER


def answered(status: Any, complaint: Any = None, **facts: Any) -> Any:
    """Return a call that got a status and a whole body."""
    facts.setdefault("body", JSON if complaint or 200 <= status < 300 else EMPTY)
    facts.setdefault("seconds", 1.0)
    return judge(CallEvidence(Phase.COMPLETE, status=status, complaint=complaint, **facts))


def says(code: Any = "", message: Any = "", **more: Any) -> Any:
    """Say what a provider complains of."""
    return ApiError(code=code, message=message, **more)


@pytest.mark.parametrize(
    ("trouble", "remedy"),
    [
        (TransportError.DNS, Remedy.RESEND),
        (TransportError.CONNECT, Remedy.RESEND),
        (TransportError.CONNECT_TIMEOUT, Remedy.RESEND),
        (TransportError.TOO_MANY_FILES, Remedy.RESEND),
        (TransportError.TLS, Remedy.STOP_ACCOUNT),
        (TransportError.REQUEST, Remedy.FAIL_JOB),
    ],
)
def test_what_never_left_is_free(trouble: Any, remedy: Any) -> None:
    """Nothing sent, nothing charged; a certificate that is not trusted stops the run."""
    verdict = judge(CallEvidence(Phase.NOT_CONNECTED, trouble))
    assert (verdict.charge, verdict.remedy, verdict.code) == (NO, remedy, trouble.value)


@pytest.mark.parametrize(
    "trouble", [TransportError.DISCONNECTED, TransportError.BAD_HTTP, TransportError.DEADLINE, None]
)
def test_what_was_handed_over_and_not_answered_may_be_charged(trouble: Any) -> None:
    """After hand-over silence means: perhaps."""
    verdict = judge(CallEvidence(Phase.HANDED_OVER, trouble, seconds=0.01))
    assert (verdict.charge, verdict.remedy) == (MAYBE, Remedy.UNCERTAIN)


TABLE = [
    # rate limits: free, wait
    (429, says("rate_limit_exceeded", "Limit 5, Used 5, Requested 1."), {}, NO, Remedy.WAIT, "rate_limit"),
    (429, says("slow_down", type="rate_limit_error"), {}, NO, Remedy.WAIT, "slow_down"),
    (429, None, {}, NO, Remedy.WAIT, "rate_limit"),
    (429, None, {"body": HTML}, NO, Remedy.WAIT, "rate_limit"),
    (429, says("rate_limit_exceeded", "images per min: Limit 0, Used 0"), {}, NO, Remedy.STOP_ACCOUNT, "no_access"),
    (429, says("rate_limit_error", "Limit: 50/min"), {}, NO, Remedy.WAIT, "rate_limit"),
    # money is gone: free, stop
    (429, says("insufficient_quota"), {}, NO, Remedy.STOP_ACCOUNT, "insufficient_quota"),
    (429, says(type="insufficient_quota"), {}, NO, Remedy.STOP_ACCOUNT, "insufficient_quota"),
    (429, says("credit_balance_exhausted"), {}, NO, Remedy.STOP_ACCOUNT, "credit_balance_exhausted"),
    (429, says("organization_spend_limit_exceeded"), {}, NO, Remedy.STOP_ACCOUNT, "organization_spend_limit_exceeded"),
    (429, says("project_spend_limit_exceeded"), {}, NO, Remedy.STOP_ACCOUNT, "project_spend_limit_exceeded"),
    (429, says("organization_usage_limit_exceeded"), {}, NO, Remedy.STOP_ACCOUNT, "organization_usage_limit_exceeded"),
    (429, says("", "You exceeded your current quota"), {}, NO, Remedy.STOP_ACCOUNT, "insufficient_quota"),
    (400, says("billing_hard_limit_reached"), {}, NO, Remedy.STOP_ACCOUNT, "billing_hard_limit_reached"),
    (403, says("insufficient_user_quota"), {}, NO, Remedy.STOP_ACCOUNT, "insufficient_user_quota"),
    (402, None, {}, NO, Remedy.STOP_ACCOUNT, "http_402"),
    # key and permission: free, one probe
    (401, says("invalid_api_key"), {}, NO, Remedy.PROBE_ACCOUNT, "invalid_api_key"),
    (
        400,
        says("Client specified an invalid argument", "Incorrect API key provided: xa***. You can obtain"),
        {},
        NO,
        Remedy.PROBE_ACCOUNT,
        "invalid_api_key",
    ),
    (401, None, {"body": OTHER}, NO, Remedy.PROBE_ACCOUNT, "http_401"),
    (403, says("", "organization must be verified"), {}, NO, Remedy.PROBE_ACCOUNT, "http_403"),
    (403, None, {"body": HTML}, NO, Remedy.PROBE_ACCOUNT, "http_403"),
    # the request can never succeed: free, fail
    (400, says("invalid_value", param="size"), {}, NO, Remedy.FAIL_JOB, "invalid_value"),
    (400, says("unknown_parameter"), {}, NO, Remedy.FAIL_JOB, "unknown_parameter"),
    (400, None, {}, NO, Remedy.FAIL_JOB, "http_400"),
    (404, says("model_not_found"), {}, NO, Remedy.STOP_CONFIG, "model_not_found"),
    (413, None, {"body": HTML}, NO, Remedy.FAIL_JOB, "http_413"),
    (422, says("", "bad"), {}, NO, Remedy.FAIL_JOB, "http_422"),
    # the address is wrong: free, stop
    (302, None, {}, NO, Remedy.STOP_CONFIG, "http_302"),
    (307, None, {}, NO, Remedy.STOP_CONFIG, "http_307"),
    (404, None, {"body": HTML}, NO, Remedy.STOP_CONFIG, "http_404"),
    (405, None, {}, NO, Remedy.STOP_CONFIG, "http_405"),
    # moderation: an answer; charged only when an image may have been drawn
    (400, says("moderation_blocked", stage="input"), {"seconds": 30}, NO, Remedy.MODERATED, "moderation_blocked"),
    (400, says("moderation_blocked", stage="output"), {"seconds": 1}, MAYBE, Remedy.MODERATED, "moderation_blocked"),
    (400, says("moderation_blocked"), {"seconds": 2.9}, NO, Remedy.MODERATED, "moderation_blocked"),
    (400, says("moderation_blocked"), {"seconds": 3.0}, MAYBE, Remedy.MODERATED, "moderation_blocked"),
    (400, says("content_policy_violation"), {}, NO, Remedy.MODERATED, "moderation_blocked"),
    (400, says("", "rejected as a result of our safety system"), {}, NO, Remedy.MODERATED, "moderation_blocked"),
    (500, says("moderation_blocked"), {}, MAYBE, Remedy.MODERATED, "moderation_blocked"),
    # perhaps charged
    (408, None, {}, MAYBE, Remedy.UNCERTAIN, "http_408"),
    (409, says("conflict"), {}, MAYBE, Remedy.UNCERTAIN, "http_409"),
    (425, None, {}, MAYBE, Remedy.UNCERTAIN, "http_425"),
    (499, None, {}, MAYBE, Remedy.UNCERTAIN, "http_499"),
    (500, says("server_error"), {}, MAYBE, Remedy.UNCERTAIN, "http_500"),
    (502, None, {"body": HTML}, MAYBE, Remedy.UNCERTAIN, "http_502"),
    (504, None, {}, MAYBE, Remedy.UNCERTAIN, "http_504"),
    (520, None, {}, MAYBE, Remedy.UNCERTAIN, "http_520"),
    (522, None, {}, MAYBE, Remedy.UNCERTAIN, "http_522"),
    (524, None, {"body": HTML}, MAYBE, Remedy.UNCERTAIN, "http_524"),
    (527, None, {}, MAYBE, Remedy.UNCERTAIN, "http_527"),
    (530, None, {}, MAYBE, Remedy.UNCERTAIN, "http_530"),
    (503, None, {"body": HTML}, MAYBE, Remedy.UNCERTAIN, "http_503"),
    (503, says("server_is_overloaded"), {"seconds": 5.0}, MAYBE, Remedy.UNCERTAIN, "http_503"),
    # surely not drawn
    (503, says("server_is_overloaded"), {"seconds": 4.9}, NO, Remedy.RETRY, "http_503"),
    (529, says("overloaded"), {}, NO, Remedy.RETRY, "http_529"),
    (521, None, {"body": HTML}, NO, Remedy.RETRY, "http_521"),
    (523, None, {}, NO, Remedy.RETRY, "http_523"),
    (525, None, {}, NO, Remedy.RETRY, "http_525"),
    (526, None, {}, NO, Remedy.RETRY, "http_526"),
    # a success that is none
    (200, None, {"body": HTML, "whole": False}, MAYBE, Remedy.UNCERTAIN, "html"),
    (200, None, {"body": EMPTY, "whole": False}, YES, Remedy.UNCERTAIN, "empty_body"),
    (200, None, {"body": OTHER, "whole": False}, YES, Remedy.UNCERTAIN, "undecodable"),
    (200, None, {"whole": False}, YES, Remedy.UNCERTAIN, "truncated"),
    (200, None, {"trouble": TransportError.DISCONNECTED, "whole": False}, YES, Remedy.UNCERTAIN, "truncated"),
    (200, None, {"trouble": TransportError.DEADLINE, "whole": False}, YES, Remedy.UNCERTAIN, "timeout"),
    (200, None, {"trouble": TransportError.TOO_LARGE, "whole": False}, YES, Remedy.UNCERTAIN, "answer_too_large"),
    (200, None, {"trouble": TransportError.ENCODING, "whole": False}, YES, Remedy.UNCERTAIN, "content_encoding"),
    (200, None, {"reasons": ("dropped",)}, YES, Remedy.EMPTY, "empty"),
    (204, None, {"reasons": ("null", "empty")}, YES, Remedy.EMPTY, "empty"),
    # a success with an error inside: perhaps charged, never repeated for free
    (200, says("convert_request_failed"), {}, MAYBE, Remedy.UNCERTAIN, "convert_request_failed"),
    (200, says("", "something broke"), {}, MAYBE, Remedy.UNCERTAIN, "error_in_answer"),
    (200, says("rate_limit_exceeded"), {}, MAYBE, Remedy.UNCERTAIN, "rate_limit"),
    (200, says("insufficient_quota"), {}, MAYBE, Remedy.STOP_ACCOUNT, "insufficient_quota"),
    (200, says("invalid_api_key"), {}, MAYBE, Remedy.PROBE_ACCOUNT, "invalid_api_key"),
    (200, says("402", "This request requires more credits"), {}, MAYBE, Remedy.STOP_ACCOUNT, "http_402"),
    (200, says("402", "please recharge", bare=True), {"known": False}, MAYBE, Remedy.STOP_ACCOUNT, "http_402"),
    (200, says("401", "no"), {}, MAYBE, Remedy.PROBE_ACCOUNT, "http_401"),
    (200, says("403", "no"), {}, MAYBE, Remedy.PROBE_ACCOUNT, "http_403"),
    (200, says("429", "too fast"), {}, MAYBE, Remedy.UNCERTAIN, "rate_limit"),
    (200, says("403", "blocked by our content moderation"), {}, MAYBE, Remedy.MODERATED, "moderation_blocked"),
    (200, says("500", "no"), {}, MAYBE, Remedy.UNCERTAIN, "error_in_answer"),
    (200, says("moderation_blocked", stage="input"), {}, MAYBE, Remedy.MODERATED, "moderation_blocked"),
    (200, says("model_not_found"), {}, MAYBE, Remedy.FAIL_JOB, "model_not_found"),
    # images are images, whatever else there is
    (200, None, {"images": 1}, YES, Remedy.NONE, "ok"),
    (200, says("server_error"), {"images": 1}, YES, Remedy.NONE, "ok"),
    (
        *(200, None, {"images": 1, "whole": False, "trouble": TransportError.DISCONNECTED}),
        *(YES, Remedy.NONE, "truncated"),
    ),
]


@pytest.mark.parametrize(("status", "complaint", "facts", "charge", "remedy", "code"), TABLE)
def test_the_table(status: Any, complaint: Any, facts: Any, charge: Any, remedy: Any, code: Any) -> None:
    """Each row has one verdict."""
    verdict = answered(status, complaint, **facts)
    assert (verdict.charge, verdict.remedy, verdict.code) == (charge, remedy, code)


def google(words: str, status: str, *reasons: str) -> Any:
    """Return an error as Google words it."""
    return {"error": {"message": words, "status": status, "details": [{"reason": reason} for reason in reasons]}}


LITELLM = "litellm.ContentPolicyViolationError: OpenAIException - declined"
IMAGEN = "Image generation failed with the following error: "
BLOCKED = "Your resource has been temporarily blocked because we detected behavior that may violate our content policy."
AZURE = {"error": {"code": "Forbidden", "message": BLOCKED}}
FIREWORKS = (
    "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices"
)
UNPAID = {"error": {"message": FIREWORKS, "code": "PRECONDITION_FAILED", "type": "error"}}
SUSPENDED = google("Permission denied: Consumer 'x' has been suspended.", "PERMISSION_DENIED", "CONSUMER_SUSPENDED")
ABROAD = google("User location is not supported for the API use.", "FAILED_PRECONDITION")
SPENT = "Your team x has either used all available credits or reached its monthly spending limit. To continue"
RESTRICTED = {
    "message": "Organization has been restricted. Please reach out to support",
    "code": "organization_restricted",
}
DEACTIVATED = "Your OpenAI account has been deactivated, please check your email for more information."
COUNTRY = {"message": "Country, region, or territory not supported", "code": "unsupported_country_region_territory"}
ECHO = {"prompt": "A letter: exceeded your current quota, Organization has been restricted. Please reach out"}
FILTERED = "Prompt blocked due to security configurations"
TEAM = "key not allowed to access model. This key can only access models=['a']. Tried to access b"
MODERATED, ACCOUNT, MONEY = Remedy.MODERATED, Remedy.PROBE_ACCOUNT, Remedy.STOP_ACCOUNT

BODIES = [
    (400, {"error": {"message": LITELLM, "type": None, "code": "400"}}, MODERATED, LITELLM),
    (400, google(f"{IMAGEN}The response is blocked, as it may violate our policies.", "x"), MODERATED, ""),
    (400, google(f"{IMAGEN}words that violate Google's Responsible AI practices.", "x"), MODERATED, ""),
    (400, google("Request contains", "INVALID_ARGUMENT", "PUBLIC_ERROR_UNSAFE_GENERATION"), MODERATED, ""),
    (424, {"success": False, "error": [{"code": 2016, "message": FILTERED}]}, MODERATED, FILTERED),
    (200, {"data": None, "base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}}, MODERATED, ""),
    # the account is barred, or its country
    (403, AZURE, ACCOUNT, BLOCKED),
    (403, {"error": {"message": json.dumps({"error": "Forbidden", "message": json.dumps(AZURE)})}}, ACCOUNT, BLOCKED),
    (422, {"error": {"message": f"content moderation ({json.dumps(AZURE)})", "code": "content_policy_violation"}},
     ACCOUNT, BLOCKED),
    (403, SUSPENDED, ACCOUNT, "has been suspended"),
    (500, {"error": {"message": json.dumps(SUSPENDED), "code": "upstream_error"}}, ACCOUNT, "has been suspended"),
    (400, google("API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"), ACCOUNT, ""),
    (400, google("Verify your account to continue.", "x", "VALIDATION_REQUIRED"), ACCOUNT, "Verify your account"),
    (400, {"error": RESTRICTED}, ACCOUNT, ""),
    (400, {"detail": DEACTIVATED}, ACCOUNT, DEACTIVATED),
    (400, {"error": COUNTRY}, ACCOUNT, "Country"),
    (400, {"error": {"message": json.dumps(ABROAD), "code": 400}}, ACCOUNT, "User location"),
    (451, {"error": "Unavailable for legal reasons in your country"}, ACCOUNT, "in your country"),
    # money
    (412, UNPAID, MONEY, FIREWORKS),
    (412, {"error": {"message": f"Image provider error: {json.dumps(UNPAID)}", "code": "UNKNOWN"}}, MONEY, "Account"),
    (402, {"error": {"message": "Provider returned error", "metadata": {"raw": json.dumps(UNPAID)}}}, MONEY, "Account"),
    (429, {"code": "Some resource has been exhausted", "error": SPENT}, MONEY, SPENT),
    (429, google("Your prepayment credits are depleted.", "RESOURCE_EXHAUSTED"), MONEY, ""),
    (403, {"detail": "User is locked. Reason: Exhausted balance. Top up your balance"}, MONEY, ""),
    (403, {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None}, MONEY, ""),
    (200, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, MONEY, ""),
    (200, {"error": {"code": 402, "message": 'upstream: {"error": {"message": "no"}}'}}, MONEY, "no"),
    # the model
    (403, {"error": {"message": "This model is not available in your region.", "code": 403}}, ACCOUNT, ""),
    (401, {"error": {"message": TEAM, "type": "team_model_access_denied", "code": "401"}}, ACCOUNT, ""),
    (400, {"code": 20012, "message": "Model does not exist. Please check it carefully."}, Remedy.STOP_CONFIG, ""),
    # pace, and what a prompt that is quoted in an error does not decide
    (503, {"error": {"message": f"HTTP 429: {json.dumps(google('no', 'RESOURCE_EXHAUSTED'))}"}}, Remedy.WAIT, "no"),
    (400, {"error": {"message": json.dumps({"error": "Bad", "message": "too small", "request": ECHO})}},
     Remedy.FAIL_JOB, "too small"),
    (400, {"error": {"message": f"Invalid: {RESTRICTED['message']}", "param": "prompt"}}, Remedy.FAIL_JOB, "Invalid"),
    (400, {"error": {"message": f"Invalid: {json.dumps(SUSPENDED)}", "param": "prompt"}}, Remedy.FAIL_JOB, "Invalid"),
    (400, {"error": {"message": f"moderation_blocked: {BLOCKED}", "code": "moderation_blocked"}}, MODERATED, BLOCKED),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "remedy", "words"), BODIES)
def test_what_servers_answered(status: Any, body: Any, remedy: Any, words: Any) -> None:
    """Each body, as a server or a gateway sent it, has one remedy, and its innermost words are told."""
    verdict = answered(status, complaint(body))
    assert (verdict.remedy, words in verdict.message) == (remedy, True)


def test_a_wait_is_taken_from_header_or_words() -> None:
    """A rate limit says how long, one way or another."""
    assert answered(429, headers={"retry-after": "7"}).retry_after == 7
    words = "Rate limit reached. Please try again in 12s."
    assert answered(429, says("rate_limit_exceeded", words)).retry_after == 12
    assert answered(429).retry_after is None
    assert answered(503, says("overloaded"), headers={"retry-after-ms": "534"}).retry_after == pytest.approx(0.534)


def test_categories_are_read_from_details_or_words() -> None:
    """Why something was moderated is kept."""
    assert answered(400, says("moderation_blocked", categories=("sexual", "violence"))).categories == (
        "sexual",
        "violence",
    )


@pytest.mark.parametrize(
    ("status", "charge"),
    [
        (400, MAYBE),
        (413, MAYBE),
        (503, MAYBE),
        (401, NO),
        (402, NO),
        (403, NO),
        (404, NO),
        (429, NO),
        (307, NO),
        (521, NO),
    ],
)
def test_a_provider_that_bills_every_call_it_served(status: Any, charge: Any) -> None:
    """What was refused behind the door may be billed there; what was turned away at it can not."""
    complaint = says("overloaded") if status == 503 else None
    assert answered(status, complaint, charges_failures=True).charge is charge
    assert judge(CallEvidence(Phase.NOT_CONNECTED, TransportError.DNS, charges_failures=True)).charge is NO


def test_words_are_made_harmless() -> None:
    """No key, no control character, no more than a line."""
    said = "Incorrect API key provided: sk-abcd***wxyz\x1b]52;c;x\x07\nnext\u202e canary-key-123" + "x" * 500
    verdict = answered(401, says("invalid_api_key", said), secrets=("canary-key-123",))
    assert "abcd" not in verdict.message
    assert "canary" not in verdict.message
    assert verdict.message.isprintable()
    assert len(verdict.message) <= 300


def test_a_code_that_is_no_name_is_not_taken_over() -> None:
    """Codes are names that we know the shape of."""
    assert answered(400, says("\x1b[31m evil")).code == "http_400"


def test_the_table_is_total() -> None:
    """Every status in every phase with every body and trouble has a verdict, and doubt is never free."""
    for status, body, trouble in itertools.product(
        [None, 100, 204, 299, 304, 418, 451, 499, 599, 600, 999], BodyKind, [None, *TransportError]
    ):
        for phase in (Phase.HANDED_OVER, Phase.STATUS_SEEN, Phase.COMPLETE):
            verdict = judge(CallEvidence(phase, trouble, status=status, body=body))
            assert verdict.remedy is not Remedy.NONE
            if status is None or status >= 599:
                assert verdict.charge is not NO


@given(st.integers(100, 999), st.text(max_size=40), st.text(max_size=40), st.text(max_size=80), st.floats(0, 1000))
def test_free_means_known_to_be_free(status: Any, code: Any, kind: Any, message: Any, seconds: Any) -> None:
    """A success is never called free, and nothing raises, whatever a provider says."""
    verdict = answered(status, ApiError(code, kind, message), seconds=seconds)
    assert verdict.message.isprintable()
    if 200 <= status < 300:
        assert verdict.charge is not NO


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BodyKind.HTML, "HTTP 401 with a web page"),
        (BodyKind.EMPTY, "HTTP 401 without a word"),
        (BodyKind.OTHER, "HTTP 401 with something unreadable"),
        (BodyKind.JSON, "HTTP 401"),
    ],
)
def test_a_wordless_refusal_reads_like_a_sentence(body: BodyKind, words: str) -> None:
    """Where the provider said nothing that can be read, the status and what came instead are told."""
    assert judge(CallEvidence(Phase.COMPLETE, status=401, body=body)).message == words
