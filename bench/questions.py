"""The seven questions, and answers in one form for all engines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import events

QUESTIONS = ("count", "daily", "top", "users", "p95", "funnel", "latest")
TEXT = {
    "count": "count of events",
    "daily": "daily sums over 14 days",
    "top": "top 10 pages",
    "users": "distinct users",
    "p95": "95th percentile of amount",
    "funnel": "funnel of three steps",
    "latest": "latest 100 rows",
}

_FROM = f"TIMESTAMP '{np.datetime64(events.FROM_DAY, 'D')} 00:00:00'"
_TO = f"TIMESTAMP '{np.datetime64(events.TO_DAY, 'D')} 00:00:00'"
RANGE = f'"at" >= {_FROM} AND "at" < {_TO}'

# Who saw the first page, who of them the second, and who of these spent so much at once.
FUNNEL_PAGES = ("/cart", "/checkout")
FUNNEL_AMOUNT = 100

# Shares as (events, amount), pages as (page, events), rows as all fields.
Answer = int | float | dict[int, tuple[int, float]] | list[tuple[Any, ...]]


def sql(question: str, day: str, users: str, p95: str, condition: str, time_range: str = RANGE) -> str:
    """A question in SQL, with an engine's own words for day, users and percentile.

    `condition` is the filter written by hand, or empty where the engine adds it.
    """
    where = f" WHERE {condition}" if condition else ""
    narrowed = f" WHERE {condition} AND {time_range}" if condition else f" WHERE {time_range}"
    columns = ", ".join(f'"{name}"' for name in events.NAMES)
    return {
        "count": f"SELECT count(*) FROM events{where}",
        "daily": f"SELECT {day} AS day, count(*), sum(amount) FROM events{narrowed} GROUP BY 1",
        "top": f"SELECT page, count(*) AS n FROM events{where} GROUP BY 1 ORDER BY n DESC, page LIMIT 10",
        "users": f"SELECT {users} FROM events{where}",
        "p95": f"SELECT {p95} FROM events{where}",
        "funnel": _funnel(where),
        "latest": f'SELECT {columns} FROM events{where} ORDER BY "at" DESC LIMIT 100',
    }[question]


def _funnel(where: str) -> str:
    """One pass: what each user was seen to do, then how many came how far."""
    first, second = (f"max(CASE WHEN page = '{page}' THEN 1 ELSE 0 END)" for page in FUNNEL_PAGES)
    third = f"max(CASE WHEN amount >= {FUNNEL_AMOUNT} THEN 1 ELSE 0 END)"
    users = f"SELECT {first} AS one, {second} AS two, {third} AS three FROM events{where} GROUP BY user_id"
    return f"SELECT sum(one), sum(one * two), sum(one * two * three) FROM ({users}) AS users"


def from_rows(question: str, rows: Sequence[Sequence[Any]]) -> Answer:
    """The answer in rows of numbers and texts, as SQL engines give it."""
    match question:
        case "count" | "users":
            return int(rows[0][0])
        case "p95":
            return float(rows[0][0])
        case "daily":
            return {int(day): (int(n), float(total)) for day, n, total in rows}
        case "funnel":
            return [tuple(int(users or 0) for users in rows[0])]
        case "top":
            return [(page, int(n)) for page, n in rows]
        case _:
            return [_row(row) for row in rows]


def _row(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(_value(kind[1], value) for kind, value in zip(events.FIELDS, row, strict=True))


def _value(kind: str, value: Any) -> Any:
    match kind:
        case "DateTime":
            return _instant(str(value))
        case "Boolean":
            return value if isinstance(value, bool) else str(value) in ("t", "1", "true")
        case "Int32":
            return int(value)
        case "Float64":
            return float(value)
        case _:
            return str(value)


def _instant(text: str) -> int:
    """Microseconds since 1970, whatever the punctuation."""
    plain = text.replace(" ", "T").removesuffix("Z").removesuffix("+00:00")
    return int(np.datetime64(plain, "us").astype("int64"))


def alike(one: Answer, other: Answer) -> bool:
    """Whether two answers are equal, floats to a millionth of their size."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike_row(one[day], other[day]) for day in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike_row, one, other))
    return type(one) is type(other) and one == other


def alike_row(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two rows are equal, floats to a millionth of their size."""
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=1e-6) if isinstance(a, float) else a == b for a, b in zip(one, other, strict=True)
    )
