"""Starts a real AUTOMATIC1111 on the CPU with small models, and photographs from words in it: one command.

    python tools/trial_webui.py --webui DIR --python VENV/bin/python [--keep]

DIR is a checkout of AUTOMATIC1111 1.10.1 with sd-webui-controlnet in `extensions/` and its other repositories in
`repositories/`, VENV has what they need. Models, a face for what random weights paint, and this project as an
extension are put in, the web UI is started, the trial is run, and the web UI is ended. Ends with 1 where a row failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from host_trial.course import Course
from host_trial.rows import Table
from host_trial.stage import stage
from host_trial.web import Web
from host_trial.words import take_in, try_words

PATIENCE = 600.0
READY = "Startup time:"
FLAGS = (
    "--skip-torch-cuda-test", "--use-cpu", "all", "--no-half", "--precision", "full", "--skip-version-check",
    "--no-hashing", "--skip-install", "--api",
)  # fmt: skip
OFFLINE = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE",
    "GRADIO_ANALYTICS_ENABLED": "False",
}  # fmt: skip


def main() -> int:
    said = parsed()
    scratch = (said.scratch or said.webui.parent / "trial").absolute()
    scratch.mkdir(parents=True, exist_ok=True)
    staged = stage(said.webui.absolute(), scratch)
    said.log, said.person, said.checkpoint, said.other = scratch / "webui.log", "anna", staged.checkpoint, staged.other
    table = Table()
    with running(said, scratch):
        course = Course(Web(f"http://127.0.0.1:{said.port}"), said, table)
        table.head()
        take_in(course, staged.person)
        try_words(course)
    print(f"\n{table.summary()}")
    return int(table.has_failed)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--webui", type=Path, required=True, help="the checkout")
    parser.add_argument("--python", type=Path, required=True, help="of the web UI's environment")
    parser.add_argument("--scratch", type=Path, help="what the trial writes besides (default: beside the checkout)")
    parser.add_argument("--port", type=int, default=7861)
    parser.add_argument("--keep", action="store_true", help="leave the web UI running")
    return parser.parse_args()


@contextmanager
def running(said: argparse.Namespace, scratch: Path) -> Iterator[None]:
    """The web UI, from the line in its log that says it is ready until the end of the trial."""
    environment = {
        **os.environ, **OFFLINE, "MPLCONFIGDIR": str(scratch), "XDG_DATA_HOME": str(scratch / "data"),
    }  # fmt: skip
    environment.pop("PYTHONPATH", None)
    command = [str(said.python.absolute()), "launch.py", *FLAGS, "--port", str(said.port)]
    with said.log.open("wb") as log:
        process = subprocess.Popen(command, cwd=said.webui, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(process, said.log)
        yield
    finally:
        if not said.keep:
            process.terminate()
            process.wait(60)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while READY not in log.read_text("utf-8", "replace"):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise SystemExit(f"The web UI did not start; see {log}.")
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
