"""The environment that trains: what is lent to it, when it is whole, and what is left of the host."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from easyphoto.devices import BY_BUS, BY_SPEED, ORDER, Device, DeviceGroup
from easyphoto.errors import DiskFailure, TrainerMissing
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.training import environment, job
from easyphoto.training.commands import CommandFailed, foreign_environment, run_command
from easyphoto.training.environment import make_environment, python_of, ready_python
from easyphoto.training.host_torch import host_torch
from easyphoto.training.job import worker_environment
from easyphoto.training.lent_torch import LentPackages
from easyphoto.training.proof import conflicts, locked
from easyphoto.training.run import RunFolder
from tests.fakes import RecordingProgress

FETCHED = {"diffusers": "0.31.0", "transformers": "4.46.1", "peft": "0.13.2"}


def lay(folder: Path, name: str, version: str, *requires: str, body: str = "") -> None:
    """An installed package, as pip leaves it: the module, and the record beside it."""
    module, record = folder / name / "__init__.py", folder / f"{name}-{version}.dist-info"
    module.parent.mkdir(parents=True)
    record.mkdir()
    module.write_text(body or f"VERSION = {version!r}\n")
    needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
    (record / "RECORD").write_text(f"{name}/__init__.py,,\n{record.name}/METADATA,,\n../../bin/{name},,\n")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A web UI's packages: torch, what it requires, and what must stay out of sight."""
    folder = tmp_path / "host" / "site-packages"
    lay(folder, "torch", "2.1.2", "sympy", 'absent ; platform_system == "Elsewhere"', 'numpy ; extra == "all"')
    lay(folder, "sympy", "1.12")
    lay(folder, "numpy", "1.26.2")
    lay(folder, "xformers", "0.0.23", "torch")
    return folder


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder of wheels with one package, in the place of an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "small_package-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small_package/__init__.py", "VERSION = '1.0'\n")
        record = "small_package-1.0.dist-info"
        wheel.writestr(f"{record}/METADATA", "Metadata-Version: 2.1\nName: small_package\nVersion: 1.0\n")
        wheel.writestr(f"{record}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{record}/RECORD", "")
    return folder


@pytest.fixture
def small_lock(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One package instead of thirty, from the folder of wheels and nowhere else."""
    lock = tmp_path / "lock.txt"
    lock.write_text("small_package==1.0\n")
    monkeypatch.setattr(environment, "LOCK", lock)
    monkeypatch.setattr(environment, "PROOF", "tests.training.small_proof")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return lock


@pytest.fixture
def here(host: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The fake host's packages stand where this Python looks first."""
    monkeypatch.syspath_prepend(str(host))
    return host


def whole(env: Path) -> Path:
    """An environment in name only: a Python and a stamp that says it fits."""
    python = python_of(env)
    python.parent.mkdir(parents=True)
    python.write_text("")
    write_stamp(env)
    return python


def write_stamp(env: Path, **changes: str) -> None:
    record = {"format": 1, **environment._belongs_to(), "versions": {}, **changes}
    (env / environment.STAMP).write_text(json.dumps(record))


def fingerprint(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_lock_pins_everything_and_never_names_torch():
    lines = [line for line in environment.LOCK.read_text("utf-8").splitlines() if not line.startswith("#")]

    assert all("==" in line for line in lines)
    names = {line.partition("==")[0] for line in lines}
    assert not [name for name in names if name.startswith(("torch", "nvidia", "triton", "xformers", "pytorch"))]
    assert {f"{name}=={version}" for name, version in FETCHED.items()} <= set(lines)
    assert set(locked()) == names


def test_torch_is_lent_with_what_it_requires_and_nothing_else(host: Path):
    lent = host_torch([host])

    assert (lent.version, lent.folder) == ("2.1.2", host)
    assert set(lent.modules) == {"torch", "sympy", "easyphoto"}
    assert set(lent.distributions) == {"torch", "sympy"}


def test_a_python_without_torch_or_with_an_old_one_cannot_lend_it(tmp_path: Path):
    lay(tmp_path / "old", "torch", "1.13.1+cu117")

    with pytest.raises(TrainerMissing, match="no torch"):
        host_torch([tmp_path])
    with pytest.raises(TrainerMissing, match=r"torch 1\.13\.1\+cu117.*needs 2\.1"):
        host_torch([tmp_path / "old"])


def test_the_finder_finds_modules_and_versions_of_what_is_lent(host: Path):
    lent = host_torch([host])
    finder = LentPackages(lent.modules, lent.distributions)
    asked = importlib.metadata.DistributionFinder.Context

    spec = finder.find_spec("torch", None)
    assert spec is not None
    assert spec.origin == str(host / "torch" / "__init__.py")
    assert finder.find_spec("xformers", None) is None
    assert [found.version for found in finder.find_distributions(asked(name="Torch"))] == ["2.1.2"]
    assert [found.version for found in finder.find_distributions(asked(name="xformers"))] == []
    assert sorted(found.metadata["Name"] for found in finder.find_distributions()) == ["sympy", "torch"]


def test_no_environment_is_said_with_what_to_press(tmp_path: Path, here: Path):
    with pytest.raises(TrainerMissing, match="not set up yet") as caught:
        ready_python(tmp_path / "env")

    assert "Set up training" in caught.value.advice
    assert "easyphoto setup" in caught.value.advice


def test_a_half_made_environment_is_no_environment(tmp_path: Path, here: Path):
    python = whole(tmp_path / "env")
    assert ready_python(tmp_path / "env") == python

    (tmp_path / "env" / environment.STAMP).unlink()

    with pytest.raises(TrainerMissing, match="incomplete"):
        ready_python(tmp_path / "env")


def test_the_python_is_found_from_any_working_folder(tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch):
    python = whole(tmp_path / "env")
    monkeypatch.chdir(tmp_path)

    assert ready_python(Path("env")) == python


def test_an_environment_whose_python_is_gone_is_none(tmp_path: Path, here: Path):
    whole(tmp_path / "env").unlink()

    with pytest.raises(TrainerMissing, match="incomplete"):
        ready_python(tmp_path / "env")


@pytest.mark.parametrize("name", ["lock", "Python", "torch"])
def test_an_environment_made_for_something_else_is_none(name: str, tmp_path: Path, here: Path):
    whole(tmp_path / "env")
    write_stamp(tmp_path / "env", **{name: "another"})

    with pytest.raises(TrainerMissing, match=f"made for another {name}: another, now"):
        ready_python(tmp_path / "env")


def test_what_somebody_else_put_there_is_left_alone(tmp_path: Path, host: Path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "photo.jpg").write_bytes(b"dear")

    with pytest.raises(TrainerMissing, match="did not make"):
        make_environment(tmp_path / "env", NullProgress(), torch_from=[host])

    assert (tmp_path / "env" / "photo.jpg").read_bytes() == b"dear"


def test_too_little_room_is_said_before_anything_is_made(tmp_path: Path, host: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "ROOM", 10**18)

    with pytest.raises(DiskFailure, match="are free"):
        make_environment(tmp_path / "work" / "env", NullProgress(), torch_from=[host])

    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("said", "kind", "advice"),
    [
        ("The virtual environment was not created because ensurepip is not available.", TrainerMissing, "python3-venv"),
        ("/usr/bin/python: No module named venv", TrainerMissing, "python.org"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError(...)'", TrainerMissing, "PIP_FIND_LINKS"),
        ("ERROR: Could not find a version (from versions: none)", TrainerMissing, "PIP_FIND_LINKS"),
        ("ERROR: No matching distribution found for numpy==1.26.4", TrainerMissing, "Python 3.10 to 3.13"),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", DiskFailure, "Free some space"),
        ("ERROR: something new", TrainerMissing, "Fix what it reports"),
    ],
)
def test_a_failed_step_says_its_reason_and_what_to_do(said: str, kind: type, advice: str):
    error = environment._named(CommandFailed(1, ["first line", said]), "It failed")

    assert type(error) is kind
    assert said in str(error.args[0])
    assert advice in error.advice


def test_the_bar_hears_each_package():
    progress = RecordingProgress()
    steps = environment._Steps(progress)

    steps.hear_pip("Collecting diffusers==0.31.0 (from -r lock.txt (line 8))")
    steps.hear_pip("Processing /wheels/flatbuffers-25.12.19-py2.py3-none-any.whl (from -r lock.txt (line 10))")
    steps.hear_pip("  Downloading diffusers-0.31.0-py3-none-any.whl (2.9 MB)")

    assert [message.partition(" · ")[2] for _, _, message in progress.steps] == [
        "fetching diffusers 0.31.0",
        "fetching flatbuffers 25.12.19",
    ]


def test_another_python_gets_none_of_our_paths_and_all_of_pips_settings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", "/webui")
    monkeypatch.setenv("PYTHONHOME", "/webui/python")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")

    given = foreign_environment()

    assert "PYTHONPATH" not in given
    assert "PYTHONHOME" not in given
    assert (given["PIP_FIND_LINKS"], given["PYTHONNOUSERSITE"]) == ("/wheels", "1")


def test_a_worker_of_another_python_finds_easyphoto_and_not_the_hosts_paths(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", "/webui")
    root = str(Path(__file__).resolve().parents[2])

    other = worker_environment(Path("/env/bin/python"))

    assert (other["PYTHONPATH"], other["PYTHONDONTWRITEBYTECODE"]) == (root, "1")
    # Its output is read as UTF-8, whatever the console's encoding.
    assert worker_environment()["PYTHONIOENCODING"] == "utf-8:backslashreplace"
    assert other["PYTHONIOENCODING"] == "utf-8:backslashreplace"
    assert worker_environment()["PYTHONPATH"] == os.pathsep.join((root, "/webui"))


@pytest.mark.parametrize(
    ("set_here", "order", "given"),
    [(None, BY_BUS, BY_BUS), (None, BY_SPEED, BY_SPEED), (BY_BUS, BY_SPEED, BY_BUS), (BY_SPEED, BY_BUS, BY_SPEED)],
)
def test_a_worker_counts_cards_as_the_process_that_names_them(set_here, order, given, monkeypatch, tmp_path: Path):
    """In a web UI the first card is the fastest, and for nvidia-smi it is the one in the first slot."""
    started: dict[str, Any] = {}
    monkeypatch.delenv(ORDER, raising=False)
    if set_here is not None:
        monkeypatch.setenv(ORDER, set_here)
    monkeypatch.setattr(job, "start", lambda command, **more: started.update(command=command, **more) or Mock())
    monkeypatch.setattr(job, "end", lambda process, after: None)

    with job._worker(RunFolder(tmp_path), None, DeviceGroup((Device("cuda", 1),), order), []):
        pass

    assert (started["command"][-1], started["env"][ORDER]) == ("cuda:1", given)


class Impatient(NullProgress):
    """Cancels once the file is there."""

    def __init__(self, sign: Path) -> None:
        self._sign = sign

    def check(self) -> None:
        if self._sign.exists():
            raise Cancelled


def test_a_cancelled_command_leaves_nothing_that_it_started(tmp_path: Path):
    child = "import time; time.sleep(600)"
    code = (
        "import pathlib, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"pathlib.Path({str(tmp_path / 'sign')!r}).write_text(str(child.pid))\n"
        "time.sleep(600)"
    )

    with pytest.raises(Cancelled):
        run_command([sys.executable, "-c", code], Impatient(tmp_path / "sign"), environment=os.environ)

    assert is_gone(int((tmp_path / "sign").read_text()))


def is_gone(process: int, seconds: float = 20) -> bool:
    """A child whose parent died may lie there unburied for a moment."""
    for _ in range(int(seconds * 10)):
        try:
            os.kill(process, 0)
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


def test_a_package_that_wants_another_version_is_a_conflict(here: Path):
    lay(here, "wants_much", "1.0", "sympy>=2", "nowhere_to_be_found")

    assert list(conflicts(("wants_much",))) == [
        "wants_much wants sympy>=2, there is 1.12",
        "wants_much wants nowhere_to_be_found, which is missing",
    ]


@pytest.mark.slow
def test_an_environment_holds_the_lock_and_the_hosts_torch_and_the_host_is_as_it_was(
    tmp_path: Path, here: Path, small_lock: Path
):
    before, env = fingerprint(here), tmp_path / "work" / "env"

    made = make_environment(env, NullProgress())

    assert made.versions == {"torch": "2.1.2", "small_package": "1.0", "seen": "sympy"}
    assert ready_python(env) == made.python
    assert fingerprint(here) == before


@pytest.mark.slow
def test_what_pip_cannot_find_leaves_no_environment_and_another_try_succeeds(
    tmp_path: Path, here: Path, small_lock: Path
):
    env = tmp_path / "env"
    small_lock.write_text("small_package==2.0\n")

    with pytest.raises(TrainerMissing, match=r"small_package==2\.0"):
        make_environment(env, NullProgress())
    with pytest.raises(TrainerMissing, match="incomplete"):
        ready_python(env)
    small_lock.write_text("small_package==1.0\n")

    assert make_environment(env, NullProgress()).python == ready_python(env)


class StopsAt(NullProgress):
    """Cancels as soon as a message has the word."""

    def __init__(self, word: str) -> None:
        self._word, self._heard = word, False

    def step(self, done: int, total: int, message: str = "", *, preview: object = None) -> None:
        self._heard = self._heard or self._word in message

    def check(self) -> None:
        if self._heard:
            raise Cancelled


@pytest.mark.slow
@pytest.mark.parametrize("word", ["making", "fetching", "checking"])
def test_cancelled_at_any_step_there_is_no_environment(word: str, tmp_path: Path, here: Path, small_lock: Path):
    with pytest.raises(Cancelled):
        make_environment(tmp_path / "env", StopsAt(word))

    with pytest.raises(TrainerMissing):
        ready_python(tmp_path / "env")
