"""Events in the text format that an engine loads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

import events


def ndjson(chunks: Sequence[Path], target: Path) -> int:
    """Writes newline-delimited JSON; answers its bytes."""
    return _copy(chunks, target, _columns("%Y-%m-%dT%H:%M:%S.%fZ"), "FORMAT json")


def csv(chunk: Path, target: Path) -> int:
    """Writes comma-separated values without a header; answers its bytes."""
    return _copy([chunk], target, _columns(None), "FORMAT csv, HEADER false")


def _columns(time_format: str | None) -> str:
    rest = ", ".join(name for name in events.NAMES if name != "at")
    if time_format is None:
        return f'"at", {rest}'
    return f'strftime("at", \'{time_format}\') AS "at", {rest}'


def _copy(chunks: Sequence[Path], target: Path, columns: str, options: str) -> int:
    files = [str(chunk) for chunk in chunks]
    with duckdb.connect(":memory:", config={"threads": 2}) as connection:
        source = f"SELECT {columns} FROM read_parquet({files})"
        connection.execute(f"COPY ({source}) TO '{target}' ({options})")
    # What the system still has to write would be written while the engine loads.
    with target.open("rb") as text:
        os.fsync(text.fileno())
    return target.stat().st_size
