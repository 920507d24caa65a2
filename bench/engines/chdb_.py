"""chDB, which is ClickHouse in process: a MergeTree, the filter written by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chdb
import numpy as np
from chdb.session import Session

import events
import questions
from engines.base import Engine
from engines.duckdb_ import in_threads
from events import Dataset
from questions import Answer

_WORDS = {
    "day": 'toInt32(toDate("at"))',
    "users": "uniqExact(user_id)",
    # Nearest rank: `quantileExact` takes the row after it where 95 % is a whole number of rows.
    "p95": "quantileExact(0.9499999999)(amount)",
}
_RANGE = " AND ".join(
    f"\"at\" {operator} toDateTime64('{np.datetime64(day, 'D')} 00:00:00', 6, 'UTC')"
    for operator, day in ((">=", events.FROM_DAY), ("<", events.TO_DAY))
)
# Parts are synced before an insert or a merge is acknowledged; ClickHouse's default is not to.
_DURABLE = (
    "fsync_after_insert = 1, fsync_part_directory = 1,"
    " min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1"
)
_LIMITS = "max_threads = 2, max_memory_usage = 8000000000"


class ChDb(Engine):
    """ClickHouse's MergeTree in the order of customer and time, merged into as few parts as it makes."""

    session: Session | None = None
    raw = b""
    question = ""

    def load(self, dataset: Dataset) -> dict[str, float]:
        self._connect()
        columns = ", ".join(f'"{name}" {kind}' for name, _, _, kind in events.FIELDS)
        self._run("CREATE DATABASE IF NOT EXISTS bench")
        self._run(
            f'CREATE TABLE bench.events ({columns}) ENGINE = MergeTree ORDER BY (customer_id, "at") SETTINGS {_DURABLE}'
        )
        begun = time.perf_counter()
        for chunk in dataset.chunks():
            self._run(f"INSERT INTO bench.events SELECT * FROM file('{chunk}', Parquet) SETTINGS {_LIMITS}")
        loaded = time.perf_counter()
        self._run("OPTIMIZE TABLE bench.events FINAL")
        done = time.perf_counter()
        return {"read Parquet, insert, sync": loaded - begun, "OPTIMIZE FINAL": done - loaded}

    def start(self) -> None:
        self._connect()

    def _connect(self) -> None:
        self.session = Session(str(self.folder / "data"))

    def _run(self, statement: str, form: str = "JSONCompact") -> Any:
        assert self.session is not None
        return self.session.query(statement, form)

    def stop(self) -> None:
        if self.session is not None:
            self.session.close()
            self.session = None

    def version(self) -> str:
        server = json.loads(self._run("SELECT version()").bytes())["data"][0][0]
        return f"{chdb.__version__} (ClickHouse {server}), in process, 2 threads, fsync after insert and merge"

    def ask(self, question: str, customer: str | None) -> float:
        statement = text(question, customer)
        self.wake(customer)
        begun = time.perf_counter()
        raw = self._run(statement).bytes()
        taken = time.perf_counter() - begun
        self.raw, self.question = raw, question
        return taken

    def wake(self, customer: str | None) -> None:
        self._run("SELECT 1")

    def answer(self) -> Answer:
        return questions.from_rows(self.question, json.loads(self.raw)["data"])

    def crowd(self, question: str, customers: Sequence[str], seconds: float) -> tuple[list[float], float]:
        def one(_: int, customer: str) -> None:
            self._run(text(question, customer)).bytes()

        return in_threads(one, customers, seconds)


def text(question: str, customer: str | None) -> str:
    """A question in ClickHouse's SQL."""
    condition = "" if customer is None else f"customer_id = '{customer}'"
    plain = questions.sql(question, condition=condition, time_range=_RANGE, **_WORDS)
    return plain.replace("FROM events", "FROM bench.events") + f" SETTINGS {_LIMITS}"


def make(folder: Path, settings: dict[str, Any]) -> Engine:
    """The engine of this module."""
    return ChDb(folder, settings)
