"""What a long stream of writes sees, in windows of half a minute."""

from __future__ import annotations

import time
from collections.abc import Callable

WINDOW = 30.0


class Windows:
    """Counts records and remembers memory and disk at the end of each window."""

    def __init__(self, seconds: float, memory: Callable[[], dict[str, int]], disk: Callable[[], int]) -> None:
        self.seconds, self.memory, self.disk = seconds, memory, disk
        self.start = time.perf_counter()
        self.window = min(WINDOW, seconds / 2)
        self.begun = self.start
        self.done: list[dict[str, float]] = []
        self.records = 0
        self.total = 0
        self.put_off = 0
        self.times: list[float] = []

    def over(self) -> bool:
        """Whether the time is up."""
        return time.perf_counter() - self.start >= self.seconds

    def stored(self, records: int, seconds: float) -> None:
        """One batch was acknowledged."""
        self.records += records
        self.times.append(seconds)
        if time.perf_counter() - self.begun >= self.window:
            self._close()

    def refused(self) -> None:
        """One batch was asked to come again later."""
        self.put_off += 1

    def _close(self) -> None:
        now = time.perf_counter()
        times = sorted(self.times)
        self.done.append(
            {
                "second": now - self.start,
                "records_per_second": self.records / (now - self.begun),
                "p50": times[len(times) // 2],
                "p99": times[len(times) * 99 // 100],
                "put_off": self.put_off,
                **self.memory(),
                "disk": self.disk(),
            }
        )
        self.total += self.records
        self.records, self.put_off, self.begun = 0, 0, time.perf_counter()
        self.times.clear()

    def finish(self, found: int) -> list[dict[str, float]]:
        """All windows, when as many records are found as were acknowledged."""
        # What remains is a window of its own when it is long enough to say something.
        if self.times and time.perf_counter() - self.begun >= self.window / 4:
            self._close()
        acknowledged = self.total + self.records
        if found != acknowledged:
            raise RuntimeError(f"{acknowledged} records were acknowledged and {found} are there")
        return self.done
