"""Tables of the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engines import NAMES, TITLES


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def size(count: float) -> str:
    """Bytes in a unit that people read."""
    if count >= 2**30:
        return f"{count / 2**30:.2f} GiB"
    # Of little, growth by half would hide in whole numbers.
    digits = 0 if count >= 10 * 2**20 else 1
    return f"{count / 2**20:.{digits}f} MiB"


def median(cell: dict[str, Any] | None) -> str:
    """A cell's median, with the number of times asked where the rounds were cut short."""
    if cell is None:
        return ""
    if "refused" in cell:
        return "refused"
    return f"{cell['p50']:,.2f}"


def compared(cells: Sequence[dict[str, Any]], questions: Sequence[tuple[str, str]]) -> list[str]:
    """One row for each question, one column for each engine, and Tidegate's ratio to the fastest peer."""
    names = [name for name in NAMES if any(cell["engine"] == name for cell in cells)]
    rows = []
    for question, title in questions:
        mine = {cell["engine"]: cell for cell in cells if cell["question"] == question}
        medians = {name: cell["p50"] for name, cell in mine.items() if "p50" in cell}
        peers = [time for name, time in medians.items() if name != "tidegate"]
        ratio = f"{medians['tidegate'] / min(peers):.2f}" if peers and "tidegate" in medians else ""
        tail = f"{mine['tidegate']['p95']:,.2f}" if "tidegate" in medians else ""
        asked = {cell["n"] for cell in mine.values() if "n" in cell}
        rounds = str(asked.pop()) if len(asked) == 1 else f"{min(asked)} to {max(asked)}" if asked else ""
        rows.append([title, *(median(mine.get(name)) for name in names), ratio, tail, rounds])
    return table(["", *(TITLES[name] for name in names), "×", "Tidegate p95", "rounds"], rows)


def memory(held: dict[str, dict[str, int]], title: str) -> list[str]:
    """One line: what each engine's processes hold, shared pages in proportion."""
    parts = [f"{TITLES[name]} {size(found['pss'])}" for name, found in held.items()]
    return [f"{title}, shared pages in proportion, page cache not counted: {', '.join(parts)}."]


def refusals(cells: Iterable[dict[str, Any]]) -> list[str]:
    """What was refused, and why."""
    lines = [
        f"- {TITLES[cell['engine']]} refused {cell['question']} ({cell.get('size', 'cold')}): {cell['refused']}"
        for cell in cells
        if "refused" in cell
    ]
    return ["", *lines] if lines else []
