"""The process `tidegate serve`, and the client commands that it is loaded with."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

# A question over all rows may take more than the default; the cache is as large as PostgreSQL's.
OPTIONS = ("--query-memory-bytes", "4GiB", "--query-deadline", "5m", "--cache-bytes", "4GiB")
LISTENS = "listens on http://"


class Server:
    """A server on files of its own."""

    def __init__(self, folder: Path, binary: Path, options: list[str]) -> None:
        self.folder, self.binary = folder, binary
        self.options = [*OPTIONS, *options]
        self.address = ("", 0)
        self.token = ""
        self.process: subprocess.Popen[bytes] | None = None
        # A setting of whoever runs this must not change what is measured.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}

    def start(self) -> None:
        """Starts it and waits until it listens: the journal is then read back."""
        token_file = self.folder / "token"
        log = self.folder / "server.log"
        arguments = [str(self.binary), "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        arguments += ["--data-dir", str(self.folder / "data"), "--admin-token-file", str(token_file)]
        # What it reads and holds is looked up in /proc, which another user's process keeps to itself.
        arguments += ["--core-dumps", "on"]
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [*arguments, *self.options],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        found = None
        while found is None:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
            found = next((line for line in log.read_text().splitlines() if LISTENS in line), None)
        host, port = found.split(LISTENS, 1)[1].split(";")[0].strip().rsplit(":", 1)
        self.address = (host, int(port))
        self.token = token_file.read_text().strip()

    def stop(self) -> None:
        """Stops it as an operator does."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=300)
            self.process = None

    def process_id(self) -> int:
        """The id of its process."""
        assert self.process is not None
        return self.process.pid

    def version(self) -> str:
        """What the binary says of itself."""
        done = subprocess.run([str(self.binary), "--version"], capture_output=True, text=True, check=True)
        return done.stdout.strip().removeprefix("tidegate ")

    def import_file(self, file: Path, pool: str) -> float:
        """Imports a file; answers the seconds."""
        begun = time.perf_counter()
        self._client("import", "--pool", pool, "--format", "ndjson", str(file))
        return time.perf_counter() - begun

    def settle(self) -> dict[str, float]:
        """Flushes what is in the journal alone, then compacts; answers the seconds of both.

        The server is stopped for it, and listens somewhere else afterwards.
        """
        self.stop()
        seconds = {}
        for step, flag in {"flush the rest": ["--flush-only"], "compact": []}.items():
            begun = time.perf_counter()
            self._run("compact", *flag, "--data-dir", str(self.folder / "data"))
            seconds[step] = time.perf_counter() - begun
        self.start()
        return seconds

    def _client(self, *arguments: str) -> None:
        host, port = self.address
        self._run(*arguments, "--url", f"http://{host}:{port}", "--token-file", str(self.folder / "token"))

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.binary), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"tidegate {arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
