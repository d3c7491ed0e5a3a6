"""Exit codes, what stands on stdout and what on stderr, and the report of a bug."""

import errno
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from easyphoto import errors
from easyphoto.cli import commands
from easyphoto.cli.main import main, redacted_arguments
from easyphoto.progress import Cancelled
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.upgrades import open_workspace
from tests.fakes import new_person

ROOT = Path(__file__).resolve().parents[2]


def failing(error):
    def verb(arguments, workspace):
        raise error

    return verb


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadName("a name", advice="Mend it."), 2),
        (errors.TooFewPhotos("no photos", advice="Mend it."), 2),
        (errors.RunBusy("busy", advice="Mend it."), 2),
        (errors.OutOfMemory("memory", advice="Mend it."), 3),
        (MemoryError(), 3),
        (errors.Diverged("no number", advice="Mend it."), 4),
        (errors.WeightsMissing("a file", advice="Mend it."), 5),
        (errors.DiskFailure("full", advice="Mend it."), 5),
        (OSError(errno.ENOSPC, "No space left on device"), 5),
        (KeyboardInterrupt(), 130),
        (Cancelled(), 130),
    ],
    ids=repr,
)
def test_every_error_has_its_exit_code_and_its_words_on_stderr(tmp_path, monkeypatch, capsys, error, code):
    monkeypatch.setitem(commands.VERBS, "doctor", failing(error))

    assert main(["doctor", "--workspace", str(tmp_path)]) == code

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.strip()
    assert "Mend it." in said.err or not isinstance(error, errors.EasyPhotoError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [KeyError("a slip"), errors.TrainerCrashed("it ended", log_tail="last words")], ids=["slip", "trainer"]
)
def test_a_mistake_of_ours_leaves_a_report(tmp_path, monkeypatch, capsys, error):
    monkeypatch.setitem(commands.VERBS, "doctor", failing(error))

    assert main(["doctor", "--workspace", str(tmp_path)]) == 1

    (report,) = (tmp_path / "reports").iterdir()
    assert str(report) in capsys.readouterr().err
    assert type(error).__name__ in report.read_text("utf-8")
    assert "Traceback" in report.read_text("utf-8")
    assert getattr(error, "log_tail", "") in report.read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [[], ["dance"], ["train"], ["check"], ["check", "--photos", "x", "--keep", "many"]],
    ids=" ".join,
)
def test_wrong_words_give_2(arguments):
    with pytest.raises(SystemExit) as left:
        main(arguments)

    assert left.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--photos", "nowhere"],
        ["check", "--photos", "empty"],
        ["check", "--photos", "empty", "--keep", "0"],
        ["train", "../anna", "--photos", "empty"],
        ["train", "anna"],
        ["train", "anna", "--photos", "empty"],
        ["photograph", "nobody", "--template", "none.png"],
        ["persons", "show", "nobody"],
        ["persons", "delete"],
    ],
    ids=" ".join,
)
def test_bad_input_gives_2_and_writes_nothing(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()

    assert main([*arguments, "--workspace", "workspace"]) == 2

    assert capsys.readouterr().out == ""
    assert not (tmp_path / "workspace").exists()


def test_deleting_wants_to_be_meant(tmp_path, monkeypatch, capsys):
    new_person(Workspace(tmp_path), "anna")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)

    assert main(["persons", "delete", "anna", "--workspace", str(tmp_path)]) == 2
    assert (tmp_path / "persons" / "anna").exists()
    assert main(["persons", "delete", "anna", "--yes", "--workspace", str(tmp_path)]) == 0
    assert not (tmp_path / "persons" / "anna").exists()
    assert capsys.readouterr().out.strip().endswith("anna")


def test_persons_are_listed_and_shown(tmp_path, capsys):
    workspace = Workspace(tmp_path)
    workspace.save_person(replace(new_person(workspace, "anna"), domain="photographs"))
    new_person(workspace, "ben")

    assert main(["persons", "--workspace", str(tmp_path)]) == 0
    assert [line.split("miniature")[1].strip() for line in capsys.readouterr().out.splitlines()[1:]] == [
        "photographs   face",
        "not recorded  face",
    ]
    assert main(["persons", "show", "anna", "--workspace", str(tmp_path)]) == 0

    words = capsys.readouterr().out
    assert "not trained" in words
    assert "kind       face" in words
    assert "pictures   photographs" in words
    assert str(tmp_path / "persons" / "anna") in words


def test_a_persons_likeness_is_shown_with_what_it_means(tmp_path, capsys):
    workspace = Workspace(tmp_path)
    person = new_person(workspace, "anna")
    record = {"embedder": "auraface", "cosine": 0.7123, "percentile": 62.5, "strangers": None}
    workspace.save_person(replace(person, likeness=record))
    # A record of an earlier version has no share of strangers.
    older = {"embedder": "auraface", "cosine": 0.5, "percentile": 10.0}
    workspace.save_person(replace(new_person(workspace, "ben"), likeness=older))

    main(["persons", "show", "anna", "--workspace", str(tmp_path)])
    main(["persons", "show", "ben", "--workspace", str(tmp_path)])

    words = capsys.readouterr().out
    assert "likeness   0.71 (auraface)" in words
    assert "above own photos: 62 %" in words
    assert words.count("above strangers: cannot tell") == 2


def test_a_person_is_exported_as_a_zip(tmp_path, capsys):
    import zipfile

    new_person(Workspace(tmp_path), "anna")
    target = tmp_path / "out.zip"

    assert main(["persons", "export", "anna", "--out", str(target), "--workspace", str(tmp_path)]) == 0

    assert capsys.readouterr().out.strip().splitlines()[-1] == str(target)
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["anna/person.json"]
        assert json.loads(archive.read("anna/person.json"))["id"] == "anna"


def test_help_is_quick():
    began = time.process_time_ns(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "easyphoto", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    seconds = time.perf_counter() - began[1]

    assert "photograph" in done.stdout
    # 0.1 s on an idle machine; the rest is room for a busy one.
    assert seconds < 3


def test_the_waiting_policy_is_set_before_torch():
    code = "import easyphoto.cli.main, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)

    assert done.stdout.split() == ["PASSIVE", "False"]


def test_no_password_is_written_into_a_report():
    typed = ["--backend", "http://me:secret@there:7860", "--backend-auth", "me:secret", "--auth=me:secret"]

    shown = redacted_arguments(typed)

    assert shown == ["--backend", "http://…@there:7860", "--backend-auth", "…", "--auth=…"]


@pytest.mark.parametrize("verb", [["check"], ["train", "anna"]], ids=" ".join)
def test_a_reference_that_is_not_in_the_folder_gives_2(tmp_path, capsys, verb):
    picture = Image.new("RGB", (64, 64))
    (tmp_path / "photos").mkdir()
    picture.save(tmp_path / "photos" / "a.png")
    words = [*verb, "--engine", "drawings", "--photos", str(tmp_path / "photos"), "--reference", "there/b.png"]

    assert main([*words, "--workspace", str(tmp_path / "workspace")]) == 2

    assert "b.png is not among the 1 photos." in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["persons"], ["persons", "delete", "anna", "--yes"], ["check", "--photos", "photos"], ["ui", "--port", "0"],
     ["train", "anna", "--photos", "photos"], ["photograph", "anna", "--template", "a.png"], ["demo"], ["setup"],
     ["weights", "list"], ["bench", "looks"]],
    ids=" ".join,
)  # fmt: skip
def test_a_workspace_of_a_later_version_is_refused_by_name_and_not_touched(tmp_path, capsys, arguments):
    (tmp_path / "persons").mkdir()
    (tmp_path / "workspace.json").write_text('{"format": 3}')

    assert main([*arguments, "--workspace", str(tmp_path)]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{tmp_path} was made by a later version of EasyPhoto")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["persons", "workspace.json"]


def test_the_doctor_says_what_is_wrong_with_the_workspaces_place(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("easyphoto.cli.doctor.measure_speed", unmeasured)
    webui = tmp_path / "webui"
    (webui / "modules").mkdir(parents=True)
    (webui / "webui.py").write_text("")
    (webui / "easyphoto" / "persons").mkdir(parents=True)
    (webui / "easyphoto").chmod(0o755)

    assert main(["doctor", "--workspace", str(webui / "easyphoto")]) == 0
    told = capsys.readouterr().out
    (webui / "easyphoto" / "workspace.json").write_text('{"format": 3}')
    assert main(["doctor", "--workspace", str(webui / "easyphoto")]) == 0
    later = capsys.readouterr().out

    assert "  workspace: of an earlier version (format 1); it is upgraded when it is first used" in told
    assert f"! workspace: it lies in the web UI {webui}, whose pages may hand out its photos" in told
    assert os.name == "nt" or "! workspace: other users of this machine can look into it; chmod -R go=" in told
    assert f"! workspace: {webui / 'easyphoto'} was made by a later version of EasyPhoto" in later


def unmeasured():
    raise ImportError("not measured here")


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["a table", "JSON"])
def test_a_check_that_keeps_no_photo_gives_2_after_its_verdicts(tmp_path, capsys, words):
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.png"):
        (tmp_path / "photos" / name).write_text("no picture")
    order = ["check", "--engine", "drawings", "--photos", str(tmp_path / "photos"), "--workspace", str(tmp_path / "w")]

    assert main([*order, *words]) == 2

    said = capsys.readouterr()
    last = said.err.splitlines()[-1]
    if words:
        assert [each["reason"] for each in json.loads(said.out)["verdicts"]] == ["unreadable", "unreadable"]
        assert json.loads(last)["error"]["code"] == "TooFewPhotos"
    else:
        assert said.out.splitlines()[-1] == "0 of 2 photos are kept."
        assert last == (
            "None of the 2 photos can be used: 2 × unreadable. "
            "Add sharp photos that show one face well, then try again."
        )


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A workspace in which the system refuses every new file, even to a superuser."""
    from easyphoto.workspace import upgrades

    workspace = open_workspace(tmp_path / "w")
    new_person(workspace, "anna")

    def refused(*, dir, **_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(dir))

    monkeypatch.setattr(upgrades.tempfile, "TemporaryFile", refused)
    return workspace


@pytest.mark.parametrize(
    "words",
    [["train", "anna", "--photos", "none"], ["photograph", "anna", "--template", "none.png"], ["demo"],
     ["persons", "add", "ben", "--photos", "none"], ["persons", "rename", "anna", "ben"], ["ui", "--port", "0"],
     ["persons", "delete", "anna", "--yes"], ["bench", "looks"], ["setup"], ["resume", "anna"]],
    ids=" ".join,
)  # fmt: skip
def test_a_workspace_that_takes_no_file_is_found_before_any_work(read_only, capsys, words):
    assert main([*words, "--workspace", str(read_only.root)]) == 5

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"Nothing can be written into {read_only.root}: Read-only file system. "
        "Check its permissions and the free space, or choose another folder.\n"
    )


@pytest.mark.parametrize("words", [["persons"], ["persons", "show", "anna"], ["templates"], ["configurations"]])
def test_what_only_reads_needs_no_workspace_that_can_be_written(read_only, words):
    assert main([*words, "--workspace", str(read_only.root)]) == 0


def test_results_that_cannot_be_written_are_said_before_anything_is_painted(tmp_path, capsys):
    new_person(Workspace(tmp_path / "w"), "anna")
    (tmp_path / "file.txt").write_text("")
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    words = ["photograph", "anna", "--template", str(tmp_path / "a.png"), "--out", str(tmp_path / "file.txt")]

    assert main([*words, "--workspace", str(tmp_path / "w")]) == 5

    assert capsys.readouterr().err == (
        f"Nothing can be written into {tmp_path / 'file.txt'}: Not a directory. "
        "Check its permissions and the free space, or choose another folder.\n"
    )
