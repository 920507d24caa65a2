"""The machine: what it is, what it has left, and what processes hold."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
from pathlib import Path

DROP = Path("/proc/sys/vm/drop_caches")


def facts() -> dict[str, str]:
    """What a reader needs to judge the figures."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "processor": f"{len(os.sched_getaffinity(0))} × {model}",
        "memory": f"{memory_bytes() / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "page cache": "dropped before cold runs" if can_drop() else "not dropped: this needs root",
    }


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def can_drop() -> bool:
    """Whether this process may empty the page cache."""
    return os.access(DROP, os.W_OK)


def drop_page_cache() -> bool:
    """Empties the page cache where that is allowed."""
    os.sync()
    if not can_drop():
        return False
    DROP.write_text("3\n")
    return True


def free_bytes(folder: Path) -> int:
    """Room on the folder's file system."""
    return shutil.disk_usage(folder).free


def used_bytes(folder: Path) -> int:
    """Bytes that the files below a folder hold on the disk."""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
            except FileNotFoundError:
                continue  # a file that its server has just removed
    return total


def held(process: int) -> dict[str, int]:
    """Bytes that a process and its children hold: resident, and in proportion where shared."""
    total = {"rss": 0, "pss": 0}
    for member in [process, *_children(process)]:
        try:
            text = Path(f"/proc/{member}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        for line in text.splitlines():
            name, _, rest = line.partition(":")
            if name.lower() in total:
                total[name.lower()] += int(rest.split()[0]) * 1024
    return total


def _children(process: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        for child in path.read_text().split():
            found += [int(child), *_children(int(child))]
    return found


def commit(root: Path) -> str:
    """The checkout's commit, marked when files differ from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/RESULTS.md")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + (" with changes" if changed else "")


def read_bytes(process: int) -> int:
    """Bytes that a process has asked the system to read, be they on a disk or in its cache."""
    lines = Path(f"/proc/{process}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def free_port() -> int:
    """A port of loopback on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
