"""What the standalone page costs the processor: until it answers, and then while nobody does anything.

    python tools/page_cost.py                          this checkout
    python tools/page_cost.py --against ../before      beside another one, in turns, with the ratios of the medians

Each round starts `python -m easyphoto ui` with a workspace of its own and adds up what the server's processes took
until GET / answered; then for some seconds each, as a share of one core, what they take without a page, with one page
open (in a tab on show, and in one that is not), with one in each of ten browsers, and with one that shows a running job
beside as many ended ones as `--jobs` says. Pages need a Chromium; without one those lines are left out. Linux alone,
because of /proc.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from easyphoto.commands.train import TrainPerson
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.queue import JobQueue
from easyphoto.workspace.folders import Workspace
from tests.ui.test_browser import ARGUMENTS, CHROMIUM

HERE = Path(__file__).resolve().parents[1]
ANSWERS, NOBODY = "until it answers, s", "nobody there, %"
SHOWN, UNSEEN, TEN = "one page on show, %", "one page in a hidden tab, %", "ten browsers, %"
SECONDS_TO_SETTLE = 6
"""A page that was just opened still asks for its parts."""
MINUTE = 60_000
UNSEEN_SCRIPT = """Object.defineProperty(document, 'hidden', { get: () => true });
Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });"""


@dataclass
class Costs:
    checkout: Path
    found: dict[str, list[float]] = field(default_factory=dict)

    def add(self, line: str, value: float) -> None:
        self.found.setdefault(line, []).append(value)
        print(f"{self.checkout.name:12} {line:40} {value:6.2f}", flush=True)

    def median(self, line: str) -> float:
        return statistics.median(self.found[line])


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    address: str

    def processor(self) -> float:
        """Return the seconds of user and system that the process and its children took so far."""
        return sum(_seconds(pid) for pid in (self.process.pid, *_children(self.process.pid)))

    def share(self, seconds: float) -> float:
        """Return how much of a core it takes during the next seconds, in per cent."""
        before = self.processor()
        time.sleep(seconds)
        return (self.processor() - before) / seconds * 100


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--against", type=Path, metavar="DIR", help="another checkout, for the same Python")
    reader.add_argument("--runs", type=int, default=3)
    reader.add_argument("--seconds", type=float, default=20, help="how long each idle server is watched")
    reader.add_argument("--jobs", type=int, default=200)
    reader.add_argument("--without-pages", action="store_true")
    said = reader.parse_args()
    sides = [Costs(HERE), *([Costs(said.against.resolve())] if said.against else [])]
    for number in range(said.runs):
        # The order turns round, so that neither is always the one with the warmer files.
        for side in sides if number % 2 else reversed(sides):
            with served(side) as server:
                side.add(NOBODY, server.share(said.seconds))
            if CHROMIUM and not said.without_pages:
                with_pages(side, said.seconds, said.jobs)
    print(table(*sides))


@contextmanager
def served(side: Costs, workspace: Path | None = None) -> Iterator[Server]:
    """A server of that checkout, in a new workspace by default; how long it took is added to the costs."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        words = [sys.executable, "-m", "easyphoto", "ui", "--port", str(port), "--workspace", str(workspace or folder)]
        variables = {**os.environ, "PYTHONPATH": str(side.checkout), "no_proxy": "127.0.0.1"}
        process = subprocess.Popen(
            words, cwd=side.checkout, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        server = Server(process, f"http://127.0.0.1:{port}/")
        try:
            _wait_for(server)
            took = server.processor()
            if workspace is None:
                side.add(ANSWERS, took)
            time.sleep(SECONDS_TO_SETTLE)
            yield server
        finally:
            process.terminate()
            process.wait(60)


def with_pages(side: Costs, seconds: float, jobs: int) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        with served(side) as server:
            for line, count, script in ((SHOWN, 1, ""), (UNSEEN, 1, UNSEEN_SCRIPT), (TEN, 10, "")):
                with opened(browser, server, count, script):
                    side.add(line, server.share(seconds))
        with tempfile.TemporaryDirectory() as folder:
            line = f"a running job beside {jobs} ended, %"
            with going_on(Path(folder), jobs), served(side, Path(folder)) as server, opened(browser, server, 1):
                side.add(line, server.share(seconds))
        browser.close()


@contextmanager
def opened(browser: Any, server: Server, count: int, script: str = "") -> Iterator[None]:
    """Each in a browser of its own: gradio's page holds a connection, of which a browser has six to a server."""
    contexts = [browser.new_context(locale="en-GB") for _ in range(count)]
    for context in contexts:
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.goto(server.address, timeout=MINUTE)
        page.wait_for_selector("#easyphoto_tabs", timeout=MINUTE)
    time.sleep(SECONDS_TO_SETTLE)
    yield
    for context in contexts:
        context.close()
    time.sleep(1)


@contextmanager
def going_on(folder: Path, jobs: int) -> Iterator[None]:
    """In that workspace, ended jobs, and one that this process runs and the server's page shows."""
    queue, over, begun = JobQueue(Workspace(folder)), threading.Event(), threading.Event()

    def waiting(context: JobContext) -> dict[str, Any]:
        begun.set()
        over.wait()
        return {}

    try:
        for number in range(jobs):
            queue.submit(TrainPerson(f"anna{number}", ()), lambda _: {})
        queue.submit(TrainPerson("ben", ()), waiting)
        begun.wait()
        yield
    finally:
        over.set()
        queue.close()


def _wait_for(server: Server) -> None:
    while server.process.poll() is None:
        try:
            urllib.request.urlopen(server.address, timeout=60).read()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("The server did not start; run `python -m easyphoto ui` in that folder to see why.")


def _seconds(pid: int) -> float:
    """User and system, with those of children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(each) for each in fields[11:15]) / float(os.sysconf("SC_CLK_TCK"))


def _children(pid: int) -> list[int]:
    try:
        direct = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*direct, *(below for each in direct for below in _children(each))]


def table(ours: Costs, theirs: Costs | None = None) -> str:
    if theirs is None:
        return "\n".join(f"{line:40} {ours.median(line):8.2f}" for line in ours.found)
    lines = [f"{'':40} {'before':>8} {'now':>8} {'ratio':>6}"]
    for line in ours.found:
        before, now = theirs.median(line), ours.median(line)
        lines.append(f"{line:40} {before:8.2f} {now:8.2f} {now / before if before else float('nan'):6.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
