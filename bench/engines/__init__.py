"""The engines, by name. Each is imported in its own process alone."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from engines.base import Engine

NAMES = ("tidegate", "postgres", "duckdb", "chdb")
TITLES = {"tidegate": "Tidegate", "postgres": "PostgreSQL", "duckdb": "DuckDB", "chdb": "chDB"}
_MODULES = {"tidegate": "tidegate", "postgres": "postgres", "duckdb": "duckdb_", "chdb": "chdb_"}

# For the check before a run: bytes on the disk for one event while it is loaded, and beside
# the events (journal, write-ahead log) where there are many.
ROOM = {"tidegate": 400, "postgres": 380, "duckdb": 400, "chdb": 300}
BESIDE = {"tidegate": 4 << 30, "postgres": 10 << 30, "duckdb": 1 << 30, "chdb": 1 << 30}


def engine(name: str, folder: Path, settings: dict[str, Any]) -> Engine:
    """Makes an engine that keeps its files in a folder."""
    module = importlib.import_module(f"engines.{_MODULES[name]}")
    made: Engine = module.make(folder, settings)
    return made
