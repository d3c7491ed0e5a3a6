"""`persons add`, `import` and `rename`, and a web UI elsewhere for `photograph` and `doctor`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto import __version__
from easyphoto import app as app_module
from easyphoto.backends.headers import read_header
from easyphoto.cli import doctor
from easyphoto.cli.main import main
from easyphoto.storage.records import write_json
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person
from tests.backends.sdapi_server import HostState, serving
from tests.commands.doubles import Trainer, stand_in
from tests.fakes import new_person
from tests.persons.arriving import OnePersonEngine, write_earlier, write_lora, write_photo

SECRET = "anna:word-7"


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "choose_engine", lambda *_, **__: OnePersonEngine())
    monkeypatch.setattr(app_module, "open_engine", lambda *_, **__: OnePersonEngine())


def test_who_arrives_is_named_on_stdout_and_who_does_not_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_earlier(tmp_path / "webui", "anna", photos=2, reference=0)
    write_earlier(tmp_path / "webui", "con", photos=2, reference=0)
    workspace = str(tmp_path / "workspace")

    assert main(["persons", "import", str(tmp_path / "webui"), "--workspace", workspace]) == 0

    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'workspace' / 'persons' / 'anna'}\n"
    assert "Left out: con." in said.err
    assert "Note on anna: Imported." in said.err


def test_a_renamed_person_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_person(Workspace(tmp_path), "anna")

    assert main(["persons", "rename", "anna", "Änne", "--id", "aenne", "--workspace", str(tmp_path)]) == 0
    assert main(["persons", "rename", "aenne", "--workspace", str(tmp_path)]) == 2

    assert capsys.readouterr().out == "aenne  Änne\n"
    assert Workspace(tmp_path).person("aenne").name == "Änne"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ben"], "anna is now called 'ben' (before: 'anna'). The id, which every verb takes, is still anna; to change "
                  "it too: easyphoto persons rename anna ben --id NEWID"),
        (["Anna B."], "anna is now called 'Anna B.' (before: 'anna'). The id, which every verb takes, is still anna; "
                      "to change it too: easyphoto persons rename anna 'Anna B.' --id NEWID"),
        (["Anna"], "anna is now called 'Anna' (before: 'anna')."),
        (["anna"], "anna was called 'anna' already; nothing is changed."),
        (["Ben", "--id", "ben"], "The id is now ben, and the name 'Ben'. Every verb takes the id."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_rename_says_what_it_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    new_person(Workspace(tmp_path), "anna")

    assert main(["persons", "rename", "anna", *words, "--workspace", str(tmp_path)]) == 0

    assert capsys.readouterr().err == f"{said}\n"


def test_who_was_renamed_is_listed_with_both_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_person(Workspace(tmp_path), "anna")
    main(["persons", "rename", "anna", "ben", "--workspace", str(tmp_path)])
    capsys.readouterr()

    main(["persons", "--workspace", str(tmp_path)])

    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["person", "name"], ["anna", "ben"]]


def test_programs_are_told_who_is_there_and_who_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path)
    new_person(workspace, "anna")
    (tmp_path / "persons" / "ben").mkdir()
    (tmp_path / "persons" / "ben" / "person.json").write_text("{")

    assert main(["persons", "--json", "--workspace", str(tmp_path)]) == 0
    everybody = json.loads(capsys.readouterr().out)
    assert main(["persons", "show", "anna", "--json", "--workspace", str(tmp_path)]) == 0
    one = json.loads(capsys.readouterr().out)

    created = workspace.person("anna").created
    assert one == {
        "format": 1,
        "person": {
            "id": "anna", "name": "anna", "family": "miniature", "domain": None, "created": created,
            "is_ready": False, "is_trained": False, "photos": 0, "likeness": None, "notes": [], "run": None,
            "kind": "face", "words": "", "proposed_words": "",
            "folder": str(tmp_path / "persons" / "anna"), "portrait": None, "lora": None,
        },
    }  # fmt: skip
    assert (everybody["format"], everybody["persons"]) == (1, [one["person"]])
    assert [each["id"] for each in everybody["damaged"]] == ["ben"]


def test_the_doctor_looks_at_a_web_ui(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyphoto.cli.doctor.examine", lambda *_: iter(()))
    monkeypatch.setenv("EASYPHOTO_BACKEND_AUTH", SECRET)
    with serving(HostState(auth=SECRET)) as host:
        assert main(["doctor", "--backend", host.url, "--workspace", str(tmp_path)]) == 0

    assert "answers" in capsys.readouterr().out
    assert doctor.examine is not None


def test_programs_are_told_what_the_doctor_finds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyphoto.cli.doctor.examine", lambda *_: iter(("  torch 2.1", "! yunet is missing")))

    assert main(["doctor", "--json", "--workspace", str(tmp_path)]) == 0

    assert json.loads(capsys.readouterr().out) == {
        "format": 1,
        "version": __version__,
        "findings": [{"problem": False, "text": "torch 2.1"}, {"problem": True, "text": "yunet is missing"}],
    }


def test_a_password_that_does_not_fit_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyphoto.cli.doctor.examine", lambda *_: iter(()))
    with serving(HostState(auth="ben:other")) as host:
        url = host.url.replace("http://", f"http://{SECRET}@")
        assert main(["doctor", "--backend", url, "--workspace", str(tmp_path)]) == 0

    said = capsys.readouterr()
    assert "refused the name and password" in said.out
    assert "word-7" not in said.out + said.err


def test_a_persons_picture_is_asked_of_the_web_ui(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_earlier(tmp_path / "webui", photos=2, reference=0)
    workspace = str(tmp_path / "workspace")
    assert main(["persons", "import", str(folder), "--workspace", workspace]) == 0
    template = str(folder / "original_backup" / "1.jpg")
    order = ["photograph", "anna", "--template", template, "--workspace", workspace, "--backend"]
    with serving() as host:
        assert main([*order, host.url]) == 5
        assert host.state.times("/sdapi/v1/img2img") == 0
    assert "Copy " in capsys.readouterr().err

    with serving() as host:
        lora = Workspace(tmp_path / "workspace").persons / "anna" / "lora.safetensors"
        from easyphoto.backends.published import published_name

        host.state.loras[published_name(lora)] = {}
        assert main([*order, host.url]) == 0
        assert host.state.times("/sdapi/v1/img2img") == 2

    assert capsys.readouterr().out.strip().endswith("anna-0.png")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for number in range(3):
        write_photo(tmp_path / "album" / f"{number}.png", number)
    (tmp_path / "album" / "notes.png").write_text("dear diary")
    return tmp_path / "album"


def test_who_is_added_is_named_on_stdout_and_the_verdicts_beside_it(
    tmp_path: Path, album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = ["persons", "add", "Anna", "--photos", str(album), "--reference", "1.png", "--keep", "2"]
    workspace = ["--workspace", str(tmp_path / "workspace")]

    assert main([*order, "--sheet", str(tmp_path / "sheet"), *workspace]) == 0

    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'workspace' / 'persons' / 'anna'}\n"
    assert "2 of 4 photos are kept." in said.err
    assert "The file cannot be read as a picture. It is a text. Remove it." in said.err
    assert said.err.count("Note: Only 2 photos are kept") == 1
    assert {file.name for file in (tmp_path / "sheet").iterdir()} == {"verdicts.png", "verdicts.json"}
    person = Workspace(tmp_path / "workspace").person("anna")
    assert (person.name, len(person.photos), person.lora) == ("Anna", 2, None)
    assert main(["persons", *workspace]) == 0
    assert [line.split()[:5] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["anna", "Anna", "not", "trained", "2"]
    ]
    assert main(["persons", "show", "anna", *workspace]) == 0
    shown = capsys.readouterr().out
    assert "state      not trained" in shown
    assert "lora       none" in shown


def test_a_name_that_is_taken_and_photos_that_are_not_given_are_bad_input(
    tmp_path: Path, album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_person(Workspace(tmp_path / "workspace"), "anna")
    workspace = ["--workspace", str(tmp_path / "workspace")]

    assert main(["persons", "add", "anna", "--photos", str(album), *workspace]) == 2
    assert main(["persons", "add", "ben", *workspace]) == 2
    assert main(["train", "ben", *workspace]) == 2

    said = capsys.readouterr().err
    assert (
        "There is already a person 'anna'. Train them again with these photos, or rename or delete them first." in said
    )
    assert "persons add needs --photos DIR." in said
    assert "There are no photos of 'ben' here." in said


def test_a_training_takes_the_photos_of_who_was_added(
    tmp_path: Path, album: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, OnePersonEngine(), Trainer(), tmp_path / "base")
    workspace = ["--workspace", str(tmp_path / "workspace")]
    assert main(["persons", "add", "anna", "--photos", str(album), *workspace]) == 0

    assert main(["train", "anna", *workspace]) == 0

    assert capsys.readouterr().out.splitlines()[-1].endswith("lora.safetensors")
    assert len(Workspace(tmp_path / "workspace").person("anna").photos) == 3


def test_words_are_shown_changed_and_cleared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(tmp_path)
    new_person(workspace, "anna")
    words = ["persons", "words", "anna"]

    assert main([*words, "grey hair, glasses", "--workspace", str(tmp_path)]) == 0
    assert main([*words, "--workspace", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "grey hair, glasses\n" * 2
    assert main(["persons", "show", "anna", "--workspace", str(tmp_path)]) == 0
    assert "words      grey hair, glasses" in capsys.readouterr().out
    assert main([*words, "", "--workspace", str(tmp_path)]) == 0
    assert workspace.person("anna").words == ""


def test_a_proposal_says_how_it_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(tmp_path)
    workspace.save_person(replace(new_person(workspace, "anna"), proposed_words="brown hair"))

    assert main(["persons", "words", "anna", "--workspace", str(tmp_path)]) == 0

    said = capsys.readouterr()
    assert said.out == "\n"
    assert said.err == "Proposed for prompts: brown hair. To take it: easyphoto persons words anna 'brown hair'\n"
    assert main(["persons", "show", "anna", "--workspace", str(tmp_path)]) == 0
    assert "proposed   brown hair" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["anna", "<lora:x:1>"], "contain < or >"),
        (["anna", "x" * 301], "have 301 characters"),
        (["anna", "glasses", "--propose"], "takes words or --propose, not both"),
        (["nobody", "glasses"], "There is no person 'nobody'."),
        ([], "persons words needs a name."),
    ],
)
def test_words_that_do_not_fit_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: list[str], said: str
) -> None:
    new_person(Workspace(tmp_path), "anna")

    assert main(["persons", "words", *typed, "--workspace", str(tmp_path)]) == 2

    assert said in capsys.readouterr().err
    assert Workspace(tmp_path).person("anna").words == ""


# --- scenes and objects ---


def a_scene(workspace: Workspace) -> Path:
    """The scene `room`, trained in a run with two checkpoints."""
    run = workspace.runs / "20260101T000000Z-room"
    write_json(run / "run.json", {})
    for step in (100, 200):
        write_lora(run / "checkpoints" / f"step-{step:06d}.safetensors")
    write_lora(workspace.person_folder("room") / "lora.safetensors", ss_steps="200")
    workspace.save_person(
        Person("room", "Red room", "sd15", "", lora="lora.safetensors", run=run.name, kind="scene", words="a red room")
    )
    return run


def test_scenes_are_listed_beside_persons_and_by_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(tmp_path)
    new_person(workspace, "anna")
    a_scene(workspace)

    def said(*words: str) -> str:
        assert main(["persons", *words, "--workspace", str(tmp_path)]) == 0
        return capsys.readouterr().out

    assert [line.split()[0] for line in said().splitlines()] == ["person", "anna", "room"]
    assert [line.split()[0] for line in said("--kind", "scene").splitlines()] == ["person", "room"]
    assert [person["id"] for person in json.loads(said("--kind", "face", "--json"))["persons"]] == ["anna"]
    shown = said("show", "room")
    assert "kind       scene" in shown
    assert "words      a red room" in shown
    assert "likeness" not in shown
    assert "pictures" not in shown


def test_the_steps_to_choose_from_are_listed_and_others_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = a_scene(Workspace(tmp_path))

    assert main(["persons", "choose", "room", "--workspace", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out == "100\n200\n"
    assert f"Test pictures: {run / 'contact-sheet.png'}" in said.err
    for written, words in (("300", "There are: 100, 200."), ("best", "'best' is no step of a training.")):
        assert main(["persons", "choose", "room", written, "--workspace", str(tmp_path)]) == 2
        assert words in capsys.readouterr().err


def test_a_lora_file_is_imported_and_leaves_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lora, workspace = write_lora(tmp_path / "cat.safetensors"), ["--workspace", str(tmp_path / "workspace")]

    assert main(["persons", "import", str(lora), *workspace]) == 2
    assert "--kind scene or --kind object" in capsys.readouterr().err
    assert main(["persons", "import", str(lora), "--kind", "object", "--words", "a grey cat", *workspace]) == 0
    assert main(["persons", "export", "cat", "--out", str(tmp_path / "out.safetensors"), *workspace]) == 0

    assert read_header(tmp_path / "out.safetensors").metadata["ep_prompt"] == "a grey cat"
    assert Workspace(tmp_path / "workspace").person("cat").words == "a grey cat"
