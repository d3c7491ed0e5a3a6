"""Asks the whole API what its document allows and forbids, with every check of Schemathesis, with and without accounts.

    python tools/schema_trial.py --examples 100
    python tools/schema_trial.py --examples 20 --seed 7 -- --include-tag jobs     # what follows goes to `st run`

A real server answers, in a workspace where somebody lived. The verbs run with the stand-ins of the tests, and jobs are
taken and not done: here the door is asked, not the work. Prints what Schemathesis found, and ends with 1 where it found
anything.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import uvicorn
from trials.schema_hooks import ARCHIVE
from trials.workshop import Prepared, open_app, prepare, take_stand_ins

from easyphoto.api.closing import ClosesInTime
from easyphoto.cli.server import build_app, open_port
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace

ACCOUNT = ("anna", "secret")
# A text that has to be a picture, a person or a checkpoint is refused with 422 although a schema cannot say so.
SETTINGS = """\
seed = {seed}
request-timeout = 60.0
[generation]
# Unknown query parameters are ignored, as they usually are; the account is sent with every request that is to have one.
allow-extra-parameters = false
with-security-parameters = false
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 503]
[checks.negative_data_rejection]
expected-statuses = [401, 403, 404, 405, 409, 413, 415, 422]
[checks.missing_required_header]
expected-statuses = [401, 404, 415, 422]
# Without `forget` it cancels, and the job stays.
[[operations]]
include-tag = "jobs"
checks.use_after_free.enabled = false
# Clients of 2023 may send numbers as texts, and always could.
[[operations]]
include-tag = "legacy"
checks.negative_data_rejection.enabled = false
"""
HOOKS = "trials.schema_hooks"


class IdleQueue(JobQueue):
    """Takes jobs and does nothing with them: one would install a trainer, another download weights."""

    def submit(self, command: Any, work: Any, **kept: Any) -> Job:
        return super().submit(command, idle, **kept)


def idle(context: JobContext) -> Mapping[str, Any]:
    return {}


@contextmanager
def served(root: Path, accounts: Mapping[str, str] | None) -> Iterator[int]:
    """The port of a server for that workspace."""
    service = Service(open_app(root), IdleQueue(Workspace(root)))
    app = build_app(service, accounts, tabs=False)
    server = uvicorn.Server(uvicorn.Config(ClosesInTime(app, lambda: server.should_exit), log_level="error"))
    with open_port("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
            service.queue.close()


def tried(
    made: Prepared, place: Path, examples: int, seed: int, accounts: Mapping[str, str] | None, rest: Sequence[str]
) -> int:
    """Ask everything of a workspace of its own; returns what `st run` ends with."""
    root, settings = place / "workspace", place / "schemathesis.toml"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(made.root, root)
    settings.write_text(SETTINGS.format(seed=seed), "utf-8")
    program = [shutil.which("st", path=str(Path(sys.executable).parent)) or "st", "--config-file", str(settings)]
    account = ["--auth", ":".join(ACCOUNT)] if accounts else []
    with served(root, accounts) as port:
        document = f"http://127.0.0.1:{port}/easyphoto/v1/openapi.json"
        asked = [*program, "run", document, "--max-examples", str(examples), *account, *rest]
        print(" ".join(asked), flush=True)
        around = {
            "SCHEMATHESIS_HOOKS": HOOKS,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        return subprocess.run(
            asked, cwd=place, check=False, env={**os.environ, **around, ARCHIVE: str(made.archive)}
        ).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="of each operation and kind of data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("rest", nargs="*", help="options of `st run`, after --")
    asked = parser.parse_args()
    ended = []
    with tempfile.TemporaryDirectory(prefix="schema-trial-") as folder:
        place = Path(folder)
        take_stand_ins(place / "base")
        made = prepare(place)
        for accounts in (None, dict([ACCOUNT])):
            print(f"\n{'With' if accounts else 'Without'} accounts", flush=True)
            ended.append(tried(made, place, asked.examples, asked.seed, accounts, asked.rest))
    return int(any(ended))


if __name__ == "__main__":
    sys.exit(main())
