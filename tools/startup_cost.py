"""What EasyPhoto costs a web UI's start: the same web UI is started with and without it, in turns, in one run.

    python tools/startup_cost.py WEBUI --python WEBUI/venv/bin/python --runs 5 -- --skip-torch-cuda-test --use-cpu all

EasyPhoto must lie in WEBUI's extensions; it is switched off by a copy of the web UI's settings. What follows `--` goes
to its launch.py. Wall time is what users wait for; processor time tells the same on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

READY = re.compile(r"Startup time: ([\d.]+)s")
OWN = ("load scripts/easyphoto_webui.py", "app_started_callback/register.py")
"""Records of the host's own clock that are EasyPhoto's; building the tab is in its "create ui"."""
LONGEST = 600.0


@dataclass(frozen=True)
class Start:
    wall: float
    """Seconds, by the web UI's own clock."""
    processor: float | None
    """Seconds of user and system; None where there is no /proc."""
    create_ui: float
    own: dict[str, float]


def main() -> None:
    asked = parsed()
    name = asked.extension
    with tempfile.TemporaryDirectory() as folder:
        files = {True: Path(folder) / "with.json", False: Path(folder) / "without.json"}
        write_settings(asked.webui / "config.json", files, name)
        starts: dict[bool, list[Start]] = {True: [], False: []}
        for number in range(asked.runs):
            # The order turns round, so that neither is always the one after a cold cache.
            for is_with in (True, False) if number % 2 else (False, True):
                start = started(asked, files[is_with], Path(folder) / "log.txt")
                starts[is_with].append(start)
                print(f"run {number + 1} {'with   ' if is_with else 'without'} {words(start)}", flush=True)
    print(summary(starts[True], starts[False]))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("webui", type=Path)
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--extension", default="easyphoto", help="the folder's name below extensions")
    arguments, flags = sys.argv[1:], list[str]()
    if "--" in arguments:
        at = arguments.index("--")
        arguments, flags = arguments[:at], arguments[at + 1 :]
    asked = parser.parse_args(arguments)
    asked.flags = flags
    return asked


def write_settings(source: Path, files: dict[bool, Path], name: str) -> None:
    settings = json.loads(source.read_text("utf-8")) if source.is_file() else {}
    others = [each for each in settings.get("disabled_extensions", []) if each != name]
    for is_with, file in files.items():
        file.write_text(
            json.dumps({**settings, "disabled_extensions": others if is_with else [*others, name]}), "utf-8"
        )


def started(asked: argparse.Namespace, settings: Path, log: Path) -> Start:
    port = free_port()
    command = [str(asked.python.absolute()), "launch.py", "--skip-prepare-environment", "--port", str(port), "--api"]
    command += ["--ui-settings-file", str(settings), *asked.flags]
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=asked.webui, stdout=stream, stderr=subprocess.STDOUT)
        try:
            wall = wait_until_ready(process, log)
            processor = processor_seconds(process.pid)
            return Start(wall, processor, *records(port))
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> float:
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        found = READY.search(log.read_text("utf-8", "replace"))
        if found:
            return float(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"The web UI did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def processor_seconds(pid: int) -> float | None:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


def records(port: int) -> tuple[float, dict[str, float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/internal/profile-startup", timeout=30) as answer:
        found = json.loads(answer.read())["records"]
    return float(found.get("create ui", 0.0)), {name: float(found[name]) for name in OWN if name in found}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def words(start: Start) -> str:
    processor = "" if start.processor is None else f", processor {start.processor:.2f} s"
    own = "".join(f", {name.rpartition('/')[2]} {seconds * 1000:.0f} ms" for name, seconds in start.own.items())
    return f"wall {start.wall:.1f} s{processor}, create ui {start.create_ui:.2f} s{own}"


def summary(with_it: list[Start], without: list[Start]) -> str:
    lines = [compared("wall", [each.wall for each in with_it], [each.wall for each in without])]
    processor = [[each.processor for each in starts if each.processor is not None] for starts in (with_it, without)]
    if all(processor):
        lines.append(compared("processor", *processor))
    lines.append(compared("create ui", [each.create_ui for each in with_it], [each.create_ui for each in without]))
    return "\n".join(lines)


def compared(what: str, with_it: list[float], without: list[float]) -> str:
    more, less = statistics.median(with_it), statistics.median(without)
    return f"{what}: {more:.2f} s with, {less:.2f} s without: {(more - less) * 1000:+.0f} ms, ratio {more / less:.3f}"


if __name__ == "__main__":
    main()
