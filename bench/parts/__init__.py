"""The parts of a run, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parts import cold, concurrency, growth, load, sustained, warm
from session import Session

PARTS: dict[str, Callable[[Session], dict[str, Any]]] = {
    "load": load.run,
    "warm": warm.run,
    "concurrency": concurrency.run,
    "cold": cold.run,
    "sustained": sustained.run,
    "growth": growth.run,
}
