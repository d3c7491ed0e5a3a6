"""Persons from elsewhere: whole or not at all, photographable, and nothing is believed that was not looked at."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.backends.headers import read_header
from easyphoto.commands.base import NullContext
from easyphoto.commands.export_person import ExportPerson
from easyphoto.errors import BadName, BadPicture, DiskFailure, EasyPhotoError, InputError, NameTaken, TooFewPhotos
from easyphoto.host.base import ThisMachine
from easyphoto.inference.identities.lora import TrainedLora
from easyphoto.persons import archive
from easyphoto.persons.folder import base_of
from easyphoto.persons.importing import ImportedPersons, first_of, import_persons
from easyphoto.persons.subject import subject_from
from easyphoto.progress import Cancelled
from easyphoto.workspace.folders import Workspace
from tests.fakes import RecordingProgress
from tests.persons.arriving import OnePersonEngine, one_person, write_earlier, write_lora, write_photo


@dataclass(frozen=True)
class Publishing(ThisMachine):
    published: list[Path] = field(default_factory=list)
    error: EasyPhotoError | None = None

    def publish(self, lora: Path) -> Path | None:
        if self.error is not None:
            raise self.error
        self.published.append(lora)
        return lora


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture(scope="module")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("webui")
    write_earlier(root)
    return root


@pytest.fixture
def earlier(tmp_path: Path, webui: Path) -> Path:
    return shutil.copytree(webui, tmp_path / "webui") / "outputs" / "easyphoto-user-id-infos" / "anna"


def arrived(
    workspace: Workspace, source: Path, name: str | None = None, host: Publishing | None = None
) -> ImportedPersons:
    return import_persons(workspace, source, host=host or Publishing(), open_engine=one_person, name=name)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, webui: Path) -> Workspace:
    """Where the exported person lives."""
    workspace = Workspace(tmp_path_factory.mktemp("elsewhere"))
    arrived(workspace, webui)
    return workspace


@pytest.fixture
def exported(tmp_path: Path, elsewhere: Workspace) -> Path:
    return ExportPerson("anna", tmp_path / "anna.zip").run(EasyPhoto(elsewhere, mirrors=()), NullContext())


def changed(source: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other content."""
    with zipfile.ZipFile(source) as opened:
        entries = {name: opened.read(name) for name in opened.namelist()}
    change(entries)
    target = source.with_name("changed.zip")
    with zipfile.ZipFile(target, "w") as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return target


def nobody_is_here(workspace: Workspace) -> bool:
    return workspace.list_persons() == () and not (workspace.root / "arriving").exists()


# an export of ours


def test_an_exported_person_comes_back_whole(workspace: Workspace, exported: Path, elsewhere: Workspace) -> None:
    host = Publishing()

    person = first_of(arrived(workspace, exported, host=host))

    there, here = elsewhere.persons / "anna", workspace.persons / "anna"
    files = {path.relative_to(there) for path in there.rglob("*") if path.is_file()}
    assert {path.relative_to(here) for path in here.rglob("*") if path.is_file()} == files
    assert (here / "lora.safetensors").read_bytes() == (there / "lora.safetensors").read_bytes()
    assert person == workspace.person("anna")
    # What their photos were taken for when they came from the extension of 2023.
    assert person.domain == elsewhere.person("anna").domain == "drawings"
    assert subject_from(workspace, person, OnePersonEngine()).identities == (TrainedLora(here / "lora.safetensors"),)
    assert host.published == [here / "lora.safetensors"]
    assert not (workspace.root / "arriving").exists()


def test_they_may_come_under_another_name(workspace: Workspace, exported: Path) -> None:
    arrived(workspace, exported)

    other = first_of(arrived(workspace, exported, "Anna-2"))

    assert (other.id, other.name) == ("anna-2", "Anna-2")
    assert [person.id for person in workspace.list_persons()] == ["anna", "anna-2"]


def test_somebody_of_that_name_stays_as_they_are(workspace: Workspace, exported: Path) -> None:
    arrived(workspace, exported)
    record = (workspace.persons / "anna" / "person.json").read_bytes()

    with pytest.raises(NameTaken, match="--name on the command line"):
        arrived(workspace, exported)

    assert (workspace.persons / "anna" / "person.json").read_bytes() == record


def test_a_run_of_elsewhere_is_not_taken_for_one_here(workspace: Workspace, exported: Path) -> None:
    def say_run(entries: dict[str, bytes]) -> None:
        record = json.loads(entries["anna/person.json"])
        entries["anna/person.json"] = json.dumps({**record, "run": "../../etc"}).encode()

    person = first_of(arrived(workspace, changed(exported, say_run)))

    assert person.run is None
    assert base_of(workspace, person) == "sd15"
    assert "--base" in person.notes[-1]


@pytest.mark.parametrize(
    "name",
    [
        "anna/../../evil.png", "anna/photos/../../../evil.png", "/anna/evil.png", "anna//photos/evil.png",
        "anna/photos\\..\\..\\evil.png", "anna/C:/evil.png", "anna/photos/./evil.png", "anna/photos/a\n.png",
    ],
    ids=repr,
)  # fmt: skip
def test_a_name_that_leads_out_is_refused(workspace: Workspace, exported: Path, name: str) -> None:
    with pytest.raises(InputError):
        arrived(workspace, changed(exported, lambda entries: entries.update({name: b"evil"})))

    assert nobody_is_here(workspace)
    assert not list(workspace.root.parent.rglob("evil*"))


@pytest.mark.parametrize("name", ["anna/run.sh", "anna/photos/deep/a.png", "anna/photos/a.svg", "ben/person.json"])
def test_what_is_no_part_of_a_person_is_refused(workspace: Workspace, exported: Path, name: str) -> None:
    with pytest.raises(InputError, match="archive contains"):
        arrived(workspace, changed(exported, lambda entries: entries.update({name: b"x"})))

    assert nobody_is_here(workspace)


def test_what_file_managers_add_is_passed_over(workspace: Workspace, exported: Path) -> None:
    litter = {"__MACOSX/anna/._person.json": b"x", "anna/.DS_Store": b"x", "anna/photos/Thumbs.db": b"x"}

    person = first_of(arrived(workspace, changed(exported, lambda entries: entries.update(litter))))

    assert {path.name for path in (workspace.persons / person.id).iterdir()} == {
        "person.json", "photos", "dataset", "portrait.png", "lora.safetensors"
    }  # fmt: skip


def test_a_link_in_the_archive_is_refused(workspace: Workspace, exported: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("anna/photos/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(exported, "a") as opened:
        opened.writestr(link, "/etc/passwd")

    with pytest.raises(InputError, match="points outside"):
        arrived(workspace, exported)


def test_a_bomb_is_not_unpacked(workspace: Workspace, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    with pytest.raises(InputError, match="more than 4 GiB"):
        arrived(workspace, exported)
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    with pytest.raises(InputError, match="files"):
        arrived(workspace, exported)

    assert nobody_is_here(workspace)


def test_an_archive_that_lies_about_its_sizes_is_refused(workspace: Workspace, exported: Path) -> None:
    target = changed(exported, lambda entries: None)
    content = bytearray(target.read_bytes())
    # The size of the last entry in the central directory: 24 bytes after its mark.
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = (1).to_bytes(4, "little")
    target.write_bytes(content)

    with pytest.raises(InputError):
        arrived(workspace, target)

    assert nobody_is_here(workspace)


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("person.json", b"{"),
        ("person.json", b'{"format": 2, "id": "anna"}'),
        ("person.json", b'{"format": 1, "id": "anna"}'),
        ("lora.safetensors", b"no tensors"),
        ("dataset/dataset.json", b'{"format": 1, "entries": [], "notes": []}'),
        ("dataset/images/000.png", b"no picture"),
        ("dataset/reference.png", b"no picture"),
        ("photos/0.jpg", b"no picture"),
        ("portrait.png", b"no picture"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_keeps_everything_out(
    workspace: Workspace, exported: Path, part: str, content: bytes
) -> None:
    with pytest.raises((InputError, BadPicture)):
        arrived(workspace, changed(exported, lambda entries: entries.update({f"anna/{part}": content})))

    assert nobody_is_here(workspace)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "../evil"), ("id", 7), ("name", None), ("photos", ["../../../etc/passwd"]),
        ("photos", ["photos/no.png"]), ("photos", "photos"), ("lora", "../lora.safetensors"),
        ("reference", "/etc/passwd"), ("family", "sdxl"), ("likeness", {"cosine": "high"}), ("notes", [1]),
        ("domain", "statues"), ("domain", ["drawings"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_record_that_names_something_else_keeps_everything_out(
    workspace: Workspace, exported: Path, field: str, value: object
) -> None:
    def change(entries: dict[str, bytes]) -> None:
        record = json.loads(entries["anna/person.json"])
        entries["anna/person.json"] = json.dumps({**record, field: value}).encode()

    with pytest.raises(InputError):
        arrived(workspace, changed(exported, change))

    assert nobody_is_here(workspace)


def test_an_entry_without_a_name_keeps_everything_out(workspace: Workspace, exported: Path) -> None:
    nameless = zipfile.ZipInfo("x")
    nameless.filename = "\0x"  # read back it ends at the zero
    with zipfile.ZipFile(exported, "a") as packed:
        packed.writestr(nameless, b"")

    with pytest.raises(InputError, match="more than one exported person"):
        arrived(workspace, exported)
    assert nobody_is_here(workspace)


def test_a_dataset_that_names_files_elsewhere_keeps_everything_out(
    workspace: Workspace, exported: Path, tmp_path: Path
) -> None:
    secret = write_photo(tmp_path / "secret.png", 1)

    def change(entries: dict[str, bytes]) -> None:
        record = json.loads(entries["anna/dataset/dataset.json"])
        record["entries"][0]["image"] = str(secret)
        entries["anna/dataset/dataset.json"] = json.dumps(record).encode()

    with pytest.raises(InputError, match="points outside of dataset"):
        arrived(workspace, changed(exported, change))


@pytest.mark.parametrize(
    ("named", "known"),
    [
        ("/etc/model.ckpt", "model.ckpt"),
        (r"\\evil\share\model.ckpt", "model.ckpt"),
        ("model.ckpt", "model.ckpt"),
        ("..", None),
    ],
)
def test_an_archive_does_not_say_which_file_is_opened_as_a_base(
    workspace: Workspace, exported: Path, named: str, known: str | None
) -> None:
    def say_base(entries: dict[str, bytes]) -> None:
        entries["anna/person.json"] = json.dumps({**json.loads(entries["anna/person.json"]), "base": named}).encode()

    assert first_of(arrived(workspace, changed(exported, say_base))).base == known


@pytest.mark.parametrize("change", [{"base": {"a": 1}}, {"name": "a\nb"}, {"name": "x" * 5000}, {"name": ""}])
def test_a_record_with_odd_words_keeps_everything_out(
    workspace: Workspace, exported: Path, change: dict[str, object]
) -> None:
    def say(entries: dict[str, bytes]) -> None:
        entries["anna/person.json"] = json.dumps({**json.loads(entries["anna/person.json"]), **change}).encode()

    with pytest.raises(InputError):
        arrived(workspace, changed(exported, say))

    assert nobody_is_here(workspace)


@pytest.mark.parametrize("name", ["anna/photos/con.png", "anna/photos/NUL.x.png", f"anna/photos/{'x' * 300}.png"])
def test_a_name_that_not_every_disk_takes_is_refused(workspace: Workspace, exported: Path, name: str) -> None:
    with pytest.raises(InputError, match="contains"):
        arrived(workspace, changed(exported, lambda entries: entries.update({name: b"x"})))

    assert nobody_is_here(workspace)


def test_a_file_that_is_a_folder_as_well_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "odd.zip"
    with zipfile.ZipFile(source, "w") as packed:
        packed.writestr("anna/original_backup/0.jpg", b"x")
        packed.writestr("anna/original_backup/0.jpg/1.jpg", b"x")

    with pytest.raises(InputError, match="as a file and as a folder"):
        arrived(workspace, source)

    assert nobody_is_here(workspace)


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_archive_packed_in_an_unusual_way_is_refused(workspace: Workspace, tmp_path: Path, kind: int) -> None:
    source = tmp_path / "odd.zip"
    with zipfile.ZipFile(source, "w", kind) as packed:
        packed.writestr("anna/person.json", "{}")

    with pytest.raises(InputError, match="unusual way"):
        arrived(workspace, source)


def test_an_archive_that_lists_millions_of_files_is_not_even_listed(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "many.zip"
    with zipfile.ZipFile(source, "w") as packed:
        for number in range(300):
            packed.writestr(f"{number:05d}{'x' * 20_000}", b"")

    with pytest.raises(InputError, match="too many files"):
        arrived(workspace, source)


def test_an_entry_that_begins_nowhere_is_no_fault_of_the_disk(workspace: Workspace, exported: Path) -> None:
    content = exported.read_bytes()
    end = content.rindex(b"PK\5\6")
    exported.write_bytes(content[: end + 16] + b"\xff\xff\xff\x7f" + content[end + 20 :])

    with pytest.raises(InputError):
        arrived(workspace, exported)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_what_is_no_archive_is_refused(workspace: Workspace, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)

    with pytest.raises(InputError, match="no person in"):
        arrived(workspace, tmp_path / "a.zip")


def test_cancelling_leaves_nothing(workspace: Workspace, exported: Path) -> None:
    with pytest.raises(Cancelled):
        import_persons(
            workspace, exported, host=Publishing(), open_engine=one_person, progress=RecordingProgress(cancel_at=4)
        )

    assert nobody_is_here(workspace)


def test_a_host_that_cannot_list_the_lora_keeps_nobody_out(workspace: Workspace, exported: Path) -> None:
    host = Publishing(error=DiskFailure("The LoRA folder is full.", advice="Make room."))

    person = first_of(arrived(workspace, exported, host=host))

    assert person.notes[-1] == "The host cannot list the LoRA yet. The LoRA folder is full. Make room."
    assert workspace.person("anna") == person


# the extension of 2023


def test_a_person_of_2023_can_be_photographed(workspace: Workspace, earlier: Path) -> None:
    person = first_of(arrived(workspace, earlier))

    subject = subject_from(workspace, person, OnePersonEngine())
    assert (person.id, person.family, len(person.photos)) == ("anna", "sd15", 4)
    assert len(subject.embeddings) == 4
    assert subject.portrait is not None
    assert "--base" in person.notes[-1]


def test_the_lora_that_was_used_is_taken(workspace: Workspace, earlier: Path) -> None:
    arrived(workspace, earlier)

    used = earlier.parents[2] / "models" / "Lora" / "anna.safetensors"
    assert (workspace.persons / "anna" / "lora.safetensors").read_bytes() == used.read_bytes()


def test_without_the_web_uis_folder_the_best_of_the_training_is_taken(
    workspace: Workspace, earlier: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(earlier, tmp_path / "copies" / "anna")

    arrived(workspace, moved)

    best = earlier / "user_weights" / "best_outputs" / "anna.safetensors"
    assert (workspace.persons / "anna" / "lora.safetensors").read_bytes() == best.read_bytes()


def test_an_sdxl_person_is_told_from_the_lora(workspace: Workspace, earlier: Path) -> None:
    write_lora(earlier.parents[2] / "models" / "Lora" / "anna.safetensors", width=2048)
    shutil.rmtree(earlier / "original_backup")
    write_photo(earlier / "original_backup" / "0.jpg", 0, side=560)

    person = first_of(arrived(workspace, earlier))

    assert person.family == "sdxl"
    assert json.loads((workspace.persons / "anna" / "dataset" / "dataset.json").read_text())["size"] == [1024, 1024]


@pytest.mark.parametrize("number", [1, 2])
def test_the_reference_photo_is_the_one_of_2023(workspace: Workspace, tmp_path: Path, number: int) -> None:
    folder = write_earlier(tmp_path / "webui", reference=number)

    arrived(workspace, folder)

    record = json.loads((workspace.persons / "anna" / "dataset" / "dataset.json").read_text())
    assert record["reference_photo"] == f"{number}.jpg"


def test_where_the_originals_are_gone_the_crops_stand_in(workspace: Workspace, earlier: Path) -> None:
    shutil.rmtree(earlier / "original_backup")

    person = first_of(arrived(workspace, earlier))

    assert person.notes[0].startswith("The original photos are gone")
    assert person.photos == ("photos/0.jpg",)


def test_the_lora_of_reinforcement_is_left_out_and_noted(workspace: Workspace, earlier: Path) -> None:
    write_lora(earlier.parents[2] / "models" / "Lora" / "ddpo_anna.safetensors", value=0.9)

    person = first_of(arrived(workspace, earlier))

    assert person.notes[0] == "The second LoRA ddpo_anna (reinforcement learning) was left out."


def test_without_lora_or_photos_it_is_said_what_is_missing(workspace: Workspace, tmp_path: Path) -> None:
    bare = write_earlier(tmp_path / "one", photos=0)
    shutil.rmtree(bare / "processed_images")
    unlearned = write_earlier(tmp_path / "two")
    shutil.rmtree(unlearned / "user_weights")
    (unlearned.parents[2] / "models" / "Lora" / "anna.safetensors").unlink()

    with pytest.raises(TooFewPhotos, match="no photos"):
        arrived(workspace, bare)
    with pytest.raises(InputError, match="no LoRA of 'anna'"):
        arrived(workspace, unlearned)
    assert nobody_is_here(workspace)


def test_photos_without_a_face_keep_them_out(workspace: Workspace, earlier: Path) -> None:
    with pytest.raises(TooFewPhotos, match="no face"):
        import_persons(workspace, earlier, host=Publishing(), open_engine=lambda _: OnePersonEngine(faces=()))

    assert nobody_is_here(workspace)


@pytest.mark.parametrize("depth", [0, 1, 2], ids=["the folder", "outputs", "the web UI"])
def test_a_whole_folder_gives_everybody_it_can_and_says_who_not(
    workspace: Workspace, tmp_path: Path, depth: int
) -> None:
    root = tmp_path / "webui"
    folder = write_earlier(root, "anna").parent
    write_earlier(root, "ben", first=100)
    write_earlier(root, "con", first=200)
    shutil.rmtree(write_earlier(root, "carl", first=300) / "original_backup")
    shutil.rmtree(folder / "carl" / "processed_images")
    arrived(workspace, folder / "ben")

    found = arrived(workspace, (folder, *folder.parents)[depth])

    assert [person.id for person in found.persons] == ["anna"]
    assert [absent.name for absent in found.left_out] == ["ben", "carl", "con"]
    assert "already a person" in found.left_out[0].reason
    assert "no photos" in found.left_out[1].reason
    assert "--name on the command line" in found.left_out[2].reason


def test_a_name_that_is_no_id_needs_another(workspace: Workspace, tmp_path: Path) -> None:
    folder = write_earlier(tmp_path / "webui", "con")

    with pytest.raises(BadName, match="--name on the command line"):
        arrived(workspace, folder)
    assert first_of(arrived(workspace, folder, "Wife")).id == "wife"


def test_a_name_in_words_or_another_script_stays_and_gives_an_id(workspace: Workspace, tmp_path: Path) -> None:
    for number, name in enumerate(("My Wife", "张伟")):
        arrived(workspace, write_earlier(tmp_path / "webui", name, first=100 * number))

    assert {person.name: person.id for person in workspace.list_persons()} == {
        "My Wife": "my-wife",
        "张伟": "person-a3a0bafd",
    }


def test_a_name_for_several_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    write_earlier(tmp_path / "webui", "anna")
    write_earlier(tmp_path / "webui", "ben", first=100)

    with pytest.raises(InputError, match="There are 2 persons"):
        arrived(workspace, tmp_path / "webui", "anna")


@pytest.mark.parametrize("below", ["", "anna/", "outputs/easyphoto-user-id-infos/anna/"])
def test_a_folder_of_2023_may_come_packed(workspace: Workspace, earlier: Path, tmp_path: Path, below: str) -> None:
    target = tmp_path / "anna.zip"
    with zipfile.ZipFile(target, "w") as packed:
        for file in sorted(path for path in earlier.rglob("*") if path.is_file()):
            packed.write(file, below + file.relative_to(earlier).as_posix())

    person = first_of(arrived(workspace, target))

    assert (person.id, len(person.photos)) == ("anna", 4)
    assert not (workspace.root / "arriving").exists()
    with pytest.raises(InputError, match="points outside"):
        arrived(Workspace(tmp_path / "other"), changed(target, lambda entries: entries.update({"../a.png": b"x"})))


def test_a_folder_without_persons_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no person in"):
            arrived(workspace, source)


def test_the_lora_that_arrived_is_a_lora(workspace: Workspace, earlier: Path) -> None:
    arrived(workspace, earlier)

    assert len(read_header(workspace.persons / "anna" / "lora.safetensors").shapes) == 3
