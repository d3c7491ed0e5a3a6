"""install.py, as the web UI's launcher runs it: it looks, says, and changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "install.py"
LAUNCH = """
import pathlib
def run_pip(*words, **more):
    pathlib.Path({sign!r}).write_text(repr(words))
def is_installed(name):
    return False
"""


def run_script(webui: Path, *, before: str = "") -> subprocess.CompletedProcess[str]:
    """In a process of its own with the web UI's folder as working folder and in the path, as the launcher does."""
    code = f"import runpy\n{before}\nrunpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=webui,
        env={"PYTHONPATH": str(webui)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def webui(tmp_path: Path) -> Path:
    """A web UI whose launcher notes any installation, and holds nothing to be installed."""
    (tmp_path / "launch.py").write_text(LAUNCH.format(sign=str(tmp_path / "installed")))
    return tmp_path


def test_where_all_is_there_nothing_is_said_and_nothing_is_installed(webui: Path):
    done = run_script(webui)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (webui / "installed").exists()


def test_what_is_missing_is_named_and_not_installed(webui: Path):
    hidden = (
        "import importlib.util as u\nf = u.find_spec\nu.find_spec = lambda name: None if name == 'cv2' else f(name)"
    )

    done = run_script(webui, before=hidden)

    assert done.returncode == 0
    assert done.stdout.startswith("EasyPhoto: missing in the web UI's Python: opencv-python.")
    assert not (webui / "installed").exists()


def test_a_look_that_fails_never_reaches_the_launcher(webui: Path):
    broken = "import importlib.util as u\ndef fail(name): raise ValueError('odd')\nu.find_spec = fail"

    done = run_script(webui, before=broken)

    assert (done.returncode, done.stderr) == (0, "")
    assert "ValueError: odd" in done.stdout


def test_an_old_python_is_told_so(webui: Path):
    done = run_script(webui, before="import sys\nsys.version_info = (3, 9, 1)")

    assert done.returncode == 0
    assert done.stdout.startswith("EasyPhoto: Python 3.9 is older than EasyPhoto can run on (3.10).")


def test_it_imports_nothing_heavy(webui: Path):
    at_end = "import atexit, sys\natexit.register(lambda: print(sorted({'torch', 'cv2', 'numpy'} & set(sys.modules))))"

    assert run_script(webui, before=at_end).stdout == "[]\n"
