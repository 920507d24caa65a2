"""DuckDB in process: a table in order of customer and time, the filter written by hand."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import duckdb

import questions
from engines.base import CLIENTS, Engine
from events import Dataset
from questions import QUESTIONS, Answer

MEMORY = "8GB"
_WORDS = {
    # Integer days: `date_trunc` is slower.
    "day": 'epoch_us("at") // 86400000000',
    "users": "count(DISTINCT user_id)",
    "p95": "quantile_disc(amount, 0.95)",
}


class DuckDb(Engine):
    """DuckDB's native table, asked through prepared statements."""

    connection: duckdb.DuckDBPyConnection | None = None
    rows: list[Any]
    question = ""

    def load(self, dataset: Dataset) -> dict[str, float]:
        self._connect()
        assert self.connection is not None
        begun = time.perf_counter()
        source = f"read_parquet('{dataset.folder}/events-*.parquet')"
        self.connection.execute(f'CREATE TABLE events AS SELECT * FROM {source} ORDER BY customer_id, "at"')
        loaded = time.perf_counter()
        self.connection.execute("CHECKPOINT")
        done = time.perf_counter()
        prepare(self.connection)
        return {"read Parquet, sort, store": loaded - begun, "checkpoint": done - loaded}

    def start(self) -> None:
        self._connect()
        assert self.connection is not None
        prepare(self.connection)

    def _connect(self) -> None:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        options: dict[str, str | bool | int | float | list[str]] = {
            "threads": 2,
            "memory_limit": MEMORY,
            "temp_directory": str(self.folder / "temp"),
        }
        self.connection = duckdb.connect(str(data / "events.duckdb"), config=options)

    def stop(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def version(self) -> str:
        return f"{duckdb.__version__}, in process, 2 threads, memory limit {MEMORY}"

    def ask(self, question: str, customer: str | None) -> float:
        assert self.connection is not None
        statement = call(question, customer)
        self.wake(customer)
        begun = time.perf_counter()
        rows = self.connection.execute(statement).fetchall()
        taken = time.perf_counter() - begun
        self.rows, self.question = rows, question
        return taken

    def wake(self, customer: str | None) -> None:
        assert self.connection is not None
        self.connection.execute("SELECT 1").fetchall()

    def answer(self) -> Answer:
        return questions.from_rows(self.question, self.rows)

    def crowd(self, question: str, customers: Sequence[str], seconds: float) -> tuple[list[float], float]:
        assert self.connection is not None
        cursors = [self.connection.cursor() for _ in range(CLIENTS)]
        for cursor in cursors:
            prepare(cursor)

        def one(client: int, customer: str) -> None:
            cursors[client].execute(call(question, customer)).fetchall()

        result = in_threads(one, customers, seconds)
        for cursor in cursors:
            cursor.close()
        return result


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Prepares every question, for one customer and for all."""
    for question in QUESTIONS:
        for name, condition in ((f"{question}_one", "customer_id = $1"), (f"{question}_all", "")):
            connection.execute(f"PREPARE {name} AS {questions.sql(question, condition=condition, **_WORDS)}")


def call(question: str, customer: str | None) -> str:
    """The statement that runs a prepared question."""
    return f"EXECUTE {question}_all" if customer is None else f"EXECUTE {question}_one('{customer}')"


def in_threads(one: Any, customers: Sequence[str], seconds: float) -> tuple[list[float], float]:
    """Calls `one(client, customer)` from 16 threads for a time; answers the seconds of each call."""
    failures: queue.Queue[Exception] = queue.Queue()
    times: list[list[float]] = [[] for _ in range(CLIENTS)]
    start = time.perf_counter()

    def run(client: int) -> None:
        random = Random(client)
        try:
            while (begun := time.perf_counter()) - start < seconds:
                one(client, random.choice(customers))
                times[client].append(time.perf_counter() - begun)
        except Exception as error:
            failures.put(error)

    threads = [threading.Thread(target=run, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not failures.empty():
        raise failures.get()
    return [taken for part in times for taken in part], time.perf_counter() - start


def make(folder: Path, settings: dict[str, Any]) -> Engine:
    """The engine of this module."""
    return DuckDb(folder, settings)
