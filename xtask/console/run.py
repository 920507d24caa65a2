"""The console in a real browser: every journey, in the order of its file's name.

A journey is a function `test_…` of a file in `journeys`, called with the `Stage`. All of them
share one server, which is empty when the first begins. An argument runs those alone whose name
contains it, after the first file, which sets the server up."""

import importlib.util
import sys
import time
import traceback
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from covered import missing  # noqa: E402
from stage import Stage  # noqa: E402


def journeys(wanted):
    files = sorted((HERE / "journeys").glob("*.py"))
    for number, file in enumerate(files):
        spec = importlib.util.spec_from_file_location(file.stem, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in vars(module).items():
            if name.startswith("test_") and (number == 0 or wanted in f"{file.stem}.{name}"):
                yield f"{file.stem}.{name}", function


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed, ran = [], 0
    with sync_playwright() as playwright:
        stage = Stage(playwright)
        for name, journey in journeys(wanted):
            began = time.monotonic()
            ran += 1
            try:
                journey(stage)
                stage.end_of_journey()
            except Exception:
                failed.append(name)
                traceback.print_exc()
                stage.tell_of_failure(name)
            taken = time.monotonic() - began
            print(f"{'failed' if name in failed else 'passed'} {name} in {taken:.1f} s", flush=True)
        stage.close()
    if failed:
        sys.exit(f"{len(failed)} journeys failed: {', '.join(failed)}")
    if ran < 10 and not wanted:
        sys.exit(f"only {ran} journeys were found")
    never = [] if wanted else missing(stage.looked)
    if never:
        sys.exit("nobody looked at " + "; ".join(never))
    print(f"the pictures are in {stage.pictures}")


main()
