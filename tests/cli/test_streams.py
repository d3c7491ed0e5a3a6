"""Standard streams that are closed, full or without letters; Ctrl-C; and names that a terminal would obey."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from easyphoto.cli.main import main
from easyphoto.cli.output import table, visible
from easyphoto.workspace.folders import Workspace
from tests.fakes import new_person

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="asks a POSIX shell")


def shell(line, *, arguments=(), **variables):
    """A line of bash, in which `$EASYPHOTO` is the command and `$1` the first of the arguments."""
    environment = {**os.environ, "EASYPHOTO": f"{sys.executable} -m easyphoto", "PYTHONPATH": str(ROOT), **variables}
    command = ["bash", "-c", f"set -o pipefail; {line}", "bash", *map(os.fspath, arguments)]
    return subprocess.run(command, capture_output=True, env=environment, check=False, timeout=100)


@pytest.fixture
def workspace(tmp_path):
    new_person(Workspace(tmp_path / "work"), "anna")
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("$EASYPHOTO persons --workspace $1 >&-", 0, b""),
        ("$EASYPHOTO persons --workspace $1 2>&-", 0, b"anna"),
        ("$EASYPHOTO persons --workspace $1 >&- 2>&- <&-", 0, b""),
        ("$EASYPHOTO persons delete anna --workspace $1 <&-", 2, b""),
        ("$EASYPHOTO persons show anna --workspace $1 | head -0", 141, b""),
        ("$EASYPHOTO persons --workspace $1 2> >(true)", 0, b"anna"),
        ("$EASYPHOTO persons --workspace $1 >/dev/full", 5, b""),
        ("$EASYPHOTO --help >/dev/full", 5, b""),
        ("$EASYPHOTO persons --workspace $1/persons/anna/person.json/x", 2, b""),
    ],
)
def test_a_stream_that_is_closed_or_full_is_an_exit_code_and_no_traceback(workspace, line, code, said):
    if "/dev/full" in line and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")

    done = shell(line, arguments=[workspace])

    assert done.returncode == code
    assert said in done.stdout
    assert b"Traceback" not in done.stderr
    assert b"Errno" not in done.stderr
    assert bool(done.stderr) == (code in (2, 5))


def test_the_work_is_done_although_nobody_reads_what_came_of_it(workspace):
    done = shell("$EASYPHOTO persons delete anna --yes --workspace $1 | head -0", arguments=[workspace])

    assert done.returncode == 141
    assert not (workspace / "persons" / "anna").exists()


@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_name_that_the_terminal_has_no_letters_for_is_written_out(workspace, variables):
    record = workspace / "persons" / "anna" / "person.json"
    record.write_text(json.dumps({**json.loads(record.read_text("utf-8")), "name": "安娜"}), "utf-8")

    done = shell("$EASYPHOTO persons show anna --workspace $1", arguments=[workspace], **variables)

    assert done.returncode == 0
    assert rb"\u5b89\u5a1c" in done.stdout


NAMES = "张伟 Анна 안나 José 😀…"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("cp932", r"\u5f20\u4f1f Анна \uc548\ub098 Jos\u00e9 \ud83d\ude00…"),
        ("cp1251", r"\u5f20\u4f1f Анна \uc548\ub098 Jos\u00e9 \ud83d\ude00…"),
        ("cp949", r"\u5f20\u4f1f Анна 안나 Jos\u00e9 \ud83d\ude00…"),
        ("cp1252", r"\u5f20\u4f1f \u0410\u043d\u043d\u0430 \uc548\ub098 José \ud83d\ude00…"),
        ("ascii", r"\u5f20\u4f1f \u0410\u043d\u043d\u0430 \uc548\ub098 Jos\u00e9 \ud83d\ude00..."),
        ("utf-8", NAMES),
    ],
)
def test_a_console_of_one_language_is_given_what_it_can_show_and_json_stays_json(workspace, encoding, shown):
    record = workspace / "persons" / "anna" / "person.json"
    record.write_text(json.dumps({**json.loads(record.read_text("utf-8")), "name": NAMES}), "utf-8")

    line = "$EASYPHOTO persons show anna --workspace $1 && $EASYPHOTO --help && $EASYPHOTO persons delete nobody "
    done = shell(f"{line} --yes --workspace $1", arguments=[workspace], PYTHONIOENCODING=encoding)

    said = done.stdout.decode(encoding)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"nobody" in done.stderr
    assert shown in said
    dot = "-" if encoding in ("cp932", "ascii") else "·"
    assert f"0 done {dot} 1 a fault of EasyPhoto" in said.replace("・", "·")


@pytest.mark.parametrize("encoding", ["cp932", "ascii", "utf-8"])
def test_json_is_json_on_every_console(tmp_path, encoding):
    photos = tmp_path / "photos"
    photos.mkdir()
    names = ["张伟.jpg", "Анна…😀.jpg", "tag\U000e0041.jpg"]
    for name in names:
        (photos / name).write_bytes(b"no picture")

    line = "$EASYPHOTO check --engine drawings --photos $1 --workspace $2 --json"
    done = shell(line, arguments=[photos, tmp_path / "work"], PYTHONIOENCODING=encoding)

    found = json.loads(done.stdout.decode(encoding))["verdicts"]
    assert sorted(each["photo"] for each in found) == sorted(names)


def test_what_a_terminal_obeys_is_written_out_and_letters_are_not():
    assert visible("a\x1b[31mb\nc\rd\x07\x7f") == r"a\x1b[31mb\nc\rd\x07\u007f"
    assert visible("photo\u202egpj.exe \u2066x\u2069 \u200f") == r"photo\u202egpj.exe \u2066x\u2069 \u200f"
    assert visible("\x9b31m\x85\u2028\udcff\U000e0041") == r"\u009b31m\u0085\u2028\udcff\U000e0041"
    assert visible("安娜, Zoë, नमस्ते\u200d, C:\\photos\\a b.jpg") == "安娜, Zoë, नमस्ते\u200d, C:\\photos\\a b.jpg"
    assert table(("photo", "verdict"), [("a\nb", "kept")]) == ["photo  verdict", r"a\nb   kept"]


def test_no_name_of_a_file_reaches_the_terminal_as_it_is(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in (b"esc\x1b[31m.jpg", b"new\nline.jpg", "bidi\u202egpj.exe.jpg".encode(), b"bytes\xff.jpg"):
        (photos / os.fsdecode(name)).write_bytes(b"no picture")

    line = "$EASYPHOTO check --engine drawings --photos $1 --workspace $2"
    done = shell(line, arguments=[photos, tmp_path / "work"])
    as_json = shell(f"{line} --json", arguments=[photos, tmp_path / "work"])

    assert done.returncode == 2  # none of them can be used
    assert b"\x1b" not in done.stdout + done.stderr
    assert "\u202e".encode() not in done.stdout + done.stderr
    shown = [row.split("  ")[0] for row in done.stdout.decode().splitlines()[1:5]]
    assert shown == [r"bidi\u202egpj.exe.jpg", "bytes%FF.jpg", r"esc\x1b[31m.jpg", r"new\nline.jpg"]
    assert [each["photo"] for each in json.loads(as_json.stdout)["verdicts"]] == [
        "bidi\u202egpj.exe.jpg", "bytes%FF.jpg", "esc\x1b[31m.jpg", "new\nline.jpg",
    ]  # fmt: skip


def test_a_script_is_given_a_results_path_as_the_disk_has_it(workspace, tmp_path):
    target = os.fsencode(tmp_path) + b"/to\x1b\xff.zip"

    done = shell("$EASYPHOTO persons export anna --workspace $1 --out $2", arguments=[workspace, target])

    assert done.returncode == 0
    assert done.stdout == target + b"\n"
    assert os.path.exists(target)


def test_a_port_that_is_none_is_said(workspace):
    done = shell("$EASYPHOTO ui --port 99999 --workspace $1", arguments=[workspace])

    assert done.returncode == 2
    assert b"There is no port 99999." in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("importing", ["argparse", "easyphoto.app"])
def test_ctrl_c_while_python_imports_is_an_exit_code(tmp_path, importing, number, code):
    """A module of ours takes the place of one that is imported, and says when it is."""
    slow = tmp_path / "sitecustomize.py"
    slow.write_text(
        "import sys, importlib.abc\n"
        "class Slow(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name == {importing!r}:\n"
        "            import time; print('importing', flush=True); time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow())\n"
    )
    command = [sys.executable, "-m", "easyphoto", "check", "--photos", str(tmp_path), "--workspace", str(tmp_path)]
    paths = os.pathsep.join((str(tmp_path), str(ROOT)))
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"importing\n"
    time.sleep(0.1)

    process.send_signal(number)
    _, said = process.communicate(timeout=60)

    assert process.returncode == code
    assert b"Traceback" not in said


def test_ctrl_c_that_start_kept_back_is_answered_as_soon_as_possible(tmp_path):
    """It came while the interpreter started, and waits until it can be answered without a traceback."""

    def kept_back():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.kill(os.getpid(), signal.SIGINT)

    done = subprocess.run(
        [sys.executable, "-m", "easyphoto", "persons", "--workspace", str(tmp_path)],
        capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, preexec_fn=kept_back, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_ctrl_c_that_python_swallowed_in_a_destructor_is_not_lost(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time, importlib.abc\n"
        "class Dropped:\n"
        "    def __del__(self): raise KeyboardInterrupt\n"
        "class Slow(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'argparse': Dropped(); [time.sleep(0.01) for _ in range(3000)]\n"
        "sys.meta_path.insert(0, Slow())\n"
    )
    paths = os.pathsep.join((str(tmp_path), str(ROOT)))

    done = subprocess.run(
        [sys.executable, "-m", "easyphoto", "persons", "--workspace", str(tmp_path)],
        capture_output=True, env={**os.environ, "PYTHONPATH": paths}, check=False, timeout=50,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.parametrize("target", ["pipe", "folder/in/none.zip", "person.json/x.zip"])
def test_an_export_to_what_is_no_file_is_said(workspace, tmp_path, monkeypatch, capsys, target):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("person.json").write_text("{}")

    code = main(["persons", "export", "anna", "--workspace", str(workspace), "--out", target])

    said = capsys.readouterr()
    if target.startswith("folder"):
        assert (code, said.out) == (0, f"{target}\n")
    else:
        assert code == (2 if target == "pipe" else 5)
        assert ("pipe is a pipe" if target == "pipe" else "Not a directory") in said.err
    assert os.path.exists("pipe")
