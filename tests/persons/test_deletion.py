"""One deletion, whole: killed anywhere it is ended, whoever works on them stops, and what did not go is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.cli.main import main
from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.templates import own_templates
from easyphoto.errors import DiskFailure, UnknownPerson
from easyphoto.host.base import ThisMachine
from easyphoto.images.pictures import write_picture
from easyphoto.persons.deletion import delete_person
from easyphoto.persons.upkeep import sweep
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.storage.files import write_text
from easyphoto.storage.journal import DELETE, at_work, begin, names_of, new_change, pending
from easyphoto.storage.records import write_json
from easyphoto.storage.scratch import held_folder
from easyphoto.workspace.folders import EXPORT_NOTE, Workspace
from tests.crowd import ListingHost, files_of, left_over, write_crowd
from tests.kills import killed_at, points_of


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crowd(tmp_path_factory.mktemp("crowd") / "workspace", tmp_path_factory.mktemp("sources")).root


@pytest.fixture
def app(crowd: Path, tmp_path: Path) -> EasyPhoto:
    return copy_of(crowd, tmp_path / "one")


def copy_of(crowd: Path, place: Path) -> EasyPhoto:
    root, host = Path(shutil.copytree(crowd, place / "workspace")), ListingHost()
    for id in ("anna", "ben"):
        host.publish(root / "persons" / id / "lora.safetensors")
    return EasyPhoto(Workspace(root), mirrors=(), host=host)


def names_in(app: EasyPhoto) -> str:
    return " ".join(str(path.relative_to(app.workspace.root)) for path in app.workspace.root.rglob("*"))


def pictures_of(root: Path, id: str) -> set[bytes]:
    return {path.read_bytes() for path in (root / "persons" / id).rglob("*") if path.suffix in (".png", ".jpg")}


def hosts(app: EasyPhoto) -> set[str]:
    assert isinstance(app.host, ListingHost)
    return app.host.names


def test_everything_of_somebody_goes_and_nothing_of_anybody_else(app: EasyPhoto, crowd: Path) -> None:
    before = files_of(crowd)

    deletion = DeletePerson("anna").run(app, NullContext())

    after = files_of(app.workspace.root)
    assert deletion.left == ()
    assert {path.name for path in deletion.gone if path.suffix != ".json"} >= {"anna", "anna-1.png", "20263-anna-ben"}
    assert after == {name: content for name, content in before.items() if "anna" not in name}
    assert hosts(app) == {name for name in hosts(app) if name.startswith("easyphoto-ben-")} != set()
    with pytest.raises(UnknownPerson):
        DeletePerson("anna").run(app, NullContext())


def test_killed_anywhere_a_deletion_is_ended_or_was_never_begun_and_can_be_repeated(
    crowd: Path, tmp_path: Path
) -> None:
    whole, before = copy_of(crowd, tmp_path / "whole"), files_of(crowd)
    points = points_of(tmp_path / "whole", lambda: DeletePerson("anna").run(whole, NullContext()))
    after, bens = files_of(whole.workspace.root), set(hosts(whole))
    seen = set()

    assert points > 40
    for number in range(1, points + 1):
        for repeat in (False, True):
            app = copy_of(crowd, tmp_path / f"{number}-{repeat}")
            with killed_at(tmp_path / f"{number}-{repeat}", number) as operations:
                DeletePerson("anna").run(app, NullContext())
            assert operations.is_dead
            begun = bool(pending(app.workspace.root))
            assert [person.id for person in app.workspace.list_persons()] == (
                ["ben"] if begun else [p.id for p in app.workspace.list_persons()]
            )
            # All of it may have gone before the kill.
            if repeat and (begun or (app.workspace.persons / "anna").exists()):
                assert DeletePerson("anna").run(app, NullContext()).left == ()
            assert sweep(app.workspace, app.host).troubles == ()
            now = files_of(app.workspace.root)
            assert now in ((after,) if repeat else (before, after)), operations.seen[-1]
            assert left_over(app.workspace) == []
            assert hosts(app) == bens or now == before
            seen.add(now == before)
    assert seen == {False, True}


def traces_of_nobody(workspace: Workspace) -> None:
    """A first training that was cancelled, one that was cut off while cropping, and a session that was killed."""
    write_json(workspace.runs / "20260101T000000Z-carla" / "run.json", {"person": "carla"})
    write_text(workspace.runs / "20260102T000000Z-carla" / "photos" / "1.png", "photo")
    write_picture(
        workspace.results / "2026-carla" / "1.png", Image.new("RGB", (8, 8)), {"persons": ["carla"], "seed": 1}
    )
    write_text(workspace.uploads / "carla.png", "photo")
    subject = {"persons": ["carla"], "uploads": ["carla.png"]}
    write_json(workspace.jobs / "carla" / "job.json", {"state": "cancelled", "subject": subject})
    write_json(
        workspace.jobs / "check" / "job.json", {"state": "done", "subject": {"persons": [], "uploads": ["carla.png"]}}
    )
    write_text(workspace.persons / "carla" / "lora.safetensors", "what a killed deletion of before left")


def test_who_never_became_a_person_is_deleted_by_name(app: EasyPhoto, crowd: Path) -> None:
    traces_of_nobody(app.workspace)

    assert len(DeletePerson("carla").run(app, NullContext()).gone) == 7

    assert files_of(app.workspace.root) == files_of(crowd)


def test_the_command_line_deletes_them_too_and_says_what_went(
    crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(Path(shutil.copytree(crowd, tmp_path / "workspace")))
    traces_of_nobody(workspace)

    assert main(["persons", "delete", "carla", "--yes", "--workspace", str(workspace.root)]) == 0
    said = capsys.readouterr().out
    assert main(["persons", "delete", "carla", "--yes", "--workspace", str(workspace.root)]) == 2

    assert f"{workspace.persons / 'carla'}\n" in said
    left = {name: content for name, content in files_of(workspace.root).items() if not name.startswith("workspace.")}
    assert left == files_of(crowd)


def test_what_damaged_records_say_is_not_followed_and_stops_nothing(app: EasyPhoto, tmp_path: Path) -> None:
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"mine")
    workspace = app.workspace
    for number, subject in enumerate(
        (
            {"persons": ["anna"], "uploads": [str(mine), "../persons/ben/person.json", "", ".."]},
            {"persons": "anna"},
            {"persons": [1, None]},
            [],
        )
    ):
        write_json(workspace.jobs / f"odd-{number}" / "job.json", {"subject": subject})
    write_json(workspace.results / "odd" / "photograph.json", {"persons": {"anna": 1}})
    write_json(workspace.runs / "odd" / "run.json", {"person": ["anna"]})

    assert DeletePerson("anna").run(app, NullContext()).left == ()

    assert mine.read_bytes() == b"mine"
    assert [person.id for person in app.workspace.list_persons()] == ["ben"]
    assert not (workspace.jobs / "odd-0").exists()
    assert (workspace.jobs / "odd-1").exists()


def test_the_pages_own_copies_and_exports_go_too(app: EasyPhoto, crowd: Path) -> None:
    workspace = app.workspace
    theirs, bens = (sorted(pictures_of(crowd, id))[0] for id in ("anna", "ben"))
    with held_folder(workspace.page) as page:
        for name, content in (("a/image.png", theirs), ("b/image.png", bens)):
            write_text(page / name, "")
            (page / name).write_bytes(content)
        for id in ("anna", "ben"):
            ExportPerson(id, page / "easyphoto-exports" / f"{id}.zip").run(app, NullContext())
        (page / "upload.zip").write_bytes(b"no archive")
        # Gradio encodes what it shows anew, and a contact sheet is like nothing else: a note says whom it shows.
        write_text(page / "c" / "image.webp", "whoever is on show")
        for id in ("anna", "ben"):
            write_json(page / "easyphoto-exports" / f"of-{id}" / EXPORT_NOTE, {"persons": [id], "asker": "b0"})
            write_text(page / "easyphoto-exports" / f"of-{id}" / "sheet.png", f"a sheet of {id}")

        DeletePerson("anna").run(app, NullContext())

        assert sorted(files_of(page)) == [
            "b/image.png",
            "easyphoto-exports/ben.zip",
            "easyphoto-exports/of-ben/about.json",
            "easyphoto-exports/of-ben/sheet.png",
            "upload.zip",
        ]


def test_left_overs_of_killed_processes_go_with_whoever_is_deleted(app: EasyPhoto, crowd: Path) -> None:
    workspace = app.workspace
    for place in (workspace.templates, workspace.uploads, workspace.results, workspace.persons / "ben"):
        write_text(place / ".writing-0123456789abcdef.png", "face")
    for place in (workspace.arriving, workspace.passing, workspace.page):
        write_text(place / "0123" / "photo.png", "face")
        (place / "0123.lock").touch()

    DeletePerson("anna").run(app, NullContext())

    assert left_over(workspace) == []
    assert own_templates(app.workspace) == ()


def worker(code: str, root: Path) -> subprocess.Popen[str]:
    """Another process, once it has said that it has begun."""
    head = (
        "import sys, time, pathlib\nfrom easyphoto.workspace.folders import Workspace\n"
        "from easyphoto.storage.journal import *\n"
        "from easyphoto.progress import NullProgress\nworkspace = Workspace(pathlib.Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", head + code, str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


WORK = "at_work(workspace.root, names_of(('anna',)), NullProgress())"
WORKING = f"""
with {WORK} as watched:
    print("begun", flush=True)
    while True:
        watched.check()
        time.sleep(0.01)
        (workspace.results / "late").mkdir(parents=True, exist_ok=True)
        (workspace.results / "late" / "photograph.json").write_text('{{"format": 1, "persons": ["anna"]}}')
"""


def test_another_process_is_asked_to_stop_and_leaves_nothing(app: EasyPhoto) -> None:
    with worker(WORKING, app.workspace.root) as process:
        deletion = DeletePerson("anna").run(app, NullContext())
        assert process.wait(20) != 0
        assert "Cancelled: anna is being deleted." in str(process.communicate()[1])

    assert deletion.left == ()
    assert "anna" not in names_in(app)
    assert not (app.workspace.results / "late").exists()


def test_a_process_that_does_not_stop_is_named_and_the_rest_goes_later(
    app: EasyPhoto, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = f"with {WORK}:\n    print('begun', flush=True)\n    time.sleep(600)"
    root = app.workspace.root
    monkeypatch.setattr("easyphoto.persons.deletion.delete_person", partial(delete_person, seconds=0.3))
    with worker(stubborn, root) as process:
        assert main(["persons", "delete", "anna", "--yes", "--workspace", str(root)]) == 5
        said = capsys.readouterr()
        assert f"anna: process {process.pid} works on them and has not stopped yet" in said.err
        assert str(app.workspace.persons / "anna") in said.out
        assert [person.id for person in app.workspace.list_persons()] == ["ben"]
        write_text(app.workspace.persons / "anna" / "person.json", "{}")
        assert sweep(app.workspace, app.host).troubles == (
            f"anna: process {process.pid} works on them and has not stopped yet",
        )
        process.kill()

    assert sweep(app.workspace, app.host).troubles == ()
    assert "anna" not in names_in(app)
    assert left_over(app.workspace) == []


def test_an_import_of_whom_somebody_deletes_stops(app: EasyPhoto, tmp_path: Path) -> None:
    archive = ExportPerson("anna", tmp_path / "anna.zip").run(app, NullContext())
    begun = begin(app.workspace.root, new_change(DELETE, ("carla",)))

    class Deleting(NullProgress):
        def step(self, done: int, total: int, message: str = "", **_: object) -> None:
            begin(app.workspace.root, begun)

    with pytest.raises(Cancelled):
        ImportPersons(archive, name="carla").run(app, NullContext(Deleting()))

    assert not (app.workspace.persons / "carla").exists()


def test_what_cannot_be_deleted_is_named_and_nothing_else_stays(
    app: EasyPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename: Callable[..., None] = os.rename

    def refuse(source: Path, target: Path) -> None:
        if "results" in str(source):
            raise PermissionError(13, "it is open elsewhere", str(source))
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    deletion = DeletePerson("anna").run(app, NullContext())
    monkeypatch.undo()

    assert [left.what for left in deletion.left] == ["results/20260-anna", "results/20263-anna-ben"]
    assert "it is open elsewhere" in deletion.left[0].why
    assert not (app.workspace.persons / "anna").exists()
    assert DeletePerson("anna").run(app, NullContext()).left == ()
    assert "anna" not in names_in(app)


def test_a_full_disk_keeps_nobody_from_deleting(app: EasyPhoto, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DiskFailure("full")

    monkeypatch.setattr("easyphoto.persons.deletion.begin", full)

    assert DeletePerson("anna").run(app, NullContext()).left == ()
    assert "anna" not in names_in(app)


def test_a_list_of_loras_that_only_a_web_ui_has_is_put_right_when_that_comes(app: EasyPhoto, tmp_path: Path) -> None:
    with killed_at(tmp_path, 30):
        DeletePerson("anna").run(app, NullContext())
    assert pending(app.workspace.root)
    begun = hosts(app) | {name for change in pending(app.workspace.root) for name in change.listed}
    app.host.names.update(begun)  # type: ignore[attr-defined]

    sweep(app.workspace, ThisMachine())
    assert "anna" not in names_in(app)
    assert len(hosts(app)) == 2
    sweep(app.workspace, app.host)

    assert len(hosts(app)) == 1
    assert pending(app.workspace.root) == ()


def test_two_who_delete_the_same_person_at_once_do_not_meet(app: EasyPhoto) -> None:
    said: list[object] = []

    def delete() -> None:
        try:
            said.append(DeletePerson("anna").run(app, NullContext()).left)
        except UnknownPerson:
            said.append(())

    threads = [threading.Thread(target=delete) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert said == [(), (), ()]
    assert "anna" not in names_in(app)
    assert pending(app.workspace.root) == ()


def test_work_on_somebody_else_is_not_stopped(app: EasyPhoto) -> None:
    with at_work(app.workspace.root, names_of(("ben",)), NullProgress()) as watched:
        began = time.monotonic()
        DeletePerson("anna").run(app, NullContext())
        watched.look()

    assert time.monotonic() - began < 20


def test_an_export_ends_where_its_person_is_being_deleted(app: EasyPhoto, tmp_path: Path) -> None:
    begin(app.workspace.root, new_change(DELETE, ("anna",)))

    with at_work(app.workspace.root, names_of(("ben",)), NullProgress()), pytest.raises(UnknownPerson):
        ExportPerson("anna", tmp_path / "anna.zip").run(app, NullContext())

    assert not (tmp_path / "anna.zip").exists()
