"""PostgreSQL with row-level security, on a cluster of its own over TCP on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq

import events
import formats
import machine
import questions
from engines import postgres_crowd
from engines.base import Engine, Refused
from engines.windows import Windows
from events import Dataset
from questions import QUESTIONS, Answer

_WORDS = {
    "day": "(\"at\"::date - date '1970-01-01')",
    "users": "count(DISTINCT user_id)",
    "p95": "percentile_disc(0.95) WITHIN GROUP (ORDER BY amount)",
}
TABLE = ", ".join(f'"{name}" {kind} NOT NULL' for name, _, kind, _ in events.FIELDS)
SECURITY = """
CREATE ROLE reader LOGIN;
CREATE ROLE everything LOGIN BYPASSRLS;
GRANT SELECT ON events TO reader, everything;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON events TO reader USING (customer_id = current_setting('app.customer'));
"""


class Postgres(Engine):
    """Two indexes: (customer_id, at desc) for customers, (at desc) for who reads everything."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        super().__init__(folder, settings)
        self.home = binaries()
        self.owner = "postgres" if os.geteuid() == 0 else None
        self.port = 0
        self.readers: dict[str | None, psycopg.Connection[Any]] = {}
        self.result: pq.abc.PGresult | None = None
        self.question = ""

    def load(self, dataset: Dataset) -> dict[str, float]:
        self._initialise()
        self.start()
        owner = self.connect("postgres")
        owner.autocommit = True
        owner.execute(f"CREATE TABLE events ({TABLE})")
        copied = 0.0
        text = self.folder / "chunk.csv"
        for chunk in dataset.chunks():
            formats.csv(chunk, text)
            copied += copy(owner, text)
        text.unlink()
        begun = time.perf_counter()
        owner.execute('CREATE INDEX own ON events (customer_id, "at" DESC)')
        owner.execute('CREATE INDEX newest ON events ("at" DESC)')
        indexed = time.perf_counter()
        owner.execute("VACUUM (ANALYZE) events")
        owner.execute("CHECKPOINT")
        done = time.perf_counter()
        owner.execute(SECURITY)
        owner.close()
        return {"COPY from CSV": copied, "two indexes": indexed - begun, "VACUUM ANALYZE, checkpoint": done - indexed}

    def _initialise(self) -> None:
        data = self.folder / "data"
        data.mkdir()
        self._own(data)
        initdb = ["initdb", "--pgdata", str(data), "--username", "postgres", "--auth", "trust"]
        self._command(*initdb, "--encoding", "UTF8", "--no-locale")
        gigabytes = max(1, min(4, round(machine.memory_bytes() / 2**30 / 6)))
        settings = {
            "listen_addresses": "'127.0.0.1'",
            "unix_socket_directories": "''",
            "shared_buffers": f"'{gigabytes}GB'",
            "effective_cache_size": f"'{gigabytes * 3}GB'",
            "work_mem": "'256MB'",
            "maintenance_work_mem": "'1GB'",
            "max_wal_size": "'8GB'",
            "checkpoint_timeout": "'30min'",
            "random_page_cost": "1.1",
            "max_parallel_workers_per_gather": "1",
            "jit": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
        }
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def _own(self, path: Path) -> None:
        if self.owner is not None:
            shutil.chown(path, self.owner, self.owner)

    def _command(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.home / program), *arguments],
            user=self.owner,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()}")

    def start(self) -> None:
        self.port = machine.free_port()
        log = self.folder / "log"
        log.touch()
        self._own(log)
        self._command(
            "pg_ctl", "start", "--wait", "--timeout", "300", "--pgdata", str(self.folder / "data"),
            "--log", str(log), "--options", f"-p {self.port}",
        )  # fmt: skip

    def stop(self) -> None:
        for reader in self.readers.values():
            reader.close()
        self.readers.clear()
        if self.port:
            self._command("pg_ctl", "stop", "--mode", "fast", "--pgdata", str(self.folder / "data"))
            self.port = 0

    def connect(self, user: str) -> psycopg.Connection[Any]:
        """A connection."""
        return psycopg.connect(host="127.0.0.1", port=self.port, user=user, dbname="postgres", autocommit=True)

    def version(self) -> str:
        with self.connect("postgres") as owner:
            row = owner.execute(
                "SELECT current_setting('server_version'), current_setting('shared_buffers')"
            ).fetchone()
        assert row is not None
        return f"{row[0]}, over TCP on loopback, prepared statements, fsync on, shared_buffers {row[1]}, jit off"

    def _reader(self, customer: str | None) -> psycopg.Connection[Any]:
        role = None if customer is None else "reader"
        reader = self.readers.get(role)
        if reader is None:
            reader = self.connect(role or "everything")
            for question in QUESTIONS:
                text = questions.sql(question, condition="", **_WORDS)
                ready(reader.pgconn.prepare(question.encode(), text.encode()))
            self.readers[role] = reader
        return reader

    def ask(self, question: str, customer: str | None) -> float:
        connection = self._reader(customer).pgconn
        self.wake(customer)
        begun = time.perf_counter()
        result = connection.exec_prepared(question.encode(), None)
        taken = time.perf_counter() - begun
        ready(result)
        self.result, self.question = result, question
        return taken

    def wake(self, customer: str | None) -> None:
        # What an application does when it takes a connection from its pool.
        said = "SELECT 1" if customer is None else f"SET app.customer = '{customer}'"
        ready(self._reader(customer).pgconn.exec_(said.encode()))

    def answer(self) -> Answer:
        result = self.result
        assert result is not None
        rows = [
            [(result.get_value(row, column) or b"").decode() for column in range(result.nfields)]
            for row in range(result.ntuples)
        ]
        return questions.from_rows(self.question, rows)

    def crowd(self, question: str, customers: Sequence[str], seconds: float) -> tuple[list[float], float]:
        text = questions.sql(question, condition="", **_WORDS)
        with self.connect("postgres") as owner:
            owner.execute("CREATE TABLE IF NOT EXISTS customers (n integer PRIMARY KEY, id text)")
            owner.execute("TRUNCATE customers")
            with owner.cursor().copy("COPY customers FROM STDIN") as copying:
                for row in enumerate(customers):
                    copying.write_row(row)
            owner.execute("GRANT SELECT ON customers TO reader")
        return postgres_crowd.run(self.home, self.port, text, len(customers), seconds)

    def memory(self) -> dict[str, int]:
        head = (self.folder / "data" / "postmaster.pid").read_text().splitlines()[0]
        return machine.held(int(head))

    def sustained(self, dataset: Dataset, seconds: float) -> list[dict[str, float]]:
        with self.connect("postgres") as owner:
            owner.execute(f"CREATE TABLE arrivals ({TABLE})")
            owner.execute('CREATE INDEX arrivals_own ON arrivals (customer_id, "at" DESC)')
        text = self.folder / "chunk.csv"
        formats.csv(dataset.chunks()[0], text)
        with text.open("rb") as file:
            lines = [line for _, line in zip(range(200_000), file, strict=False)]
        text.unlink()
        batches = [b"".join(lines[at : at + 100]) for at in range(0, len(lines) - 99, 100)]
        windows = Windows(seconds, self.memory, self.disk_bytes)
        lock = threading.Lock()

        def write(client: int) -> None:
            number = client
            with self.connect("postgres") as connection:
                while not windows.over():
                    begun = time.perf_counter()
                    with connection.cursor().copy("COPY arrivals FROM STDIN (FORMAT csv)") as copying:
                        copying.write(batches[number % len(batches)])
                    with lock:
                        windows.stored(100, time.perf_counter() - begun)
                    number += 8

        threads = [threading.Thread(target=write, args=(client,)) for client in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self.connect("postgres") as owner:
            row = owner.execute("SELECT count(*) FROM arrivals").fetchone()
            owner.execute("DROP TABLE arrivals")
        return windows.finish(int(row[0]) if row else 0)


def copy(owner: psycopg.Connection[Any], text: Path) -> float:
    """Stores a file in one transaction; answers the seconds."""
    begun = time.perf_counter()
    with text.open("rb") as file, owner.cursor().copy("COPY events FROM STDIN (FORMAT csv)") as copying:
        while block := file.read(1 << 20):
            copying.write(block)
    return time.perf_counter() - begun


def ready(result: pq.abc.PGresult) -> None:
    """Makes sure that a command did what it should."""
    if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise Refused(result.error_message.decode(errors="replace").strip())


def binaries() -> Path:
    """Where the newest server's programs are; installs Debian's package where that is allowed."""
    for _ in range(2):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        if found:
            return found[-1].parent
        if (path := shutil.which("initdb")) is not None:
            return Path(path).resolve().parent
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            break
        subprocess.run(["apt-get", "-q", "update"], check=True)
        subprocess.run(["apt-get", "-q", "install", "-y", "--no-install-recommends", "postgresql"], check=True)
    raise RuntimeError(
        "PostgreSQL's server is not installed: install the package postgresql, or leave it out with --engines"
    )


def make(folder: Path, settings: dict[str, Any]) -> Engine:
    """The engine of this module."""
    return Postgres(folder, settings)
