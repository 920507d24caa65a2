"""Tidegate over HTTP: every reader has a key, constrained to its customer or over all rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import events
import formats
import http_loop
import machine
import questions
from engines.base import CLIENTS, Engine, Refused
from engines.tidegate_server import Server
from engines.windows import Windows
from events import Dataset
from questions import Answer

POOL = {
    "name": "events",
    "schema": "strict",
    "isolation_field": "customer_id",
    "time_field": "at",
    "fields": [{"name": name, "type": kind, "required": True} for name, kind, _, _ in events.FIELDS],
}
# What one file to import holds, in chunks: all of the usual size; more of them would fill the disk.
CHUNKS_OF_FILE = 20
_COUNT = {"aggregate": "count", "as": "events"}
VIEWS: dict[str, dict[str, Any]] = {
    "count": {"shape": "aggregated", "fields": [_COUNT]},
    "daily": {
        "shape": "time_series",
        "interval_field": "at",
        "fields": [_COUNT, {"field": "amount", "aggregate": "sum"}],
    },
    "top": {"shape": "aggregated", "fields": [{"field": "page", "group": True}, _COUNT]},
    "users": {"shape": "aggregated", "fields": [{"field": "user_id", "aggregate": "count_unique", "as": "users"}]},
    "p95": {
        "shape": "aggregated",
        "fields": [{"field": "amount", "aggregate": "percentile", "percentile": 95, "as": "p95"}],
    },
    "latest": {"shape": "records", "fields": [{"field": name} for name in events.NAMES]},
}
BODIES: dict[str, dict[str, Any]] = {
    "count": {},
    "daily": {
        "interval": "daily",
        "from": str(np.datetime64(events.FROM_DAY, "D")),
        "to": str(np.datetime64(events.TO_DAY, "D")),
    },
    "top": {
        "order_by": [{"field": "events", "direction": "desc"}, {"field": "page", "direction": "asc"}],
        "limit": 10,
    },
    "users": {},
    "p95": {},
    "latest": {"limit": 100},
}
BODIES["funnel"] = {
    "analysis": "funnel",
    "steps": [
        {"pool": "events", "actor": "user_id", "filters": [{"field": field, "operator": operator, "value": value}]}
        for field, operator, value in (
            ("page", "eq", questions.FUNNEL_PAGES[0]),
            ("page", "eq", questions.FUNNEL_PAGES[1]),
            ("amount", "gte", questions.FUNNEL_AMOUNT),
        )
    ],
}
WIRE_BODIES = {question: json.dumps(body).encode() for question, body in BODIES.items()}
# Counts what a stream of batches stored.
WIRE_BODIES["arrived"] = b"{}"


class Tidegate(Engine):
    """The server with its default settings, but for the memory and the time of one question."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        super().__init__(folder, settings)
        self.server = Server(folder, Path(settings["tidegate"]), settings["serve_options"])
        self.tokens: dict[str, str] = {}
        self.connection: http_loop.Connection | None = None
        self.question = ""
        self.client_cost: float | None = None

    def load(self, dataset: Dataset) -> dict[str, float]:
        self.start()
        self._make("/v1/pools", POOL)
        for name, view in VIEWS.items():
            self._make("/v1/views", {"name": name, "pool": "events", **view})
        imported = 0.0
        text = self.folder / "events.ndjson"
        chunks = dataset.chunks()
        for first in range(0, len(chunks), CHUNKS_OF_FILE):
            formats.ndjson(chunks[first : first + CHUNKS_OF_FILE], text)
            imported += self.server.import_file(text, "events")
        text.unlink()
        steps = {"import NDJSON over HTTP": imported, **self.server.settle()}
        self.connection = http_loop.Connection(self.server.address)
        self.prepare([])
        return steps

    def start(self) -> None:
        self.server.start()
        path = self._token_file()
        if path.exists():
            self.tokens = json.loads(path.read_text())
        self.connection = http_loop.Connection(self.server.address)

    def stop(self) -> None:
        self.server.stop()

    def version(self) -> str:
        options = " ".join(self.server.options)
        return f"{self.server.version()}, profile {self.server.binary.parent.name}, over HTTP on loopback, one key for each customer, {options}"

    def prepare(self, customers: Sequence[str]) -> float:
        begun = time.perf_counter()
        for customer in ["", *customers]:
            if customer in self.tokens:
                continue
            rows: Any = "all_rows"
            if customer:
                rows = [{"field": "customer_id", "operator": "eq", "value": customer}]
            grants = [
                {"on": "view:*", "actions": ["read"], "constraints": rows},
                {"on": "pool:events", "actions": ["query"], "constraints": rows},
            ]
            key = self._make("/v1/keys", {"name": customer or "everything", "grants": grants})
            self.tokens[customer] = key["token"]
        taken = time.perf_counter() - begun
        path = self._token_file()
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.tokens))
        return taken

    def _token_file(self) -> Path:
        return self.folder / "tokens.json"

    def _make(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert self.connection is not None
        wire = http_loop.request("POST", path, self.server.token, json.dumps(body).encode())
        status, _ = self.connection.ask(wire)
        if status != 201:
            raise RuntimeError(f"{path} was answered {status}: {self.connection.body().decode()}")
        made: dict[str, Any] = json.loads(self.connection.body())
        return made

    def wire(self, question: str, customer: str | None) -> bytes:
        """The request of a question under the reader's key."""
        token = self.tokens[customer or ""]
        path = "/v1/query" if question == "funnel" else f"/v1/views/{question}/data"
        return http_loop.request("POST", path, token, WIRE_BODIES[question])

    def ask(self, question: str, customer: str | None) -> float:
        assert self.connection is not None
        self.wake(customer)
        status, taken = self.connection.ask(self.wire(question, customer))
        if status != 200:
            raise Refused(problem(status, self.connection.body()))
        self.question = question
        return taken

    def wake(self, customer: str | None) -> None:
        self.empty()

    def answer(self) -> Answer:
        assert self.connection is not None
        document = json.loads(self.connection.body())
        if self.question == "funnel":
            return questions.from_rows("funnel", [document["result"]])
        rows = document["data"]
        match self.question:
            case "daily":
                # Tidegate answers every day, SQL only those with events.
                found = [(day(row["at"]), row["events"], row["amount"]) for row in rows if row["events"]]
                return questions.from_rows("daily", found)
            case "latest":
                return questions.from_rows("latest", [[row[name] for name in events.NAMES] for row in rows])
            case _:
                return questions.from_rows(self.question, [list(row.values()) for row in rows])

    def empty(self) -> float | None:
        assert self.connection is not None
        return self.connection.ask(http_loop.request("GET", "/v1/version", None))[1]

    def crowd(self, question: str, customers: Sequence[str], seconds: float) -> tuple[list[float], float]:
        if question == "empty":
            wires = [http_loop.request("GET", "/v1/version", None)]
        else:
            wires = [self.wire(question, customer) for customer in customers]
        random = Random(1)
        times: list[float] = []

        def answered(status: int, taken: float, answer: bytes) -> float:
            if status != 200:
                raise RuntimeError(f"a question was answered {status}: {answer[-500:]!r}")
            times.append(taken)
            return 0.0

        def forever() -> Iterator[bytes]:
            while True:
                yield random.choice(wires)

        used = time.process_time()
        taken = http_loop.drive(self.server.address, CLIENTS, seconds, forever(), answered)
        self.client_cost = (time.process_time() - used) / max(1, len(times))
        return times, taken

    def client_seconds(self) -> float | None:
        return self.client_cost

    def read_bytes(self) -> int | None:
        return machine.read_bytes(self.server.process_id())

    def memory(self) -> dict[str, int]:
        return machine.held(self.server.process_id())

    def sustained(self, dataset: Dataset, seconds: float) -> list[dict[str, float]]:
        self._make("/v1/pools", {**POOL, "name": "arrivals"})
        self._make("/v1/views", {"name": "arrived", "pool": "arrivals", **VIEWS["count"]})
        text = self.folder / "chunk.ndjson"
        formats.ndjson(dataset.chunks()[:1], text)
        with text.open("rb") as file:
            lines = [line for _, line in zip(range(200_000), file, strict=False)]
        text.unlink()
        path, token = "/v1/pools/arrivals/records", self.server.token
        wires = [
            http_loop.request("POST", path, token, b"".join(lines[at : at + 100]), "application/x-ndjson")
            for at in range(0, len(lines) - 99, 100)
        ]
        windows = Windows(seconds, self.memory, self.disk_bytes)

        def answered(status: int, taken: float, answer: bytes) -> float:
            if status in (429, 503):
                windows.refused()
                return 1.0
            if status != 200 or b'"accepted":100' not in answer:
                raise RuntimeError(f"a batch was answered {status}: {answer[-500:]!r}")
            windows.stored(100, taken)
            return 0.0

        def forever() -> Iterator[bytes]:
            while True:
                yield from wires

        http_loop.drive(self.server.address, 8, seconds, forever(), answered)
        self.connection = http_loop.Connection(self.server.address)
        self.ask("arrived", None)
        return windows.finish(json.loads(self.connection.body())["data"][0]["events"])


def day(start: str) -> int:
    """The day of an interval's start, counted from 1970."""
    return int(np.datetime64(start[:10], "D").astype("int64"))


def problem(status: int, body: bytes) -> str:
    """Status, code and detail of an error."""
    try:
        document = json.loads(body)
        return f"{status} {document['code']}: {document['detail']}"
    except (ValueError, KeyError):
        return f"{status}: {body[:200]!r}"


def make(folder: Path, settings: dict[str, Any]) -> Engine:
    """The engine of this module."""
    return Tidegate(folder, settings)
