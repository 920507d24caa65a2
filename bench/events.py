"""The events: the same values for every engine, from a seed alone.

Customers follow zipf(1.0) over 10,000 ranks, arrivals are in order of time over
30 days, and no two events have the same microsecond, so that every question has
one answer. A growth data set holds, among the events of the other customers, the
same rows of three probe customers whatever its size.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

import words

SEED = 20_260_101
CUSTOMERS = 10_000
CHUNK = 1_000_000
DAY_US = 86_400_000_000
DAYS = 30
SPAN_US = DAYS * DAY_US
START_DAY = 20_454  # 2026-01-01, in days since 1970
START_US = START_DAY * DAY_US
# The 14 days that daily sums are asked for: the last of the 30.
FROM_DAY, TO_DAY = START_DAY + DAYS - 14, START_DAY + DAYS

# Name, type in a pool, type in PostgreSQL, type in ClickHouse.
FIELDS: tuple[tuple[str, str, str, str], ...] = (
    ("at", "DateTime", "timestamp", "DateTime64(6, 'UTC')"),
    ("customer_id", "String", "text", "LowCardinality(String)"),
    ("user_id", "String", "text", "String"),
    ("session_id", "String", "text", "String"),
    ("country", "String", "text", "LowCardinality(String)"),
    ("device", "String", "text", "LowCardinality(String)"),
    ("agent", "String", "text", "LowCardinality(String)"),
    ("ip", "String", "text", "String"),
    ("page", "String", "text", "LowCardinality(String)"),
    ("referrer", "String", "text", "LowCardinality(String)"),
    ("campaign", "String", "text", "LowCardinality(String)"),
    ("amount", "Float64", "double precision", "Float64"),
    ("currency", "String", "text", "LowCardinality(String)"),
    ("quantity", "Int32", "integer", "Int32"),
    ("duration_ms", "Int32", "integer", "Int32"),
    ("status", "Int32", "integer", "Int32"),
    ("is_new", "Boolean", "boolean", "Bool"),
    ("consent", "Boolean", "boolean", "Bool"),
)
NAMES = tuple(field[0] for field in FIELDS)

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Parquet files with the events, and what is known of them."""

    folder: str
    events: int
    # Rows of each customer.
    rows: dict[str, int]
    # The customers that are asked about, by size.
    probes: dict[str, str]

    def chunks(self) -> list[Path]:
        """The files, in order of time."""
        return sorted(Path(self.folder).glob("events-*.parquet"))

    def customers(self) -> list[str]:
        """Every customer that has rows."""
        return sorted(self.rows)


def growth_probes(smallest: int) -> dict[str, int]:
    """The rows of the three probe customers, when the smallest pool has so many events."""
    return {
        "small": min(200, smallest // 500),
        "middle": smallest // 50,
        "large": smallest // 5,
    }


def make(
    folder: Path,
    events: int,
    probes: dict[str, int] | None,
    told: Callable[[str], None],
) -> Dataset:
    """Writes the files, or finds that an earlier call has written them all."""
    note = folder / "dataset.json"
    if note.exists():
        found = Dataset(**json.loads(note.read_text()))
        if found.events == events and found.folder == str(folder):
            return found
    folder.mkdir(parents=True, exist_ok=True)
    generator = Generator(events, probes or {})
    count = generator.chunk_count()
    totals = np.zeros(len(generator.ids), dtype=np.int64)
    for index in range(count):
        table, numbers = generator.chunk(index)
        pq.write_table(table, folder / f"events-{index:05}.parquet", compression="zstd")
        totals += np.bincount(numbers, minlength=len(totals))
        told(f"events: file {index + 1} of {count}")
    rows = {generator.ids[n]: int(total) for n, total in enumerate(totals) if total > 0}
    dataset = Dataset(str(folder), events, rows, generator.probe_ids(rows))
    note.write_text(json.dumps(asdict(dataset)))
    return dataset


class Generator:
    """Makes the events of one data set, file by file."""

    def __init__(self, events: int, probes: dict[str, int]) -> None:
        self.probe_rows = probes
        self.filler = events - sum(probes.values())
        if self.filler <= 0:
            raise ValueError("the probe customers have more rows than the pool")
        # Neighbouring ids are not of neighbouring sizes.
        self.by_rank = np.random.default_rng([SEED, 1]).permutation(CUSTOMERS)
        self.ids = [f"c{n:05}" for n in range(CUSTOMERS)]
        # A probe's id sorts between two others, not at the end.
        self.probe_names = {size: f"c{(n + 1) * 2_500:05}x" for n, size in enumerate(probes)}
        self.ids += list(self.probe_names.values())
        weights = 1.0 / np.arange(1, CUSTOMERS + 1)
        self.shares = weights / weights.sum()
        self.expected = np.empty(len(self.ids))
        self.expected[self.by_rank] = self.shares * self.filler
        for n, rows in enumerate(probes.values()):
            self.expected[CUSTOMERS + n] = rows
        self.id_pool = pa.array(self.ids)
        self.probe_at, self.probe_customers = self._probe_times()

    def chunk_count(self) -> int:
        """How many files the data set has."""
        return -(-self.filler // CHUNK)

    def probe_ids(self, rows: dict[str, int]) -> dict[str, str]:
        """The customers to ask about: the probes, or those of ranks 10,000, 100 and 1.

        Where there are so few events that one of these has none, the next larger with some.
        """
        if self.probe_names:
            return dict(self.probe_names)
        ranks = {"small": CUSTOMERS, "middle": 100, "large": 1}
        found = {}
        for size, rank in ranks.items():
            larger = (self.ids[int(number)] for number in self.by_rank[rank - 1 :: -1])
            found[size] = next(customer for customer in larger if customer in rows)
        return found

    def chunk(self, index: int) -> tuple[pa.Table, I64]:
        """One file's events in order of time, and their customers' numbers."""
        first = index * CHUNK
        last = min(first + CHUNK, self.filler)
        random = np.random.default_rng([SEED, 2, index])
        ranks = np.searchsorted(np.cumsum(self.shares), random.random(last - first))
        customers = self.by_rank[np.minimum(ranks, CUSTOMERS - 1)].astype(np.int64)
        at = slots(random, first, last, self.filler)
        table = self._table(random, at, customers)
        # Odd microseconds are the probes'.
        low = SPAN_US * first // self.filler + START_US
        high = SPAN_US * last // self.filler + START_US
        held = (self.probe_at >= low) & (self.probe_at < high)
        if not held.any():
            return table, customers
        all_customers = np.concatenate([customers, self.probe_customers[held]])
        both = pa.concat_tables([table, self._probes().filter(pa.array(held))])
        order = np.argsort(np.concatenate([at, self.probe_at[held]]), kind="stable")
        return both.take(pa.array(order)), all_customers[order]

    def _probe_times(self) -> tuple[I64, I64]:
        total = sum(self.probe_rows.values())
        if total == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        random = np.random.default_rng([SEED, 3])
        at = slots(random, 0, total, total) + 1
        numbers = CUSTOMERS + np.arange(len(self.probe_rows))
        customers = np.repeat(numbers, list(self.probe_rows.values()))
        return at, random.permutation(customers)

    def _probes(self) -> pa.Table:
        # Made anew for each file: the same values, whatever the size of the pool.
        random = np.random.default_rng([SEED, 4])
        return self._table(random, self.probe_at, self.probe_customers)

    def _table(self, random: np.random.Generator, at: I64, customers: I64) -> pa.Table:
        n = len(at)
        people = np.maximum(3.0, self.expected[customers] / 12.0)
        person = (people * random.random(n) ** 2).astype(np.uint64)
        user = mixed((customers.astype(np.uint64) << np.uint64(32)) | person)
        visit = mixed(user ^ (at // 1_800_000_000).astype(np.uint64))
        country = picked(random, n, words.COUNTRIES, 1.1)
        columns: dict[str, pa.Array] = {
            "at": pa.array(at, pa.timestamp("us")),
            "customer_id": self.id_pool.take(pa.array(customers)),
            "user_id": hexadecimal(user),
            "session_id": hexadecimal(visit),
            "country": words.COUNTRIES.take(country),
            "device": pooled(words.DEVICES, user),
            "agent": pooled(words.AGENTS, user >> np.uint64(8)),
            "ip": pooled(words.ADDRESSES, user >> np.uint64(16)),
            "page": words.PAGES.take(picked(random, n, words.PAGES, 0.9)),
            "referrer": words.REFERRERS.take(picked(random, n, words.REFERRERS, 0.8)),
            "campaign": words.CAMPAIGNS.take(picked(random, n, words.CAMPAIGNS, 0.5)),
            "amount": pa.array(np.round(random.lognormal(3.2, 1.0, n), 2)),
            "currency": words.CURRENCIES.take(country),
            "quantity": pa.array(random.geometric(0.5, n).astype(np.int32)),
            "duration_ms": pa.array(random.gamma(2.0, 900.0, n).astype(np.int32)),
            "status": pa.array(random.choice(words.STATUSES, n).astype(np.int32)),
            "is_new": pa.array((visit & np.uint64(7)) == 0),
            "consent": pa.array((user & np.uint64(3)) != 0),
        }
        return pa.table([columns[name] for name in NAMES], names=list(NAMES))


def slots(random: np.random.Generator, first: int, last: int, total: int) -> I64:
    """One even microsecond in each of the slots first..last of total, ascending."""
    number = np.arange(first, last) + 0.9 * random.random(last - first)
    offset: I64 = (number * (SPAN_US / total)).astype(np.int64)
    return START_US + (offset >> 1 << 1)


def mixed(value: U64) -> U64:
    """A 64-bit hash (the finish of splitmix64)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


PAIRS = np.array([f"{n:02x}" for n in range(256)], dtype="S2")


def hexadecimal(value: U64) -> pa.Array:
    """Each value as 16 hexadecimal digits."""
    n = len(value)
    octets = value.astype(">u8").view(np.uint8)
    offsets = np.arange(0, 16 * (n + 1), 16, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(PAIRS[octets].tobytes())]
    return pa.Array.from_buffers(pa.string(), n, buffers)


def pooled(pool: pa.Array, value: U64) -> pa.Array:
    """The word that each value stands for: always the same for the same value."""
    return pool.take(pa.array(value % np.uint64(len(pool))))


def picked(random: np.random.Generator, n: int, pool: pa.Array, exponent: float) -> pa.Array:
    """Positions in a pool whose words are the rarer the later they come."""
    weights = 1.0 / np.arange(1, len(pool) + 1) ** exponent
    found = np.searchsorted(np.cumsum(weights / weights.sum()), random.random(n))
    return pa.array(np.minimum(found, len(pool) - 1))
