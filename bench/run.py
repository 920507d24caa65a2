"""Tidegate beside PostgreSQL, DuckDB and chDB, in one run.

`cargo xtask bench peers` builds the server, installs the packages and runs this.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import engines
import report
from parts import PARTS
from session import ROOT, Session


def main() -> int:
    """Runs the parts that are asked for; answers the exit code."""
    options = arguments()
    given = options.work is not None
    work = options.work or Path(tempfile.mkdtemp(prefix="tidegate-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    work = work.resolve()
    # The server of PostgreSQL runs as another user.
    work.chmod(0o755)
    session = Session(
        events=options.events,
        rounds=options.rounds,
        engines=options.engines,
        work=work,
        settings={"tidegate": str(options.tidegate.resolve()), "serve_options": options.serve},
        cold=options.cold or min(10_000, max(500, options.events // 2_000)),
        seconds=options.seconds or (10.0 if options.events >= 1_000_000 else 2.0),
        sustained_seconds=options.sustained_seconds or min(600.0, max(20.0, options.events / 33_000)),
        growth=options.growth or [options.events // 20, options.events * 5 // 10, options.events * 5],
        patience=options.patience,
    )
    try:
        failed = run(session, options.only, options.out)
    finally:
        session.close()
        if not given:
            shutil.rmtree(work, ignore_errors=True)
    for part in failed:
        print(f"bench: the part {part} failed; its trace is above", file=sys.stderr)
    return 1 if failed else 0


def run(session: Session, only: list[str], out: Path) -> list[str]:
    """Runs parts and writes the report after each; answers the parts that failed."""
    if set(only) & {"load", "warm", "cold", "concurrency"}:
        fresh = [name for name in session.engines if not (session.work / name / "loaded.json").exists()]
        missing = session.need_room(fresh, session.events, True) if fresh else None
        if missing is not None:
            raise SystemExit(f"bench: {missing} in {session.work}: give --work DIR on a larger disk or fewer --events")
    failed = []
    for part in only:
        session.told(f"part {part}")
        try:
            session.keep(part, PARTS[part](session))
        except Exception:
            traceback.print_exc()
            failed.append(part)
            session.close()
        else:
            # A report of nothing does not take the place of one.
            out.write_text(report.text(session.kept()))
            session.told(f"written: {out}")
    return failed


def arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="cargo xtask bench peers", description=__doc__)
    option = parser.add_argument
    option("--tidegate", type=Path, required=True, metavar="BINARY", help="the server (xtask gives it)")
    option("--events", type=count, default=20_000_000, metavar="N", help="events of the parts but growth [20 million]")
    option("--rounds", type=count, default=30, metavar="N", help="interleaved rounds [30]")
    option(
        "--engines",
        type=chosen(engines.NAMES),
        default=list(engines.NAMES),
        metavar="A,B",
        help=",".join(engines.NAMES),
    )
    option("--only", type=chosen(tuple(PARTS)), default=list(PARTS), metavar="A,B", help=",".join(PARTS))
    option(
        "--out", type=Path, default=ROOT / "bench" / "RESULTS.md", metavar="FILE", help="the report [bench/RESULTS.md]"
    )
    option("--work", type=Path, metavar="DIR", help="large files, kept for the next run [a temporary folder, removed]")
    option("--cold", type=count, metavar="N", help="random customers asked once [10,000; fewer with few --events]")
    option("--seconds", type=float, metavar="S", help="of each measurement with 16 clients [10; 2 with few]")
    option("--sustained-seconds", type=float, metavar="S", help="of the stream of small batches [600; 20 with few]")
    option("--growth", type=sizes, metavar="N,N", help="sizes of the pool [1/20, 1/2 and 5 times --events]")
    option(
        "--patience", type=float, default=120.0, metavar="S", help="seconds of one question before its rounds end [120]"
    )
    option(
        "--serve",
        action="append",
        default=[],
        metavar="ARG",
        help="argument of `tidegate serve`, as --serve=--buffer-bytes=8GiB",
    )
    return parser.parse_args()


def count(text: str) -> int:
    """A number of at least 1; underscores are allowed."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def sizes(text: str) -> list[int]:
    """Numbers of events, enough for the probe customers."""
    found = [count(part) for part in text.split(",")]
    if min(found) < 10_000:
        raise argparse.ArgumentTypeError("at least 10000 events")
    return found


def chosen(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    """A reader of a list of names, which answers them in the order of `names`."""

    def read(text: str) -> list[str]:
        wanted = text.split(",")
        for name in wanted:
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(names)}")
        return [name for name in names if name in wanted]

    return read


if __name__ == "__main__":
    sys.exit(main())
