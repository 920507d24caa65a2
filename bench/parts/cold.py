"""Random customers, each asked once, after a restart and with an empty page cache."""

from __future__ import annotations

from random import Random
from typing import Any

import engines
import machine
from engines.base import Refused
from questions import QUESTIONS
from session import Session
from stats import summary


def shares(customers: list[str], random: Random) -> dict[str, list[str]]:
    """Who is asked which question: each customer one, each question by as many, in random order."""
    dealt = random.sample(customers, len(customers))
    return {question: dealt[number :: len(QUESTIONS)] for number, question in enumerate(QUESTIONS)}


def run(session: Session) -> dict[str, Any]:
    """For each question and engine: restart, empty the cache, ask for its share of the customers.

    Each customer is asked one question, so nobody's rows were read before, by no question either.
    """
    dataset = session.dataset()
    random = Random(2)
    everyone = dataset.customers()
    customers = random.sample(everyone, min(session.cold, len(everyone)))
    prepared = {}
    for name in session.engines:
        session.told(f"cold: {engines.TITLES[name]}: making ready for {len(customers):,} readers")
        prepared[name] = session.remote(name).call("prepare", customers)
    cells, dropped = [], True
    for question, order in shares(customers, random).items():
        for name in random.sample(session.engines, len(session.engines)):
            session.told(f"cold: {engines.TITLES[name]}: {question}")
            remote = session.remote(name)
            remote.restart()
            dropped = machine.drop_page_cache() and dropped
            cell: dict[str, Any] = {"engine": name, "question": question}
            try:
                times = [remote.call("ask", question, customer) for customer in order]
            except Refused as refusal:
                cells.append({**cell, "refused": str(refusal)})
                continue
            first = summary(times[:100])
            cells.append({**cell, **summary(times), "first": first["p50"]})
    return {"customers": len(customers), "cells": cells, "dropped": dropped, "prepared": prepared}
