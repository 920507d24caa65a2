"""How long it takes until all events are durable and in their best form."""

from __future__ import annotations

from typing import Any

from session import Session


def run(session: Session) -> dict[str, Any]:
    """Loads every engine, one after the other."""
    dataset = session.dataset()
    found = {}
    for name in session.engines:
        found[name] = session.loaded(name)
    rows = {size: dataset.rows[customer] for size, customer in dataset.probes.items()}
    return {"engines": found, "rows": rows}
