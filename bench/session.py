"""One run: its options, its places, its engines and what it has found so far."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engines
import events
import machine
from events import Dataset
from worker import Remote

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Session:
    """Options of a run, and where its files are."""

    events: int
    rounds: int
    engines: list[str]
    work: Path
    settings: dict[str, Any]
    cold: int
    seconds: float
    sustained_seconds: float
    growth: list[int]
    patience: float
    open: dict[str, Remote] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def told(self, text: str) -> None:
        """A line of progress."""
        passed = int(time.monotonic() - self.started)
        print(f"[{passed // 3600}:{passed // 60 % 60:02}:{passed % 60:02}] {text}", flush=True)

    def dataset(self) -> Dataset:
        """The events that most parts ask about."""
        return events.make(self.work / "events", self.events, None, self.told)

    def remote(self, name: str) -> Remote:
        """The engine, open, with all events in it."""
        if name not in self.open:
            dataset = self.dataset()
            folder = self.work / name
            done = folder / "loaded.json"
            loaded = json.loads(done.read_text()) if done.exists() else None
            if loaded is None or loaded["events"] != self.events:
                shutil.rmtree(folder, ignore_errors=True)
                self.open[name] = self.load(name, folder, dataset, done)
            else:
                self.told(f"{engines.TITLES[name]}: loaded by an earlier run")
                self.open[name] = Remote(name, folder, self.settings)
                self.open[name].call("start")
        return self.open[name]

    def load(self, name: str, folder: Path, dataset: Dataset, done: Path | None) -> Remote:
        """Loads a fresh engine, and notes what that took."""
        self.told(f"{engines.TITLES[name]}: loading {dataset.events:,} events")
        remote = Remote(name, folder, self.settings)
        try:
            steps = remote.call("load", dataset)
            found = {
                "events": dataset.events,
                "steps": steps,
                "disk": remote.call("disk_bytes"),
                "memory": remote.call("memory"),
                "version": remote.call("version"),
            }
            # What is measured from here on has not been loaded by its own process.
            remote.restart()
        except BaseException:
            remote.close()
            raise
        folder.joinpath("load.json").write_text(json.dumps(found))
        if done is not None:
            done.write_text(json.dumps(found))
        return remote

    def loaded(self, name: str) -> dict[str, Any]:
        """What loading an engine took."""
        self.remote(name)
        note: dict[str, Any] = json.loads((self.work / name / "load.json").read_text())
        return note

    def close(self) -> None:
        """Ends every engine."""
        for remote in self.open.values():
            remote.close()
        self.open.clear()

    def need_room(self, names: list[str], count: int, source: bool) -> str | None:
        """What is missing on the disk for so many events in these engines, or nothing.

        `source` says that the Parquet files of the events are still to be made.
        """
        each = sum(engines.ROOM[name] for name in names) + (60 if source else 0)
        beside = sum(min(engines.BESIDE[name], count * 2_000) for name in names)
        # One file of a million events as text is always there beside them.
        needed = each * count + beside + (1 << 29)
        free = machine.free_bytes(self.work)
        if needed <= free:
            return None
        return f"{needed / 2**30:.0f} GiB may be needed and {free / 2**30:.0f} GiB are free"

    def keep(self, part: str, found: dict[str, Any]) -> None:
        """Keeps a part's findings for the report."""
        folder = self.work / "results"
        folder.mkdir(exist_ok=True)
        entry = {
            "part": part,
            "time": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            "commit": machine.commit(ROOT),
            "machine": machine.facts(),
            "options": {"events": self.events, "rounds": self.rounds, "engines": self.engines},
            "found": found,
        }
        (folder / f"{part}.json").write_text(json.dumps(entry, indent=1))

    def kept(self) -> dict[str, dict[str, Any]]:
        """All findings about this number of events, also of earlier runs in the same place."""
        entries = [json.loads(path.read_text()) for path in (self.work / "results").glob("*.json")]
        return {entry["part"]: entry for entry in entries if entry["options"]["events"] == self.events}
