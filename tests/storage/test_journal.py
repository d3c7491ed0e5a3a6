"""What a killed process began is ended by the next start: all are as before or as after, and nothing lies about."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.backends.published import published_name
from easyphoto.commands.base import NullContext
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.errors import DiskFailure, EasyPhotoError, NameTaken, RunBusy, UnknownPerson
from easyphoto.persons.folder import Trained, install_person
from easyphoto.persons.importing import first_of, import_persons
from easyphoto.persons.upkeep import sweep
from easyphoto.preprocess.dataset import read_dataset
from easyphoto.preprocess.sheet import CHECK_FILE
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.storage.files import write_text
from easyphoto.storage.journal import INSTALL, at_work, begin, changing, doomed, names_of, new_change, pending, works_on
from easyphoto.storage.records import read_json, write_json
from easyphoto.workspace.folders import Workspace
from tests.crowd import ListingHost, files_of, left_over, write_crowd
from tests.kills import killed_at, points_of
from tests.persons.arriving import one_person


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crowd(tmp_path_factory.mktemp("crowd") / "workspace", tmp_path_factory.mktemp("sources")).root


@dataclass
class Trial:
    """One verb in a fresh copy of the crowd, killed at each of its file operations."""

    crowd: Path
    place: Path
    act: Callable[[EasyPhoto, Path], object]
    prepare: Callable[[Workspace], object] = lambda _: None
    outside: list[Path] = field(default_factory=list)

    def app(self, name: str) -> EasyPhoto:
        root = Path(shutil.copytree(self.crowd, self.place / name / "workspace"))
        host = ListingHost()
        for id in ("anna", "ben"):
            host.publish(root / "persons" / id / "lora.safetensors")
        self.prepare(Workspace(root))
        return EasyPhoto(Workspace(root), mirrors=(), host=host)

    def each_point(self) -> list[EasyPhoto]:
        """The workspaces after a kill at each operation, and the restart."""
        whole = self.app("whole")
        points = points_of(self.place / "whole", lambda: self.act(whole, self.place / "whole"))
        assert points > 3
        return [self.restarted(number) for number in range(1, points + 1)]

    def restarted(self, number: int) -> EasyPhoto:
        app = self.app(str(number))
        with killed_at(self.place / str(number), number) as operations:
            self.act(app, self.place / str(number))
        assert operations.is_dead
        swept = sweep(app.workspace, app.host)
        assert swept.troubles == (), operations.seen[-1]
        assert left_over(app.workspace) == [], operations.seen[-1]
        return app


def persons_of(app: EasyPhoto) -> dict[str, dict[str, bytes]]:
    """Everybody's files but their record."""
    found = {person.id: files_of(app.workspace.person_folder(person.id)) for person in app.workspace.list_persons()}
    for files in found.values():
        del files["person.json"]
    return found


def listed_loras(app: EasyPhoto) -> set[str]:
    return {
        published_name(app.workspace.person_folder(person.id) / "lora.safetensors")
        for person in app.workspace.list_persons()
    }


def host_of(app: EasyPhoto) -> ListingHost:
    assert isinstance(app.host, ListingHost)
    return app.host


def test_an_import_killed_anywhere_brings_somebody_whole_or_not_at_all(crowd: Path, tmp_path: Path) -> None:
    archive = ExportPerson("anna", tmp_path / "anna.zip").run(EasyPhoto(Workspace(crowd), mirrors=()), NullContext())
    trial = Trial(crowd, tmp_path / "try", lambda app, _: ImportPersons(archive, name="carla").run(app, NullContext()))
    theirs = persons_of(EasyPhoto(Workspace(crowd), mirrors=()))

    for app in trial.each_point():
        now = persons_of(app)
        assert now in (theirs, {**theirs, "carla": theirs["anna"]})
        if "carla" not in now:
            ImportPersons(archive, name="carla").run(app, NullContext())
        assert persons_of(app)["carla"] == theirs["anna"]


def install(workspace: Workspace) -> None:
    """What the end of a training does: somebody like Ben takes Anna's place."""
    (run,) = workspace.runs_of("anna")
    source = workspace.persons / "ben"
    made = Trained(source / "lora.safetensors", None, read_dataset(source / "dataset"))
    install_person(workspace, replace(workspace.person("anna"), name="New"), made, run_folder=run)


def test_a_replacement_killed_anywhere_leaves_the_earlier_person_or_the_new_one(crowd: Path, tmp_path: Path) -> None:
    def prepare(workspace: Workspace) -> None:
        (run,) = workspace.runs_of("anna")
        write_json(run / CHECK_FILE, {"verdicts": [], "kept": ["1.png"], "notes": []})

    before = persons_of(EasyPhoto(Workspace(crowd), mirrors=()))
    seen = set()
    for app in Trial(crowd, tmp_path, lambda app, _: install(app.workspace), prepare).each_point():
        now = persons_of(app)
        is_new = app.workspace.person("anna").name == "New"
        assert now["ben"] == before["ben"]
        assert now["anna"]["lora.safetensors"] == before["ben" if is_new else "anna"]["lora.safetensors"]
        assert is_new or now == before
        install(app.workspace)
        assert app.workspace.person("anna").name == "New"
        seen.add(is_new)

    assert seen == {False, True}


def test_a_renaming_killed_anywhere_is_ended_or_was_never_begun(crowd: Path, tmp_path: Path) -> None:
    def rename(app: EasyPhoto, _: object = None) -> None:
        RenamePerson("anna", "Hanna", new_id="hanna").run(app, NullContext())

    before = persons_of(EasyPhoto(Workspace(crowd), mirrors=()))
    after = {"hanna" if id == "anna" else id: files for id, files in before.items()}
    seen = set()
    for app in Trial(crowd, tmp_path, rename).each_point():
        now, workspace = persons_of(app), app.workspace
        is_new = "hanna" in now
        assert now == (after if is_new else before)
        id, other = ("hanna", "anna") if is_new else ("anna", "hanna")
        texts = "".join(path.read_text() for path in workspace.root.rglob("*.json"))
        assert f'"{other}"' not in texts.replace(f'"name": "{other}"', "")
        assert len(workspace.runs_of(id)) == 1
        assert host_of(app).names == listed_loras(app)
        ExportPerson(id, workspace.root.parent / "out.zip").run(app, NullContext())
        if not is_new:
            rename(app)
        assert app.workspace.person("hanna").name == "Hanna"
        seen.add(is_new)

    assert seen == {False, True}


def test_a_renaming_that_was_cut_off_is_ended_by_asking_once_more(crowd: Path, tmp_path: Path) -> None:
    trial = Trial(crowd, tmp_path, lambda app, _: RenamePerson("anna", "Hanna", new_id="hanna").run(app, NullContext()))
    whole = trial.app("whole")
    points = points_of(tmp_path / "whole", lambda: trial.act(whole, tmp_path))

    for number in range(1, points):
        app = trial.app(str(number))
        with killed_at(tmp_path / str(number), number):
            trial.act(app, tmp_path)
        is_ended = not pending(app.workspace.root) and not (app.workspace.persons / "anna").exists()
        with pytest.raises(UnknownPerson) if is_ended else nullcontext():
            assert RenamePerson("anna", "Hanna", new_id="hanna").run(app, NullContext()).id == "hanna"
        assert {person.id for person in app.workspace.list_persons()} == {"hanna", "ben"}


def test_an_export_killed_anywhere_leaves_nothing_half_written(crowd: Path, tmp_path: Path) -> None:
    before = persons_of(EasyPhoto(Workspace(crowd), mirrors=()))

    def export(app: EasyPhoto, _: object = None) -> None:
        ExportPerson("anna", app.workspace.root / "anna.zip").run(app, NullContext())

    for app in Trial(crowd, tmp_path, export).each_point():
        assert persons_of(app) == before


def test_of_two_imports_of_one_name_at_once_the_second_is_told_and_the_first_stays(crowd: Path, tmp_path: Path) -> None:
    archives = [
        ExportPerson(id, tmp_path / f"{id}.zip").run(EasyPhoto(Workspace(crowd), mirrors=()), NullContext())
        for id in ("anna", "ben")
    ]
    workspace = Workspace(tmp_path / "workspace")
    barrier = threading.Barrier(2)
    said: list[object] = []

    class Waiting(NullProgress):
        """Both have looked whether the name is free before either puts somebody there."""

        def step(self, done: int, total: int, message: str = "", **_: object) -> None:
            if done == total and message.startswith("unpacking"):
                barrier.wait(30)

    def bring(archive: Path) -> None:
        try:
            import_persons(workspace, archive, host=ListingHost(), open_engine=one_person, name="c", progress=Waiting())
            said.append(archive.stem)
        except EasyPhotoError as error:
            said.append(type(error))

    threads = [threading.Thread(target=bring, args=(archive,)) for archive in archives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    (winner,) = (one for one in said if isinstance(one, str))
    assert NameTaken in said
    theirs = files_of(workspace.persons / "c")
    assert theirs["lora.safetensors"] == (crowd / "persons" / winner / "lora.safetensors").read_bytes()
    assert left_over(workspace) == []


def test_whom_somebody_works_on_is_not_renamed_meanwhile(crowd: Path, tmp_path: Path) -> None:
    app = Trial(crowd, tmp_path, lambda *_: None).app("one")

    with (
        at_work(app.workspace.root, names_of(("anna",)), NullProgress()),
        pytest.raises(RunBusy, match="is working on anna"),
    ):
        RenamePerson("anna", "Hanna", new_id="hanna").run(app, NullContext())

    assert RenamePerson("anna", "Hanna", new_id="hanna").run(app, NullContext()).id == "hanna"


def test_trainings_of_nobody_do_not_become_somebodys_by_a_renaming(crowd: Path, tmp_path: Path) -> None:
    app = Trial(crowd, tmp_path, lambda *_: None).app("one")
    write_json(app.workspace.runs / "20260102T000000Z-hanna" / "run.json", {"person": "hanna"})

    with pytest.raises(NameTaken, match="trainings of somebody called 'hanna'"):
        RenamePerson("anna", "Hanna", new_id="hanna").run(app, NullContext())


def test_what_another_process_is_changing_is_left_to_it(crowd: Path, tmp_path: Path) -> None:
    app = Trial(crowd, tmp_path, lambda *_: None).app("one")
    root = app.workspace.root
    change = begin(root, new_change(INSTALL, ("anna",), new="arriving/x/person", old="trash/x/anna"))
    (root / "trash" / "x").mkdir(parents=True)
    code = (
        "import sys, time, pathlib\nfrom easyphoto.storage.journal import changing\n"
        "with changing(pathlib.Path(sys.argv[1]), ('anna',)):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        swept = sweep(app.workspace, app.host)
        with pytest.raises(RunBusy, match=str(holder.pid)), changing(root, ("anna",), seconds=0.1):
            pass
        holder.kill()
    assert swept.troubles == ()
    assert pending(root) == (change,)
    assert (root / "trash" / "x").is_dir()

    sweep(app.workspace, app.host)
    assert pending(root) == ()
    assert not (root / "trash" / "x").exists()


def test_a_damaged_record_of_the_journal_stops_nobody_and_a_path_out_of_the_workspace_is_not_followed(
    crowd: Path, tmp_path: Path
) -> None:
    app = Trial(crowd, tmp_path, lambda *_: None).app("one")
    root, outside = app.workspace.root, tmp_path / "mine"
    outside.mkdir()
    write_text(root / "changes" / "1.json", "{")
    begin(root, new_change(INSTALL, ("anna",), new="../../mine", old="../../mine"))

    assert "points outside" in " ".join(sweep(app.workspace, app.host).troubles)

    assert outside.is_dir()
    assert {person.id for person in app.workspace.list_persons()} == {"anna", "ben"}


def test_who_works_is_seen_and_stops_when_they_are_being_deleted(tmp_path: Path) -> None:
    names = names_of(("anna",), ("a.jpg",))

    with at_work(tmp_path, names, NullProgress()) as watched:
        assert len(works_on(tmp_path, names_of(("anna",)))) == len(works_on(tmp_path, names_of((), ("a.jpg",)))) == 1
        assert works_on(tmp_path, names_of(("ben",))) == ()
        watched.check()
        begin(tmp_path, new_change("delete", (), uploads=("a.jpg",)))
        with pytest.raises(Cancelled, match=r"a\.jpg is being deleted"):
            watched.look()

    assert works_on(tmp_path, names) == ()
    assert doomed(tmp_path) == {"uploads/a.jpg"}
    with pytest.raises(Cancelled), at_work(tmp_path, names, NullProgress()):
        pass
    assert [path.suffix for path in (tmp_path / "changes").iterdir()] == [".json"]


def test_a_person_can_be_taken_out_of_a_workspace_whose_disk_takes_nothing(
    crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DiskFailure("full")

    monkeypatch.setattr("easyphoto.storage.journal.file_lock", full)

    assert (
        ExportPerson("anna", tmp_path / "anna.zip")
        .run(EasyPhoto(Workspace(crowd), mirrors=()), NullContext())
        .is_file()
    )


def test_half_a_renaming_of_an_earlier_version_is_exported_whole(crowd: Path, tmp_path: Path) -> None:
    app = Trial(crowd, tmp_path, lambda *_: None).app("one")
    record = app.workspace.persons / "anna" / "person.json"
    write_json(record, {**read_json(record), "id": "hanna"})

    ExportPerson("anna", tmp_path / "anna.zip").run(app, NullContext())

    fresh = EasyPhoto(Workspace(tmp_path / "fresh"), mirrors=(), host=ListingHost())
    assert first_of(ImportPersons(tmp_path / "anna.zip", name="anna").run(fresh, NullContext())).id == "anna"
    with pytest.raises(UnknownPerson):
        ExportPerson("hanna", tmp_path / "hanna.zip").run(app, NullContext())
    assert not (tmp_path / "hanna.zip").exists()
