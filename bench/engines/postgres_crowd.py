"""Many clients of PostgreSQL: its own pgbench, which costs less than Python would."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from engines.base import CLIENTS


def run(home: Path, port: int, statement: str, customers: int, seconds: float) -> tuple[list[float], float]:
    """Asks for random customers; answers the seconds of each transaction and of all.

    A transaction names the customer and asks, as a pooled connection does: two statements.
    """
    script = (
        f"\\set n random(0, {customers - 1})\n"
        "SELECT set_config('app.customer', (SELECT id FROM customers WHERE n = :n), false);\n"
        f"{statement};\n"
    )
    with tempfile.TemporaryDirectory(prefix="tgpg") as place:
        folder = Path(place)
        (folder / "ask.sql").write_text(script)
        arguments = [
            str(home / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=2",
            f"--time={max(1, round(seconds))}", "--file=ask.sql", "--log", "--random-seed=1",
            "--host=127.0.0.1", f"--port={port}", "--username=reader", "postgres",
        ]  # fmt: skip
        done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"pgbench failed: {done.stderr.strip()[-2000:]}")
        times: list[float] = []
        for log in folder.glob("pgbench_log.*"):
            times += [int(line.split()[2]) / 1e6 for line in log.read_text().splitlines()]
    return times, float(max(1, round(seconds)))
