"""One command from a fresh clone: `python start.py demo`, `python start.py test [--all]`, or any verb of easyphoto.

Makes .venv beside this file, installs what constraints.txt pins, and hands its arguments on. Standard library only.
"""

import _signal  # type: ignore[import-not-found]  # typeshed knows only `signal`

if __name__ == "__main__":
    # Until `main` runs, Ctrl-C ends this program without a word: the imports take a moment and would print a traceback.
    # `_signal` is built in; the module `signal` around it imports six others first.
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

OLDEST = (3, 10)
TESTED = (3, 11)

# Before anything else, because what follows is written for the Pythons above.
if sys.version_info < OLDEST:
    sys.exit(
        "EasyPhoto needs Python %d.%d or later; this is Python %s (%s)."  # noqa: UP031
        % (OLDEST[0], OLDEST[1], sys.version.split()[0], sys.executable)
    )

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "easyphoto.stamp"
PINNED_BY = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
# Megabytes of wheels. Measured for Python 3.11 on x86-64 Linux and the CPU (`pip download` of all that is pinned: 306
# and 192); the other three kinds are estimates, to tell people whether to look for a better network first.
DOWNLOAD_WITHOUT_TORCH = 306
DOWNLOAD_TORCH = {"cpu": 190, "gpu": 2900, "macos": 90, "windows": 130}
SECONDS_TO_ANSWER = 3

USAGE = """usage: python start.py demo            the whole job on drawn people, with a report to look at
       python start.py test            lint, types and the quick tests
       python start.py test --all      the same with the slow tests (what CI runs)
       python start.py test --only X   one of them: ruff, mypy or pytest
       python start.py VERB …          any verb of easyphoto; `python start.py --help` lists them
"""


def main(arguments: list[str]) -> int:
    if not arguments:
        sys.stderr.write(USAGE)
        return 2
    # Before torch is imported anywhere: OpenMP's waiting threads otherwise take the processor from one another.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    python = ready_python()
    if arguments[0] == "test":
        return run_checks(python, arguments[1:])
    return hand_over(python, ["-m", "easyphoto", *arguments])


def ready_python() -> Path:
    """The environment's Python; makes or mends the environment where it is missing, half-made or out of date."""
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = stamp_now()
    if python.exists() and STAMP.is_file() and STAMP.read_text("utf-8", "surrogateescape") == stamp:
        return python
    if sys.version_info[:2] != TESTED:
        found = dotted(sys.version_info[:2])
        say(f"EasyPhoto is tested on Python {dotted(TESTED)}; this is {found}, which should work.")
    if not (python.exists() and STAMP.is_file()):
        make_environment()
    # Gone while pip works: a killed installation must not look whole.
    STAMP.unlink(missing_ok=True)
    install(python)
    # A folder's name may hold bytes that are no UTF-8.
    STAMP.write_text(stamp, "utf-8", "surrogateescape")
    return python


def stamp_now() -> str:
    """Changes with the lock, the project's declarations, the Python and the folder (an editable install knows it)."""
    digest = hashlib.sha256()
    for source in PINNED_BY:
        digest.update(source.read_bytes())
    return f"{digest.hexdigest()} {dotted(sys.version_info[:3])} {ROOT}\n"


def make_environment() -> None:
    if ENVIRONMENT.exists():
        say("The environment in .venv is half-made or for another Python; making it anew.")
        shutil.rmtree(ENVIRONMENT)
    say(f"Making an environment in {ENVIRONMENT} …")
    if run_apart([sys.executable, "-m", "venv", str(ENVIRONMENT)]) != 0:
        sys.exit("Python could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv")


def install(python: Path) -> None:
    """Everything the lock pins, by pip; says first how much that is."""
    options, kind = torch_source(python)
    megabytes = DOWNLOAD_WITHOUT_TORCH + DOWNLOAD_TORCH[kind]
    words = {"gpu": "with CUDA", "cpu": "built for the CPU"}.get(kind, "for this system")
    if any(ENVIRONMENT.glob("[lL]ib*/**/torch-*.dist-info")):
        say("Bringing the environment up to date with constraints.txt …")
    else:
        say(f"Downloading about {megabytes} MB (torch {words}); this happens once and takes minutes …")
    began = time.monotonic()
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options]
    command += ["-c", str(ROOT / "constraints.txt"), "-e", f"{ROOT}[standalone,ui,test]"]
    if run_apart(command) != 0:
        say("Installation failed; pip's reason stands above. Mend it (network? disk?) and run the same command again.")
        if names := socks_proxies():
            say(f"pip cannot use a SOCKS proxy ({', '.join(names)}): name an HTTP proxy in https_proxy, or none.")
        raise SystemExit(5)
    say(f"Installed in {time.monotonic() - began:.0f} s.")


def run_apart(command: list[str]) -> int:
    """Run a program that Ctrl-C does not reach, because it would print a traceback; it ends with this one."""
    is_posix = os.name == "posix"
    flags = 0 if is_posix else getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    with subprocess.Popen(command, start_new_session=is_posix, creationflags=flags) as process:
        try:
            return process.wait()
        except BaseException:
            if is_posix:
                os.killpg(process.pid, signal.SIGTERM)
            else:
                process.terminate()
            process.wait()
            raise


def socks_proxies() -> list[str]:
    """The variables that name one."""
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    return [name for name in names if os.environ.get(name, "").startswith("socks")]


def torch_source(python: Path) -> tuple[list[str], str]:
    """pip's options for torch, and which kind of build that gives."""
    if sys.platform == "darwin":
        return [], "macos"
    if sys.platform == "win32":
        return [], "windows"
    if has_gpu():
        return [], "gpu"
    if answers(CPU_WHEELS):
        return ["--extra-index-url", CPU_WHEELS], "cpu"
    # Not reachable: pip's own configuration may still know a CPU build; what it would take says so.
    plan = [str(python), "-m", "pip", "install", "--dry-run", "--no-deps", "--disable-pip-version-check"]
    plan += ["--no-cache-dir", "-c", str(ROOT / "constraints.txt"), "torch"]
    # What they say may hold a folder's name in whatever encoding.
    said = subprocess.run(plan, check=False, capture_output=True, text=True, errors="replace").stdout
    return [], "cpu" if "+cpu" in said else "gpu"


def has_gpu() -> bool:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        done = subprocess.run(
            [tool, "--list-gpus"], check=False, capture_output=True, text=True, errors="replace", timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and "GPU" in done.stdout


def answers(url: str) -> bool:
    """Asked first and briefly, because pip would try an address that is out of reach again and again."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"{url}/torch/", timeout=SECONDS_TO_ANSWER) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def run_checks(python: Path, arguments: list[str]) -> int:
    """ruff, mypy and pytest, all of them even where one fails; the first failure's exit code."""
    from concurrent.futures import ThreadPoolExecutor

    parser = argparse.ArgumentParser(prog="start.py test", allow_abbrev=False, add_help=False)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", choices=("ruff", "mypy", "pytest"))
    asked, rest = parser.parse_known_args(arguments)
    # All of them are an hour's work for one process. tests/conftest.py says what stays together, and what begins.
    together = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadgroup", "--no-loadscope-reorder"]
    tier = together if asked.all else ["-m", "not slow"]
    checks = {
        "ruff check": ["ruff", "check", "."],
        "ruff format": ["ruff", "format", "--check", "."],
        "mypy": ["mypy"],
        "pytest": ["pytest", "-q", *tier, *rest],
    }
    if asked.all:
        # Two processes with a thread for each core take the cores from one another.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    wanted = [name for name, words in checks.items() if asked.only in (None, words[0])]
    codes: dict[str, int] = {}
    with ThreadPoolExecutor(1) as beside:
        # The tests often wait for a browser or a server, and leave a core to mypy; its words come after theirs.
        types = beside.submit(run_check, python, "mypy", checks["mypy"], is_quiet=True) if "mypy" in wanted else None
        for name in wanted:
            if name != "mypy":
                codes[name], told = run_check(python, name, checks[name])
                say(told)
        if types is not None:
            codes["mypy"], told = types.result()
            say(told)
    return next((codes[name] for name in wanted if codes[name] != 0), 0)


def run_check(python: Path, name: str, words: list[str], *, is_quiet: bool = False) -> tuple[int, str]:
    """Its exit code, and what to say of it; with everything that it said itself if it had to be quiet."""
    began = time.monotonic()
    kept: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} if is_quiet else {}
    done = subprocess.run([str(python), "-m", *words], check=False, cwd=ROOT, **kept)
    verdict = "passed" if done.returncode == 0 else f"failed ({done.returncode})"
    return done.returncode, f"{done.stdout or ''}{name}: {verdict}, {time.monotonic() - began:.1f} s"


def hand_over(python: Path, arguments: list[str]) -> int:
    """Run the environment's Python in place of this process, so that signals and the exit code are its own."""
    command = [str(python), *arguments]
    if os.name == "posix":
        sys.stdout.flush()
        sys.stderr.flush()
        # Kept back until easyphoto is ready to answer it: an interpreter that starts prints a traceback.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.execv(command[0], command)
    # Ctrl-C reaches the other process too, which stops when it has saved its work; this one waits for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.run(command, check=False).returncode


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def say(text: str) -> None:
    # On stderr, because the last line of stdout belongs to the verb.
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
