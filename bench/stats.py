"""Medians and shares of measured times."""

from __future__ import annotations

from collections.abc import Sequence


def at_share(values: Sequence[float], share: float) -> float:
    """The value at a share of the sorted values."""
    ordered = sorted(values)
    return ordered[round((len(ordered) - 1) * share)]


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Number, median and tails, in milliseconds."""
    return {
        "n": len(seconds),
        "p50": at_share(seconds, 0.5) * 1e3,
        "p95": at_share(seconds, 0.95) * 1e3,
        "p99": at_share(seconds, 0.99) * 1e3,
    }
