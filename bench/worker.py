"""An engine in a process of its own, so that its memory is its own."""

from __future__ import annotations

import multiprocessing
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import engines
from engines.base import Refused

_spawn = multiprocessing.get_context("spawn")


class Failed(Exception):
    """An engine's process failed; the text is its trace."""


class Remote:
    """Calls the engine in the other process."""

    def __init__(self, name: str, folder: Path, settings: dict[str, Any]) -> None:
        self.name, self.folder, self.settings = name, folder, settings
        self._begin()

    def _begin(self) -> None:
        self._pipe, other = _spawn.Pipe()
        arguments = (other, self.name, self.folder, self.settings)
        self._process = _spawn.Process(target=_serve, args=arguments, daemon=False)
        self._process.start()
        other.close()

    def call(self, method: str, *arguments: Any) -> Any:
        """Calls a method of the engine and answers what it returned."""
        self._pipe.send((method, arguments))
        try:
            outcome, value = self._pipe.recv()
        except EOFError:
            self._process.join()
            text = f"the process of {self.name} ended with code {self._process.exitcode}"
            raise Failed(text) from None
        match outcome:
            case "value":
                return value
            case "refused":
                raise Refused(value)
            case _:
                raise Failed(f"{self.name}: {value}")

    def restart(self) -> None:
        """Ends the process and opens the engine in a new one."""
        self.close()
        self._begin()
        self.call("start")

    def close(self) -> None:
        """Ends engine and process."""
        if self._process.is_alive():
            try:
                self.call("stop")
                self._pipe.send(None)
            except (Failed, BrokenPipeError):
                pass
            self._process.join(timeout=120)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, name: str, folder: Path, settings: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    engine = engines.engine(name, folder, settings)
    try:
        while True:
            order = pipe.recv()
            if order is None:
                return
            method, arguments = order
            try:
                pipe.send(("value", getattr(engine, method)(*arguments)))
            except Refused as refusal:
                pipe.send(("refused", str(refusal)))
            except Exception:
                pipe.send(("failed", traceback.format_exc()))
    except (EOFError, KeyboardInterrupt):
        engine.stop()  # who asked is gone
