"""A folder that version 0.1.0 left behind, with every state in its ledger, and what is done with it."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.compat.provider import Provider
from tests.compat.scene import Scene

OLD = Path(__file__).with_name("ledger-0.1.0")


def unpack(work: Path, origin: str) -> None:
    """Copy the folder; what it knows of its provider's address is now this one's, which serves."""
    shutil.copytree(OLD, work, dirs_exist_ok=True)
    was = json.loads((OLD / "made.json").read_text("utf-8"))["base_url"].removesuffix("/v1")
    with closing(sqlite3.connect(work / "folder" / "ledger.db")) as db, db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                if kind == "TEXT":
                    change = f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE {column} LIKE ?"
                    db.execute(change, (was, origin, f"%{was}%"))


def read_only(scene: Scene) -> None:
    """Commands that change nothing."""
    for command in ("status", "resolve", "report"):
        scene.batchgen(command, "folder")
    scene.batchgen("plan", "old.yaml", "--output", "folder", "--json")
    scene.batchgen("plan", "old.yaml", "--rejected", "--output", "folder", "--json")
    scene.batchgen("estimate", "old.yaml", "--output", "folder", "--json")
    scene.look("folder")


def go_on(scene: Scene, provider: Provider) -> None:
    """Check that the next run finishes what was paid and buys nothing; then decisions, which buy what they say."""
    run = ("run", "old.yaml", "--base-url", f"{provider.origin}/v1", "--output", "folder", "--max-cost", "5", "--json")
    scene.batchgen("verify", "folder")
    scene.batchgen(*run)
    scene.told.append(asked(provider))
    scene.look("folder")
    scene.batchgen(*run)
    scene.batchgen("reconcile", "folder", "--billed", "0.05")
    scene.batchgen("resolve", "folder", "fail", "--only", "stalled")
    scene.batchgen("resolve", "folder", "retry")
    scene.batchgen(*run)
    scene.batchgen(*run, "--rejected")
    scene.batchgen(*run, "--retry-failed")
    scene.batchgen(*run)
    scene.batchgen("verify", "folder")
    scene.told.append(asked(provider))
    scene.look("folder", whole=True)


def asked(provider: Provider) -> dict[str, Any]:
    """Say what was bought, and what was fetched from an address."""
    return {"asked of the provider": sorted(provider.prompts), "fetched": provider.reads}


def provider() -> Provider:
    """One that draws the same picture again and again."""
    return Provider((OLD / "folder/images/approved-0.webp").read_bytes())


def perform(scene: Scene) -> Any:
    """Say what the fixture holds of it."""
    with provider() as serving:
        unpack(scene.work, serving.origin)
        scene.addresses.append(f"{serving.origin}/v1")
        read_only(scene)
        go_on(scene, serving)
    return {"sample": "ledger-0.1.0", "steps": scene.told}
