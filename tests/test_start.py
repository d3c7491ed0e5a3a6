"""start.py: the command of a fresh clone, tested without installing anything."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import start

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def house(tmp_path, monkeypatch):
    """An empty project whose installation is only noted."""
    steps = []
    monkeypatch.setattr(start, "ROOT", tmp_path)
    monkeypatch.setattr(start, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(start, "STAMP", tmp_path / ".venv" / "easyphoto.stamp")
    pinned = (tmp_path / "pyproject.toml", tmp_path / "constraints.txt")
    for file in pinned:
        file.write_text("a==1\n")
    monkeypatch.setattr(start, "PINNED_BY", pinned)

    def make_environment():
        steps.append("make")
        python = tmp_path / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    monkeypatch.setattr(start, "make_environment", make_environment)
    monkeypatch.setattr(start, "install", lambda python: steps.append("install"))
    return tmp_path, steps


def test_a_second_start_does_nothing(house):
    _, steps = house

    first, second = start.ready_python(), start.ready_python()

    assert first == second
    assert steps == ["make", "install"]


def test_a_changed_lock_is_installed_into_the_same_environment(house):
    root, steps = house
    start.ready_python()
    (root / "constraints.txt").write_text("a==2\n")

    start.ready_python()

    assert steps == ["make", "install", "install"]


def test_a_killed_installation_is_begun_anew(house, monkeypatch):
    _, steps = house

    def dies(python):
        raise SystemExit(5)

    monkeypatch.setattr(start, "install", dies)
    with pytest.raises(SystemExit):
        start.ready_python()
    assert not start.STAMP.exists()
    monkeypatch.setattr(start, "install", lambda python: steps.append("install"))

    start.ready_python()

    assert steps == ["make", "make", "install"]


def test_an_environment_without_its_python_is_made_anew(house):
    _, steps = house
    start.ready_python().unlink()

    start.ready_python()

    assert steps == ["make", "install", "make", "install"]


@pytest.mark.parametrize(
    ("gpu", "reachable", "local", "expected"),
    [
        (True, True, False, ([], "gpu")),
        (False, True, False, (["--extra-index-url", start.CPU_WHEELS], "cpu")),
        (False, False, True, ([], "cpu")),
        (False, False, False, ([], "gpu")),
    ],
    ids=["a GPU", "no GPU", "offline with a local build", "offline without"],
)
def test_which_torch_is_taken(monkeypatch, gpu, reachable, local, expected):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(start, "has_gpu", lambda: gpu)
    monkeypatch.setattr(start, "answers", lambda url: reachable)
    would = "Would install torch-2.13.0+cpu" if local else "Would install torch-2.13.0"
    monkeypatch.setattr(start.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=would))

    assert start.torch_source(Path("python")) == expected


def test_the_first_failing_check_gives_the_exit_code_and_all_are_run(monkeypatch):
    ran = []

    def run(command, **_):
        ran.append(command[2:])
        return subprocess.CompletedProcess(command, {"mypy": 3, "pytest": 1}.get(command[2], 0))

    monkeypatch.setattr(start.subprocess, "run", run)

    assert start.run_checks(Path("python"), ["-k", "words"]) == 3
    assert [words[0] for words in ran] == ["ruff", "ruff", "mypy", "pytest"]
    assert ran[3] == ["pytest", "-q", "-m", "not slow", "-k", "words"]


def test_all_means_the_slow_ones_too(monkeypatch):
    ran = []
    monkeypatch.setattr(
        start.subprocess, "run", lambda command, **_: ran.append(command[2:]) or subprocess.CompletedProcess(command, 0)
    )

    assert start.run_checks(Path("python"), ["--all"]) == 0
    assert ran[3][:4] == ["pytest", "-q", "-n", "auto"]
    assert "-m" not in ran[3]


def test_one_check_alone_can_be_asked_for(monkeypatch):
    ran = []
    monkeypatch.setattr(
        start.subprocess, "run", lambda command, **_: ran.append(command[2:]) or subprocess.CompletedProcess(command, 0)
    )

    assert start.run_checks(Path("python"), ["--only", "mypy"]) == 0
    assert ran == [["mypy"]]


def test_a_check_that_does_not_exist_is_named(capsys):
    with pytest.raises(SystemExit) as left:
        start.run_checks(Path("python"), ["--only", "pylint"])

    assert left.value.code == 2
    assert "pylint" in capsys.readouterr().err


def test_an_old_python_is_refused_by_name():
    code = (
        "import sys, runpy; sys.version_info = (3, 9, 2, 'final', 0); sys.version = '3.9.2 (main)';"
        "runpy.run_path('start.py', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)

    assert done.returncode == 1
    assert "needs Python 3.10 or later; this is Python 3.9.2" in done.stderr


def test_without_words_it_says_what_it_can(capsys):
    assert start.main([]) == 2
    assert "python start.py demo" in capsys.readouterr().err


def test_it_needs_nothing_but_the_standard_library():
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import runpy; runpy.run_path('start.py', run_name='start')"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("encoding", ["cp932", "cp1251", "cp949", "cp1252", "ascii"])
def test_its_own_words_reach_a_console_of_one_language(encoding):
    code = "import runpy; start = runpy.run_path('start.py', run_name='start'); start['say']('Making … \\udcff 张')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert b"Making" in done.stderr


def test_a_socks_proxy_that_pip_cannot_use_is_named_after_its_failure(monkeypatch, capsys):
    monkeypatch.setattr(start.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1))
    monkeypatch.setattr(start, "torch_source", lambda python: ([], "cpu"))
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5h://anna:word@127.0.0.1:9")

    with pytest.raises(SystemExit) as left:
        start.install(Path("python"))

    assert left.value.code == 5
    assert capsys.readouterr().err.splitlines()[-1] == (
        "pip cannot use a SOCKS proxy (ALL_PROXY): name an HTTP proxy in https_proxy, or none."
    )


def test_a_folder_whose_name_is_not_utf8_has_its_stamp(monkeypatch, tmp_path):
    python, stamp = tmp_path / "bin/python", tmp_path / "stamp"
    python.parent.mkdir()
    python.touch()
    installed = []
    monkeypatch.setattr(start, "ROOT", Path("/somewhere/latin\udce9"))
    monkeypatch.setattr(start, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(start, "STAMP", stamp)
    monkeypatch.setattr(start, "make_environment", lambda: None)
    monkeypatch.setattr(start, "install", installed.append)

    assert start.ready_python() == start.ready_python()
    assert len(installed) == 1


def test_an_address_out_of_reach_is_given_up_quickly():
    began = time.perf_counter()

    assert not start.answers("http://127.0.0.1:9")
    assert time.perf_counter() - began < start.SECONDS_TO_ANSWER + 1


@pytest.mark.parametrize("file", ["constraints.txt", "pyproject.toml", "start.py"])
def test_no_path_or_private_address_is_written_down(file):
    text = (ROOT / file).read_text("utf-8")

    assert "file:" not in text
    assert "/opt/" not in text
    assert all("pytorch.org" in line for line in text.splitlines() if "http" in line and "://" in line)


posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no signal masks and no groups of processes")
BELOW = "import sys, signal, start; signal.signal(signal.SIGINT, signal.default_int_handler); "


def interrupted(command, *, env=None):
    """The exit code and stderr of a program that writes a line when it is ready, and is then stopped as by Ctrl-C."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=env, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    return process, process.communicate(timeout=60)[1].decode()


@posix_only
def test_ctrl_c_while_start_itself_imports_ends_it_without_a_word(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, importlib.abc\n"
        "class Slow(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'argparse':\n"
        "            import time; print('ready', flush=True); time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow())\n"
    )

    process, said = interrupted([sys.executable, "start.py", "demo"], env={**os.environ, "PYTHONPATH": str(tmp_path)})

    assert (process.returncode, said) == (-signal.SIGINT, "")


@posix_only
def test_ctrl_c_while_something_is_installed_ends_that_too_without_a_traceback(tmp_path):
    child = "import os, time; open('pid', 'w').write(str(os.getpid())); print('ready', flush=True); time.sleep(60)"
    code = (
        f"{BELOW}import os; os.chdir({str(tmp_path)!r})\n"
        f"try: start.run_apart([sys.executable, '-c', {child!r}])\n"
        "except KeyboardInterrupt: sys.exit(130)"
    )

    process, said = interrupted([sys.executable, "-c", code])

    assert (process.returncode, said) == (130, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@posix_only
def test_ctrl_c_is_kept_back_while_the_environments_python_starts():
    shown = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    code = f"{BELOW}start.hand_over(sys.executable, ['-c', {shown!r}])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)

    assert done.stdout == "True\n"
