"""What one customer's question costs when only the other customers grow."""

from __future__ import annotations

import shutil
from typing import Any

import engines
import events
from engines.base import Refused
from events import Dataset
from parts import warm
from questions import QUESTIONS, Answer, alike
from session import Session

Answers = dict[tuple[str, str], Answer]


def run(session: Session) -> dict[str, Any]:
    """One size after the other; at each size one engine after the other, to save room."""
    session.close()
    sizes = sorted(session.growth)
    probes = events.growth_probes(sizes[0])
    cells: list[dict[str, Any]] = []
    notes: list[str] = []
    answers: Answers = {}
    for size in sizes:
        folder = session.work / "growth"
        shutil.rmtree(folder, ignore_errors=True)
        if (missing := session.need_room([], size, True)) is not None:
            notes.append(f"{size:,} events: not measured: {missing}")
            session.told(notes[-1])
            continue
        dataset = events.make(folder / "events", size, probes, session.told)
        for name in session.engines:
            missing = session.need_room([name], size, False)
            if missing is not None:
                notes.append(f"{engines.TITLES[name]} at {size:,} events: not measured: {missing}")
                session.told(notes[-1])
                continue
            cells.append(measure(session, name, dataset, answers))
        shutil.rmtree(folder, ignore_errors=True)
    return {"rows": probes, "cells": cells, "notes": notes}


def measure(session: Session, name: str, dataset: Dataset, answers: Answers) -> dict[str, Any]:
    """One engine at one size: the probes' times, and the memory after them."""
    folder = session.work / "growth" / name
    remote = session.load(name, folder, dataset, None)
    session.told(f"growth: {engines.TITLES[name]} is asked")
    try:
        remote.call("prepare", list(dataset.probes.values()))
        refused: dict[tuple[str, str, str], str] = {}
        read: dict[str, int] = {}
        for size, customer in dataset.probes.items():
            before = remote.call("read_bytes")
            for question in QUESTIONS:
                try:
                    remote.call("ask", question, customer)
                except Refused as refusal:
                    refused[name, size, question] = str(refusal)
                    continue
                answer = remote.call("answer")
                # The same rows: the same answer, from every engine and at every size.
                if not alike(answers.setdefault((size, question), answer), answer):
                    raise warm.Different(f"{question} for {size}: {engines.TITLES[name]} at {dataset.events:,} events")
            # Nothing of this customer had been asked before.
            if before is not None:
                read[size] = remote.call("read_bytes") - before
        readers: dict[str, str | None] = dict(dataset.probes)
        quiet = warm.interleaved({name: remote}, readers, refused, session.rounds, session.patience, lambda _: None)
        session.told(f"growth: {engines.TITLES[name]} at {dataset.events:,} events done")
        return {
            "engine": name,
            "events": dataset.events,
            "times": warm.cells(quiet, refused),
            "read": read,
            "memory": remote.call("memory"),
            "disk": remote.call("disk_bytes"),
        }
    finally:
        remote.close()
        shutil.rmtree(folder, ignore_errors=True)
