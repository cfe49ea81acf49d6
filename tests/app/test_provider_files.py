"""What a provider file can say of address, key, headers, parameters, edits, chat and cost, over real sockets."""

import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from batchgen import catalog
from batchgen.app.config.environment import environment, secrets
from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project, schema
from batchgen.app.preview import check, plan
from batchgen.app.preview.check import CheckResult
from batchgen.app.preview.doctor import examine
from batchgen.app.run.start import RunResult, run_manifest
from batchgen.app.watch import Unwatched
from batchgen.errors import AccountError, InputError
from batchgen.money import MicroUSD
from tests.counting import Answered, Counting, Heard

pytestmark = pytest.mark.sample(6)

KEY = "sk-door-0123456789"
PROJECT = "proj-secret-4711"


def png(size: int = 8) -> bytes:
    """Return a small image."""
    out = io.BytesIO()
    Image.new("RGB", (size, size), "red").save(out, "PNG")
    return out.getvalue()


def images(heard: Heard, **more: Any) -> Answered:
    """Say what the Images API answers."""
    n = heard.body.get("n", 1) if isinstance(heard.body, dict) else 1
    return 200, {"created": 1, "data": [{"b64_json": base64.b64encode(png()).decode()}] * n, **more}


class Shop:
    """A folder with a provider file and a manifest, before a server that answers as it is told."""

    def __init__(self, root: Path, server: Counting) -> None:
        self.root, self.server = root, server

    def file(self, **told: Any) -> Path:
        """Write the provider file."""
        path = self.root / "shop.yaml"
        about: dict[str, Any] = {
            "base_url": self.server.base_url,
            "key_variable": "SHOP_KEY",
            "default_model": "draws-1",
        }
        about |= {"prices": {"*": {"per_image": 0.01}}}
        path.write_text(yaml.safe_dump({**about, **told}, sort_keys=False), "utf-8")
        return path

    def manifest(self, *jobs: Mapping[str, Any], **told: Any) -> Path:
        """Write the manifest."""
        path = self.root / "scene.yaml"
        about = {"provider": "./shop.yaml", "limits": {"max_cost": 5}, **told}
        path.write_text(yaml.safe_dump({**about, "jobs": [dict(job) for job in jobs]}, sort_keys=False), "utf-8")
        return path

    def check(self, *jobs: Mapping[str, Any], **told: Any) -> CheckResult:
        """Say what is wrong with it."""
        return check.check(open_project(self.manifest(*jobs, **told), Options()))

    def run(self, *jobs: Mapping[str, Any], **told: Any) -> RunResult:
        """Run it."""
        return run_manifest(self.manifest(*jobs, **told), Options(output=self.root / "out"), Unwatched())


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Shop]]:
    """Start a server and work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_KEY", KEY)
    with ExitStack() as stack:
        yield lambda answer=images: Shop(tmp_path, stack.enter_context(Counting(answer)))


def test_azure_is_a_provider_file(shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key in `api-key`, its version in the query, its deployments in the path, and no Authorization."""
    here = shop()
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    here.root.joinpath("shop.yaml").write_text(f"like: azure\nbase_url: {here.server.origin}/openai\n", "utf-8")
    result = here.run({"id": "a", "prompt": "A lamp", "model": "gpt-image-2", "size": "1024x1024", "quality": "low"})
    assert int(result.exit) == 0
    (seen,) = here.server.posts
    assert seen.path == "/openai/deployments/gpt-image-2/images/generations?api-version=2025-04-01-preview"
    assert seen.headers["api-key"] == KEY
    assert "authorization" not in seen.headers


def test_the_doctor_asks_where_a_run_would(shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    """Key, query and paths are those of the file; its notes are shown."""
    refused: Answered = (400, {"error": {"message": "no"}})
    here = shop(lambda heard: refused if heard.method == "POST" else (200, {"data": []}))
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    found = list(examine("azure", f"{here.server.origin}/openai"))
    assert [one.path for one in here.server.heard] == [
        "/openai/models?api-version=2025-04-01-preview",
        "/openai/deployments/gpt-image-2/images/generations?api-version=2025-04-01-preview",
    ]
    assert {one.headers["api-key"] for one in here.server.heard} == {KEY}
    assert any("name of the deployment" in one.text for one in found if one.name == "note")
    assert next(one.text for one in found if one.name == "dialect") == "answers like the Images API"


@pytest.mark.parametrize("model", ["a/b", "a b?c#d", "../../files", "%2e%2e"])
def test_a_models_name_is_one_segment_of_a_path(shop: Callable[..., Shop], model: str) -> None:
    """Whatever a manifest calls its model, it reaches no other endpoint."""
    here = shop()
    here.file(paths={"generate": "/at/{model}/draw"})
    assert int(here.run({"id": "a", "prompt": "A lamp", "model": model}).exit) == 0
    (seen,) = here.server.posts
    assert seen.path.count("/") == 4
    assert "?" not in seen.path


def test_further_headers_come_from_named_variables_and_are_kept_nowhere(
    shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go out with every request; no file of the output holds their values, even when the server repeats them."""
    here = shop(lambda heard: (500, {"error": {"message": f"wrong {PROJECT}"}}))
    monkeypatch.setenv("SHOP_PROJECT", PROJECT)
    here.file(headers={"X-Project": {"variable": "SHOP_PROJECT"}}, auth={"header": "X-Key", "scheme": "Token"})
    here.run({"id": "a", "prompt": "A lamp"}, retry={"attempts": 1, "max_uncertain": 0})
    assert {one.headers["x-project"] for one in here.server.posts} == {PROJECT}
    assert {one.headers["x-key"] for one in here.server.posts} == {f"Token {KEY}"}
    kept = [path.read_bytes() for path in (here.root / "out").rglob("*") if path.is_file()]
    assert kept
    assert not [text for text in kept if PROJECT.encode() in text or KEY.encode() in text]
    assert PROJECT in secrets(environment())


def test_a_header_without_its_value_is_told_before_anything_is_sent(shop: Callable[..., Shop]) -> None:
    """The variable is named."""
    here = shop()
    here.file(headers={"X-Project": {"variable": "SHOP_PROJECT"}})
    with pytest.raises(AccountError, match="set SHOP_PROJECT"):
        here.run({"id": "a", "prompt": "A lamp"})
    assert not here.server.heard


OPENS = {
    "seed": {"type": "integer", "min": 0, "max": 99},
    "guidance": {"type": "number", "min": 0, "max": 10},
    "tile": {"type": "flag"},
    "aspect_ratio": {"type": "text", "values": ["1:1", "16:9"]},
    "steps": {"type": "integer", "operations": ["edit"]},
}


def test_opened_parameters_are_sent_as_what_they_are(shop: Callable[..., Shop]) -> None:
    """Numbers, flags and words, at the places that the file names, from defaults, templates and columns alike."""
    here = shop()
    here.file(opens=OPENS, fields={"guidance": "extra.cfg.scale"})
    rows = [{"sku": "a", "s": "7"}, {"sku": "b", "s": "8"}]
    job = {"id": "{{ sku }}", "prompt": "A lamp {{ sku }}", "rows": rows, "seed": "{{ s }}", "tile": True}
    defaults = {"guidance": 3.5, "aspect_ratio": "16:9"}
    assert int(here.run(job, defaults=defaults).exit) == 0
    assert sorted((one.body["seed"], one.body["tile"]) for one in here.server.posts) == [(7, True), (8, True)]
    assert {json.dumps(one.body["extra"]) for one in here.server.posts} == {'{"cfg": {"scale": 3.5}}'}
    assert {one.body["aspect_ratio"] for one in here.server.posts} == {"16:9"}


def test_a_column_of_a_table_sets_an_opened_parameter(shop: Callable[..., Shop]) -> None:
    """A CSV manifest needs nothing more than the column."""
    here = shop()
    file = here.file(opens=OPENS)
    table = here.root / "jobs.csv"
    table.write_text("id,prompt,seed,shelf\na,A lamp,7,top\n", "utf-8")
    options = Options(provider=str(file), output=here.root / "out", max_cost=MicroUSD(5_000_000))
    assert int(run_manifest(table, options, Unwatched()).exit) == 0
    (seen,) = here.server.posts
    assert seen.body["seed"] == 7
    assert "shelf" not in seen.body


@pytest.mark.parametrize(
    ("param", "said"),
    [
        ({"seed": "100"}, "seed is a whole number from 0 to 99; not '100'"),
        ({"seed": "1.5"}, "seed is a whole number from 0 to 99; not '1.5'"),
        ({"guidance": "much"}, "guidance is a number from 0 to 10; not 'much'"),
        ({"tile": "yes"}, "tile is true or false; not 'yes'"),
        ({"aspect_ratio": "3:1"}, "aspect_ratio is 1:1, 16:9; not '3:1'"),
        ({"steps": "3"}, "takes no steps on generate"),
        ({"sed": "3"}, "`sed` is not a known key"),
    ],
)
def test_check_knows_what_an_opened_parameter_takes(
    shop: Callable[..., Shop], param: dict[str, str], said: str
) -> None:
    """Type, range, values and operation, with the place in the manifest."""
    here = shop()
    here.file(opens=OPENS)
    found = here.check({"id": "a", "prompt": "A lamp", **param})
    assert said in " ".join(problem.message for problem in found.errors)
    assert all(problem.place and problem.place.line > 1 for problem in found.errors)


def test_what_no_file_opens_stays_unknown(shop: Callable[..., Shop]) -> None:
    """The hint says how a file opens it."""
    here = shop()
    here.file()
    (problem,) = here.check({"id": "a", "prompt": "A lamp", "seed": 3}).errors
    assert "a provider file may open it" in problem.message


def test_the_schema_for_editors_has_opened_parameters(shop: Callable[..., Shop]) -> None:
    """With their type and range, where a job and the defaults stand; without the provider they are not there."""
    here = shop()
    known = schema(str(here.file(opens=OPENS)))
    for form in ("JobForm", "RequestForm"):
        assert known["$defs"][form]["properties"]["seed"] == {
            "type": ["integer", "string"],
            "minimum": 0.0,
            "maximum": 99.0,
        }
    assert "seed" not in schema()["$defs"]["JobForm"]["properties"]


def test_a_seed_is_part_of_a_jobs_key(shop: Callable[..., Shop]) -> None:
    """Another seed is another image."""
    here = shop()
    here.file(opens=OPENS)
    here.run({"id": "a", "prompt": "A lamp", "seed": 1})
    here.run({"id": "a", "prompt": "A lamp", "seed": 1})
    here.run({"id": "a", "prompt": "A lamp", "seed": 2})
    assert [one.body["seed"] for one in here.server.posts] == [1, 2]


@pytest.mark.parametrize("count", [1, 2])
def test_edits_carry_image_with_its_address(shop: Callable[..., Shop], count: int) -> None:
    """One image is `image: {url}`, several are `images`; a file is a data URL."""
    here = shop()
    here.file(edit_body="json", image_field="image", operations=["generate", "edit"])
    (here.root / "a.png").write_bytes(png(64))
    given = ["a.png", "https://pics.example/b.png"][:count]
    assert int(here.run({"id": "a", "prompt": "A hat", "images": given}).exit) == 0
    (seen,) = here.server.posts
    assert seen.path == "/v1/images/edits"
    local = {"type": "image_url", "url": "data:image/png;base64," + base64.b64encode(png(64)).decode()}
    far = {"type": "image_url", "url": "https://pics.example/b.png"}
    assert seen.body.get("image") == (local if count == 1 else None)
    assert seen.body.get("images") == ([local, far] if count == 2 else None)


def chat(heard: Heard, cost: Any = 0.0123456) -> Answered:
    """Say what a gateway answers over chat, with what it cost."""
    url = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    message = {"role": "assistant", "content": "Here", "images": [{"type": "image_url", "image_url": {"url": url}}]}
    return 200, {"choices": [{"message": message}], "usage": {"total_tokens": 9, "cost": cost}}


def test_chat_takes_modalities_and_ratios_of_the_file(shop: Callable[..., Shop]) -> None:
    """The ratio stands where the file says and not in the prompt; models may have modalities of their own."""
    here = shop(chat)
    text = f"like: openrouter\nbase_url: {here.server.base_url}\nkey_variable: SHOP_KEY\n"
    (here.root / "shop.yaml").write_text(f"{text}prices: {{'*': {{per_call: 0.05}}}}\n", "utf-8")
    jobs: list[dict[str, Any]] = [
        {"id": "a", "prompt": "A lamp", "size": "1600x900", "seed": 5, "n": 2},
        {"id": "b", "prompt": "A lamp", "model": "black-forest-labs/flux.2-pro", "size": "21:9", "resolution": "2K"},
    ]
    result = here.run(*jobs)
    assert int(result.exit) == 0
    bodies = {one.body["model"]: one.body for one in here.server.posts}
    first, second = bodies["google/gemini-2.5-flash-image"], bodies["black-forest-labs/flux.2-pro"]
    assert (first["modalities"], second["modalities"]) == (["image", "text"], ["image"])
    assert first["image_config"] == {"aspect_ratio": "16:9"}
    assert second["image_config"] == {"aspect_ratio": "21:9", "image_size": "2K"}
    assert (first["seed"], first["messages"][0]["content"]) == (5, "A lamp")
    assert len(here.server.posts) == 3
    money = result.summary["money"]
    assert (money["confirmed_micro_usd"], money["estimated_micro_usd"]) == (3 * 12_346, 0)


@pytest.mark.parametrize(
    ("stated", "confirmed"),
    [
        (0.0123456, 12_346),
        ("0.02", 20_000),
        (1, 1_000_000),
        *((nonsense, None) for nonsense in (0, -1, "much", None, True, 1e300, {"usd": 1})),
    ],
)
def test_a_stated_cost_is_confirmed_and_nonsense_is_the_table(
    shop: Callable[..., Shop], stated: Any, confirmed: int | None
) -> None:
    """What is no amount above zero says nothing: the table's price, marked as estimated."""
    here = shop(lambda heard: images(heard, usage={"cost": stated}))
    here.file(cost="usage.cost", prices={"draws-1": {"per_image": 0.5}})
    result = here.run({"id": "a", "prompt": "A lamp"})
    money = result.summary["money"]
    booked = (money["confirmed_micro_usd"], money["estimated_micro_usd"])
    assert booked == ((0, 500_000) if confirmed is None else (confirmed, 0))


def test_without_a_word_of_the_file_a_stated_cost_is_not_read(shop: Callable[..., Shop]) -> None:
    """What `usage.cost` means is the provider's business, until its file says so."""
    here = shop(lambda heard: images(heard, usage={"cost": 4.0}))
    here.file(prices={"draws-1": {"per_image": 0.5}})
    money = here.run({"id": "a", "prompt": "A lamp"}).summary["money"]
    assert (money["confirmed_micro_usd"], money["estimated_micro_usd"]) == (0, 500_000)


@pytest.mark.parametrize("gateway", ["yescale", "apiyi", "laozhang", "aihubmix"])
@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("imagen-4.0-generate", {"size": "1280x720"}),
        ("seedream-3.0", {"size": "1280x720", "quality": "hd"}),
        ("recraft-v3", {"size": "1365x1024", "style": "digital_illustration"}),
        ("flux-pro-1.1", {"size": "1280x720"}),
        ("dall-e-3", {"size": "1792x1024", "quality": "hd", "style": "vivid"}),
        ("dall-e-3", {"size": "1280x720", "quality": "hd", "style": "vivid"}),
    ],
)
def test_what_a_page_says_of_gpt_image_does_not_bind_other_models(
    shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch, gateway: str, model: str, params: dict[str, str]
) -> None:
    """With a price of one's own they run, with what was asked."""
    here = shop()
    (here.root / "shop.yaml").write_text(f"like: {gateway}\nbase_url: {here.server.base_url}\nname: shop\n", "utf-8")
    monkeypatch.setenv(f"{gateway.upper()}_API_KEY", KEY)
    prices = {model: {"per_image": 0.04}}
    result = here.run({"id": "a", "prompt": "A lamp", "model": model, **params}, prices=prices)
    assert int(result.exit) == 0
    (seen,) = here.server.posts
    assert {name: seen.body[name] for name in params} == params
    assert result.summary["money"]["estimated_micro_usd"] == 40_000


@pytest.mark.parametrize("gateway", ["yescale", "aihubmix", "openai"])
def test_its_own_models_stay_bound(shop: Callable[..., Shop], gateway: str) -> None:
    """The same parameters are refused for gpt-image."""
    here = shop()
    (here.root / "shop.yaml").write_text(f"like: {gateway}\nbase_url: {here.server.base_url}\n", "utf-8")
    found = here.check({"id": "a", "prompt": "A lamp", "model": "gpt-image-1", "quality": "hd", "style": "vivid"})
    assert len(found.errors) == 2


def test_dall_e_3_draws_one_a_call_wherever_it_is_served(shop: Callable[..., Shop]) -> None:
    """The plan knows it, and so does the run."""
    here = shop()
    here.file(prices={"dall-e-3": {"per_image": 0.04}})
    job = {"id": "a", "prompt": "A lamp", "model": "dall-e-3", "n": 3}
    estimate = plan.estimate_manifest(here.manifest(job), Options(output=here.root / "out"))
    assert int(here.run(job).exit) == 0
    assert estimate.calls == len(here.server.posts) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("auth: query", "a key in an address is kept by every log"),
        ("auth: {query: key}", "a key in an address is kept by every log"),
        ("query: {api_key: x}", "looks like a key"),
        ("headers: {X-Org: acme}", "must name the environment variable"),
        ('headers: {X-Org: {variable: "sk-123"}}', "must name the environment variable"),
        ("headers: {Authorization: {variable: A}}", "is set by batchgen itself"),
        ('headers: {"X-A\\r\\nB": {variable: A}}', "must be the name of a header"),
        ("paths: {generate: 'https://x.example/y'}", "must be a path below the base URL"),
        ("paths: {generate: /../../y}", "must be a path below the base URL"),
        ("paths: {generate: '/{key}/y'}", "must be a path below the base URL"),
        ("opens: {seed: {type: int}}", "is none of integer, number, text, flag"),
        ("opens: {seed: {type: text, min: 1}}", "min and max are for"),
        ("opens: {seed: {type: integer, min: 2, max: 1}}", "min is above max"),
        ("opens: {prompt: {type: text}}", "must be the name of a parameter"),
        ("cost: usage[0]", "names joined by dots"),
        ("for_models: {a: {base_url: x}}", "unknown key 'base_url'"),
    ],
)
def test_what_is_wrong_with_a_door_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """A key in an address, a value in place of a variable, a path elsewhere: errors of the file, nothing was sent."""
    path = tmp_path / "shop.yaml"
    path.write_text(f"like: openai\n{text}\n", "utf-8")
    with pytest.raises(InputError) as caught:
        catalog.provider(str(path))
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}:2:")
    assert "sk-123" not in str(caught.value)
