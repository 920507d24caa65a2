"""Sixteen clients that ask for random customers at once."""

from __future__ import annotations

from random import Random
from typing import Any

import engines
from engines.base import CLIENTS
from session import Session
from stats import summary

ASKED = ("count", "daily", "latest")


def run(session: Session) -> dict[str, Any]:
    """Each engine alone, while the others are idle."""
    random = Random(3)
    everyone = session.dataset().customers()
    customers = random.sample(everyone, min(session.cold, len(everyone)))
    for name in session.engines:
        session.told(f"concurrency: {engines.TITLES[name]}: making ready for {len(customers):,} readers")
        session.remote(name).call("prepare", customers)
    cells = []
    for question in ASKED:
        for name in random.sample(session.engines, len(session.engines)):
            session.told(f"concurrency: {engines.TITLES[name]}: {question}")
            cells.append(crowd(session, name, question, customers))
    if "tidegate" in session.engines:
        cells.append(crowd(session, "tidegate", "empty", customers))
    memory = {name: session.remote(name).call("memory") for name in session.engines}
    return {"clients": CLIENTS, "customers": len(customers), "cells": cells, "memory": memory}


def crowd(session: Session, name: str, question: str, customers: list[str]) -> dict[str, Any]:
    """One engine and one question for the set time, after a short time to warm up."""
    remote = session.remote(name)
    if question != "empty":
        remote.call("crowd", question, customers, min(2.0, session.seconds))
    times, taken = remote.call("crowd", question, customers, session.seconds)
    rate = len(times) / taken
    client = remote.call("client_seconds")
    return {"engine": name, "question": question, "per_second": rate, "client": client, **summary(times)}
