"""A long stream of small durable batches."""

from __future__ import annotations

import shutil
from typing import Any

import engines
import events
from engines.base import Refused
from events import CHUNK
from session import Session


def run(session: Session) -> dict[str, Any]:
    """Each engine that takes several writers at once, beside a pool that holds a few events."""
    dataset = events.make(session.work / "sample", min(CHUNK, max(20_000, session.events // 20)), None, session.told)
    found: dict[str, Any] = {}
    for name in session.engines:
        session.told(f"sustained: {engines.TITLES[name]}: {session.sustained_seconds:.0f} s")
        folder = session.work / "sustained" / name
        shutil.rmtree(folder, ignore_errors=True)
        if name not in ("tidegate", "postgres"):
            found[name] = {"refused": "one writer at a time: not measured"}
            continue
        remote = session.load(name, folder, dataset, None)
        try:
            found[name] = {"windows": remote.call("sustained", dataset, session.sustained_seconds)}
        except Refused as refusal:
            found[name] = {"refused": str(refusal)}
        finally:
            remote.close()
            shutil.rmtree(folder, ignore_errors=True)
    return {"seconds": session.sustained_seconds, "engines": found}
