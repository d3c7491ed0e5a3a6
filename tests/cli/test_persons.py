"""`persons import` and `rename`, and a web UI elsewhere for `photograph` and `doctor`."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyphoto import app as app_module
from easyphoto.cli import doctor
from easyphoto.cli.main import main
from easyphoto.workspace.folders import Workspace
from tests.backends.sdapi_server import HostState, serving
from tests.fakes import new_person
from tests.persons.arriving import OnePersonEngine, write_earlier

SECRET = "anna:word-7"


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "choose_engine", lambda *_, **__: OnePersonEngine())
    monkeypatch.setattr(app_module, "open_engine", lambda *_, **__: OnePersonEngine())


def test_who_arrives_is_named_on_stdout_and_who_does_not_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_earlier(tmp_path / "webui", "anna", photos=2, reference=0)
    write_earlier(tmp_path / "webui", "My Wife", photos=2, reference=0)
    workspace = str(tmp_path / "workspace")

    assert main(["persons", "import", str(tmp_path / "webui"), "--workspace", workspace]) == 0

    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'workspace' / 'persons' / 'anna'}\n"
    assert "Left out: My Wife." in said.err
    assert "Note on anna: Imported:" in said.err


def test_a_renamed_person_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_person(Workspace(tmp_path), "anna")

    assert main(["persons", "rename", "anna", "Änne", "--id", "aenne", "--workspace", str(tmp_path)]) == 0
    assert main(["persons", "rename", "aenne", "--workspace", str(tmp_path)]) == 2

    assert capsys.readouterr().out == "aenne  Änne\n"
    assert Workspace(tmp_path).person("aenne").name == "Änne"


def test_the_doctor_looks_at_a_web_ui(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyphoto.cli.doctor.examine", lambda *_: iter(()))
    monkeypatch.setenv("EASYPHOTO_BACKEND_AUTH", SECRET)
    with serving(HostState(auth=SECRET)) as host:
        assert main(["doctor", "--backend", host.url, "--workspace", str(tmp_path)]) == 0

    assert "answers" in capsys.readouterr().out
    assert doctor.examine is not None


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
