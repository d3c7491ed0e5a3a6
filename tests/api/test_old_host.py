"""The same routes on the packages that web UIs pin: FastAPI 0.94 with pydantic 1.10, and 0.112 with 2.8."""

import subprocess
from pathlib import Path

import pytest

from tests.ui.gradio_envs import VERSIONS, gradio_python

ROOT = Path(__file__).resolve().parents[2]
FILES = ("old_host", "test_answers", "test_elsewhere", "test_idempotency")
"""What FastAPI and pydantic do for us, and what the server around does to us, must be the same everywhere."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_works_on_the_packages_of_a_web_ui(version):
    python = gradio_python(version)

    said = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/api/{name}.py" for name in FILES)],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip

    assert said.returncode == 0, said.stdout[-4000:] + said.stderr[-2000:]
    assert " passed" in said.stdout
