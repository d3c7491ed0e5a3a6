"""Killed at a file operation of a verb, a person is as before or as after at the next start, and nothing is left over.

`python tools/kill_trial.py` kills at every operation; here it is a sample, another one with another KILL_SEED.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VERBS = [
    "add",
    "import",
    "install",
    "install-again",
    "rename",
    "rename-id",
    "delete",
    "export",
    "template-add",
    "debris",
]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a killed process is a fork")
def test_a_process_killed_at_any_file_operation_loses_nobody_and_leaves_nothing(tmp_path):
    tried = subprocess.run(
        [sys.executable, "tools/kill_trial.py", *VERBS, "--sample", "6", "--seed", os.environ.get("KILL_SEED", "10")],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip

    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert all(f"| {verb} |" in tried.stdout for verb in VERBS)
