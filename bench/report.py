"""The findings as a page for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import engines
import tables
from engines import TITLES
from questions import QUESTIONS, TEXT

Entries = dict[str, dict[str, Any]]
SIZES = {"small": "small customer", "middle": "middle customer", "large": "large customer", "all": "all rows"}


def text(entries: Entries) -> str:
    """The whole page."""
    if not entries:
        return "# Tidegate beside its peers\n\nNothing was measured: every part failed.\n"
    lines = ["# Tidegate beside its peers", "", *_head(entries)]
    for part, section in SECTIONS.items():
        if part in entries:
            lines += ["", *section(entries[part]["found"])]
    return "\n".join(lines) + "\n"


def _head(entries: Entries) -> Iterable[str]:
    newest = max(entries.values(), key=lambda entry: entry["time"])
    yield "Written by `cargo xtask bench peers`; what is measured and how is in [README.md](README.md). Times are medians in"
    yield "milliseconds. × is Tidegate's time divided by that of the fastest peer: below 1, Tidegate is faster."
    yield ""
    facts = newest["machine"]
    rows = [[name, facts[name]] for name in facts]
    rows.append(["events", f"{newest['options']['events']:,}"])
    for part, entry in ((part, entries[part]) for part in SECTIONS if part in entries):
        rows.append(
            [f"part {part}", f"{entry['time']} UTC, commit {entry['commit']}, {entry['options']['rounds']} rounds"]
        )
    yield from tables.table(["", ""], rows)


def _load(found: dict[str, Any]) -> Iterable[str]:
    yield "## Loading"
    yield ""
    yield "Until every event is durable and in the engine's best form. Tidegate and PostgreSQL are sent text through a socket, DuckDB and chDB read"
    yield "Parquet in process; making the text is not counted. Every engine syncs before it acknowledges."
    yield ""
    rows = []
    for name, load in found["engines"].items():
        total = sum(load["steps"].values())
        steps = "; ".join(f"{step} {seconds:.1f} s" for step, seconds in load["steps"].items())
        per_second = f"{load['events'] / total:,.0f}"
        rows.append(
            [
                TITLES[name],
                f"{total:.1f}",
                per_second,
                steps,
                tables.size(load["disk"]),
                tables.size(load["memory"]["pss"]),
            ]
        )
    yield from tables.table(["", "seconds", "events/s", "steps", "disk", "memory after"], rows)
    yield ""
    for name, load in found["engines"].items():
        yield f"- {TITLES[name]} {load['version']}"


def _warm(found: dict[str, Any]) -> Iterable[str]:
    yield "## Warm: asked before"
    yield ""
    yield "Interleaved rounds in random order; all engines were found to answer alike first."
    for size, title in SIZES.items():
        rows = f" ({found['rows'][size]:,} rows)" if size in found["rows"] else ""
        yield from ["", f"### {title.capitalize()}{rows}", ""]
        mine = [cell for cell in found["cells"] if cell["size"] == size]
        yield from tables.compared(mine, [(question, TEXT[question]) for question in QUESTIONS])
    yield ""
    if found["empty"] is not None:
        yield f"A request that asks nothing (`GET /v1/version`) takes Tidegate and this client {found['empty']['p50']:.2f} ms, which is in each of its times."
        yield ""
    yield from tables.memory(found["memory"], "Memory after it")
    yield from tables.refusals(found["cells"])


def _concurrency(found: dict[str, Any]) -> Iterable[str]:
    yield f"## {found['clients']} clients at once"
    yield ""
    yield f"Random customers of {found['customers']:,}, evenly. The clients run on the same processors. Tidegate's is one Python thread, PostgreSQL's is pgbench and its time"
    yield "includes naming the customer; DuckDB and chDB are asked by threads in process."
    yield ""
    rows = []
    for question in dict.fromkeys(cell["question"] for cell in found["cells"]):
        for name in engines.NAMES:
            for cell in found["cells"]:
                if cell["engine"] == name and cell["question"] == question:
                    title = TEXT.get(question, "nothing (`GET /v1/version`)")
                    rows.append(
                        [title, TITLES[name], f"{cell['per_second']:,.0f}", f"{cell['p50']:.2f}", f"{cell['p99']:.2f}"]
                    )
    yield from tables.table(["question", "", "per second", "p50 ms", "p99 ms"], rows)
    yield ""
    clients = [f"{cell['client'] * 1e6:.0f}" for cell in found["cells"] if cell["client"] is not None]
    if clients:
        yield f"Of the processor time of a question, Tidegate's client took {', '.join(clients)} µs (in the order of the table)."
        yield ""
    yield from tables.memory(found["memory"], "Memory after it")


def _cold(found: dict[str, Any]) -> Iterable[str]:
    yield "## Cold: never asked before"
    yield ""
    cache = "page cache dropped" if found["dropped"] else "page cache not dropped, which needs root"
    yield f"{found['customers']:,} random customers, each asked once, each question for a share of them; before each question the engine is restarted ({cache}). Files that customers share get warm on the way:"
    yield "the median of the first hundred customers stands apart."
    yield ""
    rows = []
    for question in dict.fromkeys(cell["question"] for cell in found["cells"]):
        for name in engines.NAMES:
            for cell in found["cells"]:
                if cell["engine"] == name and cell["question"] == question:
                    keys = ("first", "p50", "p95", "p99")
                    values = ["refused"] * 4 if "refused" in cell else [f"{cell[key]:.2f}" for key in keys]
                    rows.append([TEXT[question], TITLES[name], *values])
    yield from tables.table(["question", "", "first 100, ms", "p50 ms", "p95 ms", "p99 ms"], rows)
    yield ""
    if (taken := found["prepared"].get("tidegate")) is not None and taken > 0:
        yield f"Making the keys of these customers took Tidegate {taken:.1f} s, less those it had."
    yield from tables.refusals(found["cells"])


def _sustained(found: dict[str, Any]) -> Iterable[str]:
    yield "## A stream of small batches"
    yield ""
    yield f"8 connections send batches of 100 events for {found['seconds']:.0f} s, each acknowledged when durable; upkeep runs beside them. At the end as many are counted as were acknowledged."
    for name, entry in found["engines"].items():
        yield from ["", f"### {TITLES[name]}", ""]
        if "refused" in entry:
            yield f"{entry['refused'].capitalize()}."
            continue
        rows = []
        for window in entry["windows"]:
            times = [f"{window[key] * 1e3:.2f}" for key in ("p50", "p99")]
            sizes = [tables.size(window[key]) for key in ("pss", "disk")]
            rows.append(
                [
                    f"{window['second']:.0f}",
                    f"{window['records_per_second']:,.0f}",
                    *times,
                    f"{window['put_off']}",
                    *sizes,
                ]
            )
        yield from tables.table(["until second", "events/s", "p50 ms", "p99 ms", "put off", "memory", "disk"], rows)


def _growth(found: dict[str, Any]) -> Iterable[str]:
    yield "## The pool grows, the customer does not"
    yield ""
    yield "Warm medians in milliseconds of customers whose rows are the same in each size. One engine after the other is loaded, measured and removed."
    titles = [(question, TEXT[question]) for question in QUESTIONS]
    for size, rows in found["rows"].items():
        yield from ["", f"### {SIZES[size].capitalize()} ({rows:,} rows)", ""]
        lines = []
        for name in engines.NAMES:
            for cell in found["cells"]:
                if cell["engine"] == name:
                    by_question = {time["question"]: time for time in cell["times"] if time["size"] == size}
                    times = [tables.median(by_question.get(question)) for question, _ in titles]
                    lines.append([TITLES[name], f"{cell['events']:,}", *times])
        yield from tables.table(["", "pool", *(title for _, title in titles)], lines)
    readers = [cell for cell in found["cells"] if cell.get("read")]
    if readers:
        yield from ["", "### Bytes read", ""]
        yield "What the server has read of its files when each of the six questions has been asked once, nothing of it having been asked before; the first column includes opening the files."
        yield ""
        lines = [
            [
                TITLES[cell["engine"]],
                f"{cell['events']:,}",
                *(tables.size(cell["read"][size]) for size in found["rows"]),
            ]
            for cell in readers
        ]
        yield from tables.table(["", "pool", *found["rows"]], lines)
    yield from ["", "### Memory and disk", ""]
    sizes = [
        [
            TITLES[cell["engine"]],
            f"{cell['events']:,}",
            tables.size(cell["memory"]["rss"]),
            tables.size(cell["memory"]["pss"]),
            tables.size(cell["disk"]),
        ]
        for name in engines.NAMES
        for cell in found["cells"]
        if cell["engine"] == name
    ]
    yield from tables.table(["", "pool", "resident", "in proportion", "disk"], sizes)
    if found["notes"]:
        yield ""
    for note in found["notes"]:
        yield f"- {note}"
    for cell in found["cells"]:
        yield from tables.refusals(cell["times"])


SECTIONS: dict[str, Callable[[dict[str, Any]], Iterable[str]]] = {
    "load": _load,
    "warm": _warm,
    "concurrency": _concurrency,
    "cold": _cold,
    "sustained": _sustained,
    "growth": _growth,
}
