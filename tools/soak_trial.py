"""Has one server make many photographs, and measures whether memory, descriptors and threads stay flat.

    python tools/soak_trial.py --jobs 200

It is the real server (without the tabs), its queue and the real pipeline, in a process of its own; a client asks for
one photograph after another over HTTP, follows its events, fetches the pictures, and now and then looks at the lists.
The backend and the face engine are the tests' stand-ins on pictures of 200 pixels, because the miniature takes half a
minute for each: what networks hold is not measured here, what the server, the queue and the pipeline keep is. Ends
with 1 where memory grew by more than --most MiB between the job after which it is first measured and the last, or
descriptors or threads grew at all.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kill_server import Course, begin
from trials.clients import QUICK, Web

MIB = 1 << 20


@dataclass(frozen=True)
class Measure:
    jobs: int
    memory: int
    """Bytes that are resident and the process's own."""
    descriptors: int
    threads: int
    seconds: float

    def row(self) -> str:
        return f"| {self.jobs} | {self.memory / MIB:.1f} | {self.descriptors} | {self.threads} | {self.seconds:.0f} |"


def measured(pid: int, jobs: int, began: float) -> Measure:
    """After a moment in which everything that ends has ended."""
    time.sleep(2.0)
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    pages = [int(part) for part in Path(f"/proc/{pid}/statm").read_text().split()]
    memory = (pages[1] - pages[2]) * os.sysconf("SC_PAGE_SIZE")
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    return Measure(jobs, memory, descriptors, int(status["Threads"]), time.monotonic() - began)


def photographed(web: Web, number: int) -> None:
    """One job from the question to its pictures."""
    person = {"persons": ["anna" if number % 2 else "ben"], "settings": {**QUICK, "seed": number}}
    answer = web.ask("POST", "/photograph", {**person, "templates": [{"template": "own-beach"}]})
    if answer.status != 202:
        raise SystemExit(f"A photograph was refused: {answer.status} {answer.text}")
    id = answer.json()["id"]
    # Ends when the job is over.
    web.ask("GET", f"/jobs/{id}/events")
    job = web.ask("GET", f"/jobs/{id}").json()
    if job["state"] != "done":
        raise SystemExit(f"A photograph ended {job['state']}: {job['error']}")
    for name in job["files"]:
        web.ask("GET", f"/jobs/{id}/files/{name}")
    if number % 10 == 0:
        for path in ("/jobs", "/persons", "/templates", "/persons/ben/export"):
            web.ask("GET", path)


def soaked(course: Course, asked: argparse.Namespace) -> list[Measure]:
    child, web = course.started()
    began, measures = time.monotonic(), []
    try:
        for number in range(1, asked.jobs + 1):
            photographed(web, number)
            if number % asked.every == 0 or number == asked.jobs:
                measures.append(measured(child, number, began))
                print(measures[-1].row(), flush=True)
    finally:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return measures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--every", type=int, default=20, help="jobs between two measures; the first one is the base")
    parser.add_argument("--most", type=float, default=32.0, help="MiB that memory may grow")
    asked = parser.parse_args()
    print("| jobs | own memory, MiB | descriptors | threads | s |\n|--:|--:|--:|--:|--:|", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-trial-") as folder:
        measures = soaked(begin(Path(folder), persons=0), asked)
    first, last = measures[0], measures[-1]
    growth = (last.memory - first.memory) / MIB
    is_flat = growth <= asked.most and last.descriptors <= first.descriptors and last.threads <= first.threads
    said = f"memory {growth:+.1f} MiB, descriptors {last.descriptors - first.descriptors:+d}, "
    said += f"threads {last.threads - first.threads:+d} from job {first.jobs} to job {last.jobs}"
    print(f"\n{'Flat' if is_flat else 'NOT FLAT'}: {said}.")
    return int(not is_flat)


if __name__ == "__main__":
    sys.exit(main())
