"""The doors on the packages that web UIs pin: gradio 3.41 with FastAPI 0.94, and 4.40 with 0.112."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.ui.gradio_envs import VERSIONS, gradio_python

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_doors_are_shut_on_the_packages_of_a_web_ui(version):
    python = gradio_python(version)
    # pydantic 1 has a plug-in for hypothesis, which fails at the hypothesis of today.
    environment = {**os.environ, "HYPOTHESIS_NO_PLUGINS": "1"}

    said = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/webui/test_doors.py"],
        capture_output=True, text=True, cwd=ROOT, env=environment, check=False,
    )  # fmt: skip

    assert said.returncode == 0, said.stdout[-4000:] + said.stderr[-2000:]
    assert " passed" in said.stdout
