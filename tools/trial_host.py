"""Goes through a running web UI that has EasyPhoto in it, as a client does, and prints a table of what it saw.

Photos are checked, a person is trained in a few steps, the host applies the LoRA, portraits are made through
EasyPhoto's API, the always-on script and the routes of 2023; jobs are cancelled, and bad requests are refused. What
cannot be tried is said as such, and does not count as passed. Ends with 1 where something failed. Any Python with
Pillow runs it:

    python tools/trial_host.py http://127.0.0.1:7860 --photos DIR --template FILE --checkpoint NAME
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from host_trial.course import Course
from host_trial.learning import try_learning, try_lora
from host_trial.legacy import try_legacy
from host_trial.portraits import try_always_on, try_persons, try_photograph
from host_trial.refusals import try_refusals
from host_trial.rows import Table, expect
from host_trial.stopping import try_stopping
from host_trial.web import API, Web

PARTS = ("train", "photograph", "always-on", "cancel", "refusals", "2023")


def main() -> int:
    said = parsed()
    table = Table()
    course = Course(Web(said.address.rstrip("/"), said.auth), said, table)
    table.head()
    if "train" in said.parts:
        try_lora(course, try_learning(course))
        try_persons(course)
    if "photograph" in said.parts:
        try_photograph(course)
    if "always-on" in said.parts:
        try_always_on(course)
    if "cancel" in said.parts:
        try_stopping(course)
    if "refusals" in said.parts:
        try_refusals(course)
    if "2023" in said.parts:
        try_legacy(course)
    if not said.keep:
        try_deleting(course)
    print(f"\n{table.summary()}")
    return int(table.has_failed)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of the web UI, which must have been started with --api")
    parser.add_argument("--photos", type=Path, required=True, help="a folder with photos of one person")
    parser.add_argument("--template", type=Path, required=True, help="a picture with one face")
    parser.add_argument("--checkpoint", required=True, help="as the web UI names it")
    parser.add_argument("--steps", type=int, default=20, help="of the training")
    parser.add_argument("--person", default="trial", help="who is trained, and deleted at the end")
    parser.add_argument("--keep", action="store_true", help="leave the person there")
    parser.add_argument("--auth", help="user:password of the web UI's --api-auth")
    parser.add_argument("--log", type=Path, help="the web UI's log, to count the controls at work")
    parser.add_argument("--lora-folder", type=Path, help="the web UI's, to look into the LoRA")
    parser.add_argument("--host-folder", type=Path, help="the web UI's, to see that nothing is written there")
    parser.add_argument("--workspace", type=Path, help="EasyPhoto's, which is left out of that")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    return parser.parse_args()


def try_deleting(course: Course) -> None:
    with course.table.row("persons", "deleted, and the LoRA is gone from the host") as seen:
        before = {each["name"] for each in course.web.get("/sdapi/v1/loras").json}
        answer = course.web.delete(f"{API}/persons/{course.person}")
        expect(answer.status == 200, f"DELETE answered {answer.status}: {answer.words}")
        after = {each["name"] for each in course.web.get("/sdapi/v1/loras").json}
        seen.append(
            f"{len(answer.json['deleted'])} paths; from the host: {', '.join(sorted(before - after)) or 'none'}"
        )
        expect(before - after, "the host still lists the LoRA")


if __name__ == "__main__":
    sys.exit(main())
