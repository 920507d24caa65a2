"""Every question for customers of three sizes and for who reads everything, asked before."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import engines
import questions
from engines.base import Refused
from questions import QUESTIONS
from session import Session
from stats import summary
from worker import Remote

LEAST = 3
Cell = tuple[str, str]


class Different(Exception):
    """Two engines gave different answers."""


def run(session: Session) -> dict[str, Any]:
    """Compares the answers, then measures in interleaved rounds."""
    dataset = session.dataset()
    readers: dict[str, str | None] = {**dataset.probes, "all": None}
    remotes = {name: session.remote(name) for name in session.engines}
    for remote in remotes.values():
        remote.call("prepare", list(dataset.probes.values()))
    session.told("warm: comparing the answers of all engines")
    refused = verify(remotes, readers)
    times = interleaved(remotes, readers, refused, session.rounds, session.patience, session.told)
    empty = [remotes["tidegate"].call("empty") for _ in range(200)] if "tidegate" in remotes else []
    rows = {size: dataset.rows[customer] for size, customer in dataset.probes.items()}
    return {
        "rows": rows,
        "cells": cells(times, refused),
        "memory": {name: remote.call("memory") for name, remote in remotes.items()},
        "empty": summary(empty) if empty else None,
    }


def verify(remotes: dict[str, Remote], readers: dict[str, str | None]) -> dict[tuple[str, str, str], str]:
    """Asks everything once of every engine and compares; answers what was refused, and why."""
    refused: dict[tuple[str, str, str], str] = {}
    for size, customer in readers.items():
        for question in QUESTIONS:
            first = None
            for name, remote in remotes.items():
                try:
                    remote.call("ask", question, customer)
                except Refused as refusal:
                    refused[name, size, question] = str(refusal)
                    continue
                answer = remote.call("answer")
                if first is None:
                    first = (name, answer)
                elif not questions.alike(first[1], answer):
                    who = f"{engines.TITLES[first[0]]} and {engines.TITLES[name]}"
                    raise Different(f"{question} for {size}: {who} differ:\n{first[1]}\n{answer}")
    return refused


def interleaved(
    remotes: dict[str, Remote],
    readers: dict[str, str | None],
    refused: dict[tuple[str, str, str], str],
    rounds: int,
    patience: float,
    told: Callable[[str], None],
) -> dict[tuple[str, str, str], list[float]]:
    """Each round asks everything of every engine in random order.

    A question that has taken an engine longer than `patience` in all is asked no more
    of it, once it was asked three times.
    """
    random = Random(1)
    pairs = [(size, question) for size in readers for question in QUESTIONS]
    times: dict[tuple[str, str, str], list[float]] = {
        (name, *pair): [] for name in remotes for pair in pairs if (name, *pair) not in refused
    }
    for number in range(rounds):
        for size, question in random.sample(pairs, len(pairs)):
            for name in random.sample(list(remotes), len(remotes)):
                mine = times.get((name, size, question))
                if mine is None or (len(mine) >= LEAST and sum(mine) > patience):
                    continue
                try:
                    mine.append(remotes[name].call("ask", question, readers[size]))
                except Refused as refusal:
                    del times[name, size, question]
                    refused[name, size, question] = str(refusal)
        told(f"warm: round {number + 1} of {rounds}")
    return times


def cells(
    times: dict[tuple[str, str, str], list[float]], refused: dict[tuple[str, str, str], str]
) -> list[dict[str, Any]]:
    """One entry for each engine, reader and question."""
    found: list[dict[str, Any]] = []
    for (name, size, question), seconds in times.items():
        found.append({"engine": name, "size": size, "question": question, **summary(seconds)})
    for (name, size, question), why in refused.items():
        found.append({"engine": name, "size": size, "question": question, "refused": why})
    return found
