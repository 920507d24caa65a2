"""What every engine can do."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import machine
from events import Dataset
from questions import Answer

CLIENTS = 16


class Refused(Exception):
    """The engine does not answer this question; the text says why."""


class Engine(ABC):
    """An engine under test, in a process of its own."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings

    @abstractmethod
    def load(self, dataset: Dataset) -> dict[str, float]:
        """Stores all events durably, brings them into their best form, and ends open.

        Answers the seconds of each step by its name.
        """

    @abstractmethod
    def start(self) -> None:
        """Opens what was stored."""

    @abstractmethod
    def stop(self) -> None:
        """Closes; nothing stays in memory."""

    @abstractmethod
    def version(self) -> str:
        """The version, and the settings that matter."""

    @abstractmethod
    def ask(self, question: str, customer: str | None) -> float:
        """Wakes, then asks for one customer, or for all; answers the seconds to the last byte."""

    @abstractmethod
    def wake(self, customer: str | None) -> None:
        """A request that asks nothing, over the way that the next question takes.

        It stands before each timed question of every engine: an application that has
        just taken a connection from its pool has said something on it (PostgreSQL is
        told the customer so), and processors that slept are nobody's slowness.
        """

    @abstractmethod
    def answer(self) -> Answer:
        """What was answered last."""

    @abstractmethod
    def crowd(self, question: str, customers: Sequence[str], seconds: float) -> tuple[list[float], float]:
        """Asks from 16 clients for a time; answers the seconds of each question and of all."""

    def prepare(self, customers: Sequence[str]) -> float:
        """Makes what readers need before they can ask; answers the seconds."""
        del customers
        return 0.0

    def client_seconds(self) -> float | None:
        """Processor time that the client of the last crowd took for one question, where it is known."""
        return None

    def empty(self) -> float | None:
        """The seconds of a request that asks nothing, where there are requests."""
        return None

    def sustained(self, dataset: Dataset, seconds: float) -> list[dict[str, float]]:
        """Small durable batches from 8 connections; answers what each window saw."""
        del dataset, seconds
        raise Refused("not measured: it takes one writer at a time")

    def read_bytes(self) -> int | None:
        """Bytes that its process has asked the system to read, cached there or not, where that is one process."""
        return None

    def memory(self) -> dict[str, int]:
        """Bytes held by the engine's processes."""
        return machine.held(os.getpid())

    def disk_bytes(self) -> int:
        """Bytes of its files."""
        return machine.used_bytes(self.folder / "data")
