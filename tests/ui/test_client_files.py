"""What an event claims to bring, and what of it is taken."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from easyphoto.errors import BadPicture, ForeignFile
from easyphoto.ui import client_files
from easyphoto.ui.client_files import Claims, FileButton, FileDrop, SeenImage, brought, named_folder, uploaded_path

UI = Path(client_files.__file__).parent
# Where a file that an event names would be opened by gradio, or by nobody but its handler.
OPENING = {"File", "UploadButton", "Gallery", "Audio", "Video", "Files", "ImageEditor", "MultimodalTextbox"}


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    file = tmp_path / "gradio" / ("0f" * 20) / "me.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a picture")
    return file


def claim(*paths: Path | str, folder: Path) -> Claims:
    return Claims(tuple((Path(path).name, str(path)) for path in paths), folder)


def test_an_upload_is_taken_once_and_not_kept_by_the_page(upload: Path):
    (file,) = brought(claim(upload, folder=upload.parent.parent))

    assert (file.name, file.take(), upload.exists()) == ("me.png", b"a picture", False)
    with pytest.raises(ForeignFile, match="was not uploaded through this page"):
        brought(claim(upload, folder=upload.parent.parent))


def test_one_that_is_too_large_is_refused_and_not_kept(upload: Path):
    os.truncate(upload, client_files.MOST_BYTES + 1)
    (file,) = brought(claim(upload, folder=upload.parent.parent))

    with pytest.raises(BadPicture, match="At most 40 MB are accepted"):
        file.take()
    assert not upload.exists()


def test_what_is_no_picture_may_be_as_large_as_is_said(upload: Path):
    (file,) = brought(claim(upload, folder=upload.parent.parent))

    assert file.at_most(9) == upload
    with pytest.raises(BadPicture):
        file.at_most(8)


def test_too_many_files_at_once_are_refused(upload: Path):
    with pytest.raises(ForeignFile, match="201 files"):
        brought(claim(*[upload] * 201, folder=upload.parent.parent))


@pytest.mark.parametrize(
    "value", ["/etc/hostname", ["/etc/hostname"], Path("/etc/hostname"), {"path": "/etc/hostname"}, 0]
)
def test_what_comes_by_no_component_of_ours_is_refused(value: object):
    with pytest.raises(ForeignFile):
        brought(value)


def test_every_version_s_payload_is_a_claim_and_nothing_of_it_is_opened(tmp_path: Path):
    component = SimpleNamespace(GRADIO_CACHE=str(tmp_path))
    three = [{"name": "/x/0/a.png", "orig_name": "mine.png", "is_file": True, "data": None}]
    six = SimpleNamespace(root=[SimpleNamespace(path="/x/0/a.png", orig_name="mine.png")])

    expected = Claims((("mine.png", "/x/0/a.png"),), tmp_path)
    assert FileDrop.preprocess(component, three) == FileButton.preprocess(component, six) == expected
    assert FileDrop.preprocess(component, {"path": 5}) == Claims((("", ""),), tmp_path)
    assert FileDrop.preprocess(component, None) is None


def test_gradio_draws_our_components_as_its_own_and_writes_no_file_beside_them():
    names = [kind.__base__.__name__ for kind in (FileDrop, FileButton, SeenImage)]

    assert names == ["File", "UploadButton", "Image"]
    assert list(UI.glob("*.pyi")) == []


def test_no_tab_places_a_component_of_gradio_s_that_takes_files():
    for module in (*UI.glob("*.py"), *(UI.parent / "webui").glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OPENING:
                said = [ast.literal_eval(word.value) for word in node.keywords if word.arg == "interactive"]
                is_seen_only = any(not each for each in said)
                assert is_seen_only, f"{module.name}:{node.lineno}"


@pytest.mark.parametrize("name", ["easyphoto-exports", "0f" * 4, "0F" * 20, ".." * 20])
def test_only_folders_of_uploads_hold_uploads(tmp_path: Path, name: str):
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.png").write_bytes(b"")

    with pytest.raises(ForeignFile):
        uploaded_path(str(tmp_path / name / "a.png"), tmp_path)


def test_gradio_s_folder_may_itself_be_behind_a_link(upload: Path, tmp_path: Path):
    (tmp_path / "tmp").symlink_to(upload.parent.parent)

    assert uploaded_path(str(upload), tmp_path / "tmp") == upload


def test_a_folder_that_is_named_holds_files_alone(tmp_path: Path):
    person = tmp_path / "anna" / "original_backup"
    person.mkdir(parents=True)
    (person / "0.jpg").write_bytes(b"")
    (person / "again.jpg").symlink_to(person / "0.jpg")
    assert named_folder(str(tmp_path / "anna")) == tmp_path / "anna"

    os.mkfifo(person / "1.jpg")
    with pytest.raises(ForeignFile, match=r"1\.jpg is not a file in this folder"):
        named_folder(str(tmp_path / "anna"))
    (person / "1.jpg").unlink()
    (person / "1.jpg").symlink_to("/etc/hostname")
    with pytest.raises(ForeignFile, match=r"1\.jpg is not a file in this folder"):
        named_folder(str(tmp_path / "anna"))


@pytest.mark.parametrize("text", ["/dev/zero", "/etc/hostname", "/nowhere", "\0", "~nobody-at-all/x"])
def test_what_is_no_folder_is_refused(text: str):
    with pytest.raises(ForeignFile, match="is not a folder on this machine"):
        named_folder(text)
