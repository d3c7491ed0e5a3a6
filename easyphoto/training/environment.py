"""The training environment beside a web UI: `workspace/env/`, created once, with the web UI's torch and packages of its
own.

A web UI pins transformers, accelerate and numpy to the versions it was written for, and has an unsuitable diffusers or
none. So training has its own packages: a virtual environment of the host's Python, filled from `trainer-lock.txt`. Only
torch is missing there. Its two gigabytes are already installed, in the build that fits the machine's GPU, and
`lent_torch` makes them importable: torch and its requirements, found by name, after the environment's own packages. The
host's other packages stay hidden, because diffusers and transformers import every optional package they find (xformers,
torchvision, tensorflow …) and fail on one that was built for other versions.

For the same reason the environment uses neither `--system-site-packages` nor a `.pth` line with the host's folder;
and symbolic links to single packages need rights that Windows users lack.

pip runs with --no-deps, so that it neither fetches a second torch nor considers the host's, and installs wheels only,
so that no compiler is needed. It writes into the environment; nothing is ever written into the host.

The stamp is written last. Without it, or if the lock, Python or torch differ from it, the environment is not ready.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.errors import DiskFailure, InputError, TrainerMissing
from easyphoto.messages import Text, joined, phase, text
from easyphoto.progress import Progress
from easyphoto.storage.files import cause_of, make_folder, write_text
from easyphoto.storage.locks import file_lock
from easyphoto.storage.records import read_json, write_json
from easyphoto.training import lent_torch
from easyphoto.training.commands import CommandFailed, foreign_environment, run_command
from easyphoto.training.host_torch import HostTorch, host_torch, torch_place
from easyphoto.training.job import worker_environment

LOCK = Path(__file__).with_name("trainer-lock.txt")
LENT = Path(lent_torch.__file__)
PROOF = "easyphoto.training.proof"
STAMP = "easyphoto-stamp.json"
ADVICE = text("Press 'Set up training' in the Train tab, or run `easyphoto setup` with the web UI's Python.")
ROOM = 1_000_000_000
"""Bytes of disk space that must be free: the installed packages, and pip's copies of them."""
LAST_LINES = 6
# Without packages and settings from elsewhere; with them Python also ignores the variable for its encoding.
ISOLATED = ("-I", "-X", "utf8")


@dataclass(frozen=True)
class EnvironmentReport:
    """The Python that trains, and the versions of its packages."""

    python: Path
    versions: Mapping[str, str]


def ready_python(env: Path) -> Path:
    """The Python that trains. Raises TrainerMissing if its environment is absent, incomplete or out of date."""
    return ready_environment(env).python


def ready_environment(env: Path) -> EnvironmentReport:
    """Like `ready_python`, with the versions found when the environment was created."""
    env = env.absolute()
    python, stamp = python_of(env), _stamp(env)
    if stamp is None or not python.exists():
        half = env.is_dir() and any(env.iterdir())
        if half:
            raise TrainerMissing(text("The training environment is incomplete ({folder}).", folder=env), advice=ADVICE)
        raise TrainerMissing(text("The training environment is not set up yet ({folder}).", folder=env), advice=ADVICE)
    for name, now in _belongs_to().items():
        if stamp.get(name) != now:
            raise TrainerMissing(
                text(
                    "The training environment was made for another {name}: {stamp}, now {now}.",
                    name=name,
                    stamp=stamp.get(name),
                    now=now,
                ),
                advice=ADVICE,
            )
    return EnvironmentReport(python, {str(name): str(version) for name, version in dict(stamp["versions"]).items()})


def make_environment(env: Path, progress: Progress, *, torch_from: Sequence[Path] | None = None) -> EnvironmentReport:
    """Create or recreate the environment; this takes minutes, reports progress and can be cancelled.

    `torch_from` are the folders to lend torch from; None takes the running Python's.

    Raises Cancelled, TrainerMissing with pip's own reason, DiskFailure, or RunBusy if another process is creating it.
    """
    torch, env = host_torch(torch_from), env.absolute()
    _check_room(env)
    with file_lock(env.with_name(f"{env.name}.lock")):
        _clear(env)
        steps = _Steps(progress)
        make_folder(env)
        _make_venv(env, steps)
        _install(python_of(env), steps)
        _lend(env, torch)
        versions = _prove(python_of(env), torch, steps)
        write_json(env / STAMP, {**_belongs_to(torch_from), "versions": versions})
        _mark(env).unlink()
    steps.say(phase("ready", "ready"))
    return EnvironmentReport(python_of(env), versions)


def python_of(env: Path) -> Path:
    return env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _belongs_to(torch_from: Sequence[Path] | None = None) -> dict[str, str]:
    """The lock, Python and torch that an environment belongs to. Cheap, because it imports nothing."""
    version, folder = torch_place(torch_from)
    content = hashlib.sha256(LOCK.read_bytes() + LENT.read_bytes()).hexdigest()
    python = f"{platform.python_implementation()} {sys.version_info[0]}.{sys.version_info[1]} {platform.machine()}"
    return {"lock": content[:16], "Python": python, "torch": f"{version} in {folder}"}


def _stamp(env: Path) -> dict[str, Any] | None:
    """The environment's stamp; None if it is missing or damaged, so that the environment is recreated."""
    try:
        stamp = read_json(env / STAMP)
    except InputError:
        return None
    return stamp if isinstance(stamp.get("versions"), dict) else None


class _Steps:
    """One progress bar for everything: one part per package, and AROUND parts for the other steps."""

    AROUND = 3

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._packages = sum(1 for line in LOCK.read_text("utf-8").splitlines() if "==" in line)
        self._fetched = 0

    def say(self, words: Text) -> None:
        total = self._packages + self.AROUND
        done = {"make-environment": 0, "ready": total, "check-environment": total - 1}.get(words.code)
        fetched = 1 + min(self._fetched, self._packages)
        said = joined([text("training environment"), words], " · ")
        self.progress.step(fetched if done is None else done, total, said)

    def hear_pip(self, line: str) -> None:
        """Report each package in pip's output: "Collecting" for a downloaded one, "Processing" for a local one."""
        if package := re.match(r"Collecting (\S+?)==(\S+)|Processing .*?([^/\\-]+)-([^-]+)-\S*\.whl", line):
            name, version = (part for part in package.groups() if part)
            self.say(phase("fetch-package", "fetching {name} {version}", name=name, version=version))
            self._fetched += 1
        elif line.startswith("Installing collected packages"):
            self.say(phase("unpack-packages", "unpacking {count} packages", count=self._fetched))


def _check_room(env: Path) -> None:
    existing = next(folder for folder in env.parents if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < ROOM:
        raise DiskFailure(
            text(
                "The training environment needs {room:.1f} GB in {existing}; {free:.1f} GB are free.",
                room=ROOM / 1e9,
                existing=existing,
                free=free / 1e9,
            ),
            advice=text("Free some space, or choose another workspace, then try again."),
        )


def _mark(env: Path) -> Path:
    """A marker beside the environment during its creation; it identifies what a killed process left as ours."""
    return env.with_name(f"{env.name}.making")


def _clear(env: Path) -> None:
    """Remove an earlier environment. Raises TrainerMissing if the folder holds something EasyPhoto did not create."""
    if not ((env / STAMP).exists() or _mark(env).exists()) and env.exists() and any(env.iterdir()):
        raise TrainerMissing(
            text("{env} contains something that EasyPhoto did not make.", env=env),
            advice=text("Move it away, then try again."),
        )
    write_text(_mark(env), "")
    try:
        # The stamp goes first: an interrupted removal must not leave an environment that looks complete.
        (env / STAMP).unlink(missing_ok=True)
        if env.exists():
            shutil.rmtree(env)
    except OSError as error:
        raise DiskFailure(
            text("{env} cannot be made again: {cause}.", env=env, cause=cause_of(error)),
            advice=text("Stop what uses it, or delete it by hand, then try again."),
        ) from error


def _make_venv(env: Path, steps: _Steps) -> None:
    steps.say(phase("make-environment", "making the training environment"))
    try:
        run_command(
            [sys.executable, *ISOLATED, "-m", "venv", str(env)], steps.progress, environment=foreign_environment()
        )
    except CommandFailed as failed:
        raise _named(failed, text("Python could not make a virtual environment")) from failed
    except OSError as error:
        raise TrainerMissing(
            text("{executable} cannot be started: {cause}.", executable=sys.executable, cause=cause_of(error)),
            advice=text("Restart the web UI."),
        ) from error


def _install(python: Path, steps: _Steps) -> None:
    pip = [str(python), *ISOLATED, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    install = ["install", "--no-deps", "--only-binary=:all:", "--progress-bar=off", "-r", str(LOCK)]
    try:
        run_command([*pip, *install], steps.progress, environment=foreign_environment(), on_line=steps.hear_pip)
        # Python before 3.12 installs an old setuptools, which would hide the one that the host's torch may need.
        run_command([*pip, "uninstall", "--yes", "setuptools"], steps.progress, environment=foreign_environment())
    except CommandFailed as failed:
        raise _named(failed, text("The packages for training could not be installed")) from failed


def _lend(env: Path, torch: HostTorch) -> None:
    """Install the finder, its table, and the `.pth` line that starts it."""
    packages = _site_packages(env)
    shutil.copyfile(LENT, packages / "easyphoto_lent.py")
    write_text(packages / lent_torch.TABLE, json.dumps(torch.table(), indent=1))
    write_text(packages / "easyphoto_lent.pth", "import easyphoto_lent; easyphoto_lent.lend()\n")


def _site_packages(env: Path) -> Path:
    if os.name == "nt":
        return env / "Lib" / "site-packages"
    return env / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def _prove(python: Path, torch: HostTorch, steps: _Steps) -> dict[str, str]:
    """Import everything that training imports, in that Python; return the versions, including torch's."""
    steps.say(phase("check-environment", "checking"))
    try:
        # Not in the web UI's folder, whose packages would be imported first.
        lines = run_command(
            [str(python), "-m", PROOF],
            steps.progress,
            environment=worker_environment(python),
            folder=python.parent,
        )
    except CommandFailed as failed:
        raise _named(failed, text("The new environment cannot train")) from failed
    found = json.loads(lines[-1])
    if Path(found["torch"]).resolve() != torch.folder / "torch":
        raise TrainerMissing(
            text(
                "The new environment uses the torch in {found}, not the web UI's in {folder}.",
                found=found["torch"],
                folder=torch.folder,
            ),
            advice=text("Please report this."),
        )
    if found["conflicts"]:
        raise TrainerMissing(
            text(
                "The packages of the new environment do not fit together: {found}.", found="; ".join(found["conflicts"])
            ),
            advice=text("Please report this with the web UI's version of torch."),
        )
    return dict(found["versions"])


SIGNS: tuple[tuple[str, str], ...] = (
    (
        r"ensurepip is not|No module named '?ensurepip",
        text("Install Python's venv package (Debian and Ubuntu: apt install python3-venv), then try again."),
    ),
    (
        r"No module named '?venv",
        text("The web UI runs with a reduced Python that cannot make environments; run it with one from python.org."),
    ),
    (
        r"Missing dependencies for SOCKS support",
        text("pip cannot use the SOCKS proxy of ALL_PROXY: name an HTTP proxy in https_proxy, then try again."),
    ),
    (
        r"Temporary failure in name resolution|NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|"
        r"Max retries exceeded|ProxyError|Connection refused|Network is unreachable|getaddrinfo failed|SSLError|"
        r"from versions: none",
        text(
            "No package index answered. Check the connection, or put the packages into a folder and name it in "
            "PIP_FIND_LINKS (with PIP_NO_INDEX=1), then try again."
        ),
    ),
    (
        r"Could not find a version|No matching distribution",
        text("A package is not built for this Python or system; Python 3.10 to 3.13 are supported."),
    ),
)
DISK_SIGNS = r"No space left on device|Errno 28\b|Disk quota exceeded|Errno 122\b|WinError 112\b"


def _named(failed: CommandFailed, what: str) -> TrainerMissing | DiskFailure:
    """The failed command as an error with advice."""
    written = "\n".join(failed.lines)
    words = text(
        "{what}. Its last output: {last_words}.", what=what, last_words=" · ".join(_last_words(failed.lines)) or failed
    )
    if re.search(DISK_SIGNS, written):
        return DiskFailure(words, advice=text("Free some space, then try again."))
    advice = next(
        (advice for sign, advice in SIGNS if re.search(sign, written)), text("Fix what it reports, then try again.")
    )
    return TrainerMissing(words, advice=advice)


def _last_words(lines: Sequence[str]) -> list[str]:
    """The last error lines, or the last lines if there is no error; warnings would hide the reason."""
    spoken = [line.strip() for line in lines if line.strip()]
    reasons = [line for line in spoken if line.startswith(("ERROR", "Error")) or "Error" in line]
    return (reasons or spoken)[-LAST_LINES:]


def missing_here() -> tuple[str, ...]:
    """The packages that the running Python lacks for training; empty if EasyPhoto is installed with all of them."""
    from importlib.metadata import PackageNotFoundError, version

    missing = []
    for name, oldest in OLDEST.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if tuple(int(part) for part in re.findall(r"\d+", found)[:2]) < oldest:
            missing.append(f"{name} {oldest[0]}.{oldest[1]} (it has {found})")
    return tuple(missing)


OLDEST: Mapping[str, tuple[int, int]] = {
    "torch": (2, 1), "diffusers": (0, 31), "transformers": (4, 46), "peft": (0, 13), "accelerate": (1, 0),
    "safetensors": (0, 4),
}  # fmt: skip
