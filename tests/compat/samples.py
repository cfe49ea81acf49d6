"""Ten sample runs that together touch every command and most of what a manifest can say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.compat.scene import Scene

Sample = Callable[[Scene], None]
CAP = ("--max-cost", "5")
QUICK = "retry: {base_seconds: 0.0003, cap_seconds: 0.01, breaker_probe_seconds: [0.01]}\n"


def manifest(name: str, *jobs: str, more: str = "", provider: str = "mock") -> str:
    """Return a manifest of cheap pictures; each of `jobs` is a YAML mapping in one line."""
    head = f"name: {name}\nprovider: {provider}\n"
    defaults = "defaults: {model: gpt-image-2.5-flare, size: 1024x1024, quality: low, output_format: jpeg}\n"
    return head + defaults + QUICK + more + "jobs:\n" + "".join(f"  - {job}\n" for job in jobs)


def lots(path: Path) -> None:
    """Return a table of texts, in the format that its name says."""
    rows = [{"lot": "007", "name": "NO"}, {"lot": "1e3", "name": "Größe 22:30"}]
    match path.suffix:
        case ".tsv":
            path.write_text(
                "\n".join("\t".join(cells) for cells in (rows[0], *(row.values() for row in rows))), "utf-8"
            )
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        case ".xlsx":
            book = openpyxl.Workbook()
            sheet = book.worksheets[0]
            for cells in (rows[0], *(row.values() for row in rows)):
                sheet.append([*cells])
            book.save(path)
        case _:
            pq.write_table(pa.Table.from_pylist(rows), path)


def quickstart(scene: Scene) -> None:
    """Return the first manifest: every command that reads it, a second run, a lost file bought again."""
    scene.take("quickstart.yaml")
    scene.batchgen("schema")
    scene.batchgen("check", "quickstart.yaml", "--json")
    scene.batchgen("estimate", "quickstart.yaml", "--json")
    scene.batchgen("plan", "quickstart.yaml", "--json")
    scene.batchgen("run", "quickstart.yaml", "--dry-run", "--json")
    scene.batchgen("run", "quickstart.yaml", "--json")
    scene.batchgen("run", "quickstart.yaml", "--json")
    scene.batchgen("status")
    scene.batchgen("report", "output/quickstart")
    scene.batchgen("verify", "output/quickstart")
    scene.look("output/quickstart", whole=True)
    (scene.work / "output/quickstart/images/bicycle-0.webp").unlink()
    (scene.work / "output/quickstart/images/teapot-0.webp").write_bytes(b"damaged")
    scene.batchgen("verify", "output/quickstart")
    scene.batchgen("plan", "quickstart.yaml", "--json")
    scene.batchgen("run", "quickstart.yaml", "--regenerate-missing", "--json")
    scene.look("output/quickstart")


def catalogue(scene: Scene) -> None:
    """Rows, matrix, zip, exclude, include and tags; selections, prices everywhere, sidecars, a sheet for a shop."""
    scene.take("catalogue.yaml", "products.csv")
    shop = (
        '\n  sidecars: true\n  shop: {sku: "{{ sku | default('
        ') }}", alt: "{{ name | default('
        ') }}", url: "https://cdn.example/{{ path }}"}'
    )
    scene.replace("catalogue.yaml", '{{ ext }}"', '{{ ext }}"' + shop)
    scene.batchgen("check", "catalogue.yaml", "--json")
    scene.batchgen("estimate", "catalogue.yaml", "--csv")
    scene.batchgen("estimate", "catalogue.yaml", "--compare", "--json")
    scene.batchgen("plan", "catalogue.yaml", "--provider", "mock", "--json")
    run = ("run", "catalogue.yaml", "--provider", "mock", "--json")
    scene.batchgen(*run, "--first", "3")
    scene.batchgen(*run, "--only", "room-s*", "--only", "TX-040[13]-*")
    scene.batchgen(*run, "--sample", "3")
    scene.look("output/catalogue", whole=True)


def chained(scene: Scene) -> None:
    """Pictures made of pictures; then another hat, which redraws only what wears it."""
    scene.take("chained.yaml")
    scene.batchgen("check", "chained.yaml", "--json")
    scene.batchgen("plan", "chained.yaml", "--provider", "mock", "--json")
    run = ("run", "chained.yaml", "--provider", "mock", "--output", "out", "--json")
    scene.batchgen(*run)
    scene.replace("chained.yaml", "green bucket hat", "red bucket hat")
    scene.batchgen("plan", "chained.yaml", "--provider", "mock", "--output", "out", "--json")
    scene.batchgen(*run)
    scene.look("out", ordered=False)


def edits(scene: Scene) -> None:
    """Pictures that go in: one, several, masks of both kinds; sidecars tell of them."""
    scene.take("edits.yaml", "pictures")
    scene.replace("edits.yaml", "limits:", "output: {sidecars: true}\nlimits:")
    scene.batchgen("check", "edits.yaml", "--json")
    scene.batchgen("estimate", "edits.yaml", "--json")
    scene.batchgen("run", "edits.yaml", "--provider", "mock", "--json")
    scene.look("output/edits", whole=True)


def moderation(scene: Scene) -> None:
    """Say what is refused, what comes in part, and other words for it."""
    scene.take("moderation.yaml")
    scene.batchgen("check", "moderation.yaml", "--json")
    scene.batchgen("run", "moderation.yaml", "--json")
    scene.look("output/moderation")
    scene.batchgen("run", "moderation.yaml", "--json")
    scene.batchgen("run", "moderation.yaml", "--retry-failed", "--json")
    table = (scene.work / "output/moderation/report/moderated.csv").read_text("utf-8")
    scene.write("reworded.csv", table.replace("in the style of Makoto Shinkai", "in soft evening light"))
    scene.batchgen("run", "moderation.yaml", "--reworded", "reworded.csv", "--json")
    scene.batchgen("plan", "moderation.yaml", "--json")
    scene.look("output/moderation")
    job = '{id: three, n: 3, prompt: "Three boats [[mock: fault=fewer_1]]"}'
    for policy in ("accept", "fail", "top_up"):
        scene.write(f"{policy}.yaml", manifest(policy, job, more=f"on_partial: {policy}\nimages_per_request: 2\n"))
        scene.batchgen("run", f"{policy}.yaml", "--json")


def tables(scene: Scene) -> None:
    """Tables as manifests, cells letter for letter, the same row twice, more of the same, files of rows, errors."""
    scene.take("simple.csv")
    with (scene.work / "simple.csv").open("a", encoding="utf-8") as file:
        file.write('012345,"NO, null, 1e3, 22:30 and ""=SUM(A1)""",1024x1024,low,jpeg,2,=1+1\n')
        file.write(',"A plain blue square",1024x1024,low,jpeg,1,\n' * 2)
    scene.batchgen("check", "simple.csv", "--json")
    scene.batchgen("run", "simple.csv", "--provider", "mock", "--max-cost", "5", "--json")
    scene.replace("simple.csv", "jpeg,2,=1+1", "jpeg,3,=1+1")
    scene.batchgen("plan", "simple.csv", "--provider", "mock", "--json")
    scene.batchgen("run", "simple.csv", "--provider", "mock", "--max-cost", "5", "--json")
    scene.look("output/simple")
    scene.write("lines.jsonl", '{"prompt": "A green leaf", "size": "1024x1024", "quality": "low", "lot": 7}\n')
    scene.batchgen("plan", "lines.jsonl", "--provider", "mock", "--json")
    for ending in ("tsv", "jsonl", "xlsx", "parquet"):
        lots(scene.work / f"lots.{ending}")
        job = f'{{id: "{{{{ lot }}}}", rows: lots.{ending}, prompt: "Lot {{{{ lot }}}}, {{{{ name }}}}"}}'
        scene.write("lots.yaml", manifest("lots", job))
        scene.batchgen("plan", "lots.yaml", "--json")
    scene.write("wrong.csv", "id,prompt,size,n\na,A cat,17x17,1\na,A dog,1024x1024,99\nb,,1024x1024,1\n")
    scene.batchgen("check", "wrong.csv", "--json")
    scene.write("wrong.yaml", "name: wrong\njobs:\n  - {id: a, promt: A cat}\n  - {id: b, prompt: '{{ nothing }}'}\n")
    scene.batchgen("check", "wrong.yaml", "--json")
    scene.batchgen("run", "wrong.yaml", "--json")
    scene.batchgen("run", "simple.csv", "--provider", "openai", "--json")


def shared(scene: Scene) -> None:
    """Two catalogues with one ledger and one budget, which the second one meets; a larger budget lets it end."""
    budget = "ledger: shared.db\nbudget: {month: 0.04, timezone: UTC}\n"
    for name in ("east", "west"):
        job = (
            f'{{id: "{name}-{{{{ n }}}}", matrix: {{n: [1, 2, 3]}}, prompt: "A house in the {name}, no. {{{{ n }}}}"}}'
        )
        more = budget + "prices: {gpt-image-2.5-flare: {per_image: 0.01}}\n"
        scene.write(f"{name}.yaml", manifest(name, job, more=more + "limits: {concurrency: 1}\n"))
    scene.batchgen("run", "east.yaml", "--json")
    scene.batchgen("plan", "west.yaml", "--json")
    scene.batchgen("run", "west.yaml", "--json")
    scene.replace("west.yaml", "month: 0.04", "month: 0.40")
    scene.batchgen("run", "west.yaml", "--json")
    scene.batchgen("run", "east.yaml", "--json")
    scene.batchgen("reconcile", "output/east", "--billed", "0.06")
    scene.look("output/east")
    scene.look("output/west")


def stopped(scene: Scene) -> None:
    """Return stopped by each limit and gone on with; then a changed row, a longer list, a renamed path."""
    job = '{id: "step-{{ n }}", matrix: {n: [1, 2, 3, 4, 5, 6]}, prompt: "Step {{ n }} of a stair", n: 1}'
    scene.write("stopped.yaml", manifest("stopped", job, more="limits: {concurrency: 1}\n"))
    scene.batchgen("run", "stopped.yaml", "--max-images", "2", "--json")
    scene.look("output/stopped")
    scene.batchgen("run", "stopped.yaml", "--max-cost", "0.007", "--json")
    scene.batchgen("plan", "stopped.yaml", "--json")
    scene.batchgen("run", "stopped.yaml", "--json")
    scene.replace("stopped.yaml", "of a stair", "of a wooden stair")
    scene.replace("stopped.yaml", "[1, 2, 3, 4, 5, 6]", "[2, 3]")
    scene.batchgen("plan", "stopped.yaml", "--json")
    scene.batchgen("run", "stopped.yaml", "--json")
    scene.look("output/stopped")


def reviewed(scene: Scene) -> None:
    """Previews, approvals, rejections with notes, redraws, finals, frozen pictures, several ways compared."""
    stages = "stages: {preview: {quality: low, n: 1}, final: {quality: medium}}\n"
    jobs = [f'{{id: {name}, n: 2, prompt: "A {name} on a table"}}' for name in ("lamp", "chair")]
    ways = '{id: "vase-{{ quality }}", matrix: {quality: [low, medium]}, quality: "{{ quality }}", prompt: "A vase"}'
    scene.write("staged.yaml", manifest("staged", *jobs, more=stages))
    scene.batchgen("plan", "staged.yaml", "--json")
    scene.batchgen("run", "staged.yaml", "--json")
    out = "output/staged"
    scene.review(out, ("lamp.preview", 0, "approved", ""), ("chair.preview", 0, "rejected", "with three legs"))
    scene.batchgen("plan", "staged.yaml", "--rejected", "--json")
    scene.batchgen("run", "staged.yaml", "--rejected", "--json")
    scene.batchgen("run", "staged.yaml", "--rejected", "--json")
    scene.batchgen("run", "staged.yaml", "--json")
    scene.review(out, ("lamp", 0, "approved", "as it is"), ("lamp", 1, "rejected", ""))
    scene.replace("staged.yaml", "A lamp", "A tall lamp")
    scene.batchgen("plan", "staged.yaml", "--json")
    scene.batchgen("run", "staged.yaml", "--json")
    scene.look(out)
    scene.write("ways.yaml", manifest("ways", ways))
    scene.batchgen("run", "ways.yaml", "--json")
    row = scene.row("output/ways", "vase-low")
    table = "job,key,slot,sha256,decision,note\n"
    scene.write(
        "said.csv",
        f"{table}vase-low,{row['job_key']},0,{row['sha256']},approved,fine\nx,{'0' * 64},0,{'0' * 64},rejected,\n",
    )
    scene.batchgen("review", "said.csv", "output/ways")
    scene.look("output/ways")


def faults(scene: Scene) -> None:
    """Give a provider that fails in every way; held jobs, a bill, decisions, and a ledger that is lost and rebuilt."""
    names = {
        "retried": "fault=status_503_json,429_rate wait=0",
        "invalid": "fault=status_400",
        "uncertain": "fault=reset_before_headers",
        "broken": "fault=reset_mid_body",
        "few": "fault=fewer_1",
        "never": "fault=fewer_0",
        "refused": "fault=moderation_output",
        "address": "fault=url_instead",
        "private": "fault=url_private",
        "gone": "fault=url_expired",
        "garbage": "fault=b64_garbage",
        "odd": "fault=other_size size=1024x1536",
        "unpriced": "fault=usage_missing",
    }
    jobs = [
        f'{{id: {name}, n: {1 + (name == "few")}, prompt: "A {name} picture [[mock: {how}]]"}}'
        for name, how in names.items()
    ]
    more = "on_uncertain: hold\noutput: {sidecars: true}\nlimits: {concurrency: 1}\n"
    scene.write("faults.yaml", manifest("faults", *jobs, more=more, provider="openai"))
    url = scene.mock("--seed", "7", "--stall-seconds", "0.1")
    run = ("run", "faults.yaml", "--base-url", url, "--max-cost", "5", "--json")
    out = "output/faults"
    scene.batchgen(*run)
    scene.look(out)
    scene.batchgen("resolve", out)
    scene.batchgen("plan", "faults.yaml", "--json")
    scene.batchgen("resolve", out, "fail", "--only", "broken")
    scene.batchgen("resolve", out, "retry")
    scene.batchgen(*run)
    scene.batchgen("reconcile", out, "--billed", "1.00")
    for name in ("uncertain", "garbage", "never"):  # one by one: together they would open today's breaker
        scene.batchgen(*run, "--on-uncertain", "retry", "--retry-failed", "--only", name)
    scene.batchgen("report", out)
    scene.look(out)
    lose_and_adopt(scene, out)
    gateways(scene)


def lose_and_adopt(scene: Scene, out: str) -> None:
    """Lose a ledger, and rebuild it from sidecars, report and logs."""
    for path in (scene.work / out).glob("ledger.db*"):
        path.unlink()
    scene.batchgen("adopt", out)
    scene.batchgen("report", out)
    scene.look(out)


def gateways(scene: Scene) -> None:
    """Another dialect that answers with addresses and chats, a provider file, and what ends a run at once."""
    url = scene.mock("--dialect", "apiyi")
    jobs = ('{id: drawn, prompt: "A tent"}', '{id: chat, model: sora_image, size: "2:3", prompt: "A canoe"}')
    bare = manifest("gateway", *jobs, provider="apiyi").replace(
        "size: 1024x1024, quality: low, output_format: jpeg", ""
    )
    scene.write("gateway.yaml", bare)
    scene.batchgen("check", "gateway.yaml", "--json")
    scene.batchgen("run", "gateway.yaml", "--base-url", url, "--max-cost", "5", "--json")
    scene.look("output/gateway")
    own = "like: openai\nbase_url: http://127.0.0.1:9/v1\nmax_n: 2\nprices: {gpt-image-2.5-flare: {per_image: 0.03}}\n"
    scene.write("own.yaml", f"{own}key_variable: OPENAI_API_KEY\n")
    url = scene.mock()
    for name, fault in {"well": "ok", "account": "401", "quota": "429_quota", "address": "404_html"}.items():
        job = f'{{id: one, n: {3 if fault == "ok" else 1}, prompt: "One {name} [[mock: fault={fault}]]"}}'
        scene.write(f"{name}.yaml", manifest(name, job, provider="own.yaml"))
        scene.batchgen("run", f"{name}.yaml", "--base-url", url, "--max-cost", "5", "--json")
    scene.batchgen("run", "quota.yaml", "--output", "nowhere", "--max-cost", "5", "--json")


SAMPLES: dict[str, Sample] = {
    sample.__name__: sample
    for sample in (quickstart, catalogue, chained, edits, moderation, tables, shared, stopped, reviewed, faults)
}


def perform(name: str, scene: Scene) -> Any:
    """Say what a fixture holds of a sample."""
    SAMPLES[name](scene)
    return {"sample": name, "steps": scene.told}
