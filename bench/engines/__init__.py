"""The engines, by name. Each is imported in its own process alone."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from engines.base import Engine

NAMES = ("tidegate", "postgres", "duckdb", "chdb")
TITLES = {"tidegate": "Tidegate", "postgres": "PostgreSQL", "duckdb": "DuckDB", "chdb": "chDB"}
_MODULES = {"tidegate": "tidegate", "postgres": "postgres", "duckdb": "duckdb_", "chdb": "chdb_"}

# Bytes on the disk for one event at most, while it is loaded: for the check before a run.
ROOM = {"tidegate": 1_000, "postgres": 700, "duckdb": 500, "chdb": 300}


def engine(name: str, folder: Path, settings: dict[str, Any]) -> Engine:
    """Makes an engine that keeps its files in a folder."""
    module = importlib.import_module(f"engines.{_MODULES[name]}")
    made: Engine = module.make(folder, settings)
    return made
