"""Pictures from outside: names that are safe, content that is a picture."""

import io
import os
import struct
import zlib

import pillow_heif
import pytest
from PIL import Image

from easyphoto.errors import BadPicture, InputError
from easyphoto.images import opening
from easyphoto.images.pictures import read_picture
from easyphoto.jobs import uploads
from easyphoto.jobs.uploads import find_upload, keep_upload
from easyphoto.workspace.folders import Workspace
from tests.services import picture


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("holiday.jpg", "holiday"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\anna\\me.png", "me"),
        ("生日照片.jpg", "生日照片"),
        ("", "picture"),
        ("..", "picture"),
        ("a b\n<c>.png", "a-b-c"),
        ("\ud800.png", "picture"),
        ("x" * 500, "x" * 55),
    ],
)
def test_only_the_letters_of_a_clients_name_matter(workspace, name, stem):
    kept = keep_upload(workspace, name, picture())

    assert kept.path.parent == workspace.uploads
    assert kept.name.rsplit("-", 1)[0] == stem
    assert kept.path.read_bytes() == picture()


def test_four_byte_letters_still_make_a_name_that_fits_a_disk(workspace):
    kept = keep_upload(workspace, "𠀀" * 300, picture())

    assert len(kept.name.encode()) <= 255


def test_the_same_picture_under_the_same_name_is_kept_once(workspace):
    first, again = keep_upload(workspace, "a.png", picture(1)), keep_upload(workspace, "a.png", picture(1))
    other = keep_upload(workspace, "a.png", picture(2))

    assert first == again
    assert other.name != first.name
    assert len(list(workspace.uploads.iterdir())) == 2


def test_the_content_decides_the_ending(workspace):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")

    assert keep_upload(workspace, "a.png", stream.getvalue()).path.suffix == ".jpg"


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<svg/>", b"dear diary", picture()[:20]])
def test_what_is_no_picture_is_refused_and_not_kept(workspace, content):
    with pytest.raises(BadPicture):
        keep_upload(workspace, "a.png", content)

    assert not workspace.uploads.exists()


def test_a_profile_that_cannot_be_unpacked_costs_no_upload(workspace):
    plain, chunk = picture(), b"name\0\0not zlib at all"
    packed = struct.pack(">I4s", len(chunk), b"iCCP") + chunk + struct.pack(">I", zlib.crc32(b"iCCP" + chunk))

    upload = keep_upload(workspace, "a.png", plain[:33] + packed + plain[33:])

    assert read_picture(upload.path).tobytes() == Image.open(io.BytesIO(plain)).tobytes()


def test_a_format_that_may_hold_anything_is_refused(workspace):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "EPS")

    with pytest.raises(BadPicture, match="It is a vector drawing"):
        keep_upload(workspace, "a.png", stream.getvalue())


@pytest.mark.parametrize(("format", "suffix"), [("GIF", ".gif"), ("HEIF", ".heic"), ("MPO", ".jpg"), ("TIFF", ".tif")])
def test_an_upload_is_kept_under_the_suffix_of_what_it_is(workspace, format, suffix):
    stream = io.BytesIO()
    if format == "HEIF":
        pillow_heif.from_pillow(Image.new("RGB", (64, 64))).save(stream)
    else:
        Image.new("RGB", (64, 64)).save(stream, format)

    assert keep_upload(workspace, "a.png", stream.getvalue()).path.suffix == suffix


def test_a_picture_that_claims_too_many_pixels_is_refused(workspace, monkeypatch):
    monkeypatch.setattr(opening, "MOST_PIXELS", 100)

    with pytest.raises(BadPicture, match="claims to have 256×256"):
        keep_upload(workspace, "a.png", picture())


def test_a_picture_of_too_many_bytes_is_refused(workspace, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 100)

    with pytest.raises(BadPicture, match="MB"):
        keep_upload(workspace, "a.png", picture())


def test_an_upload_is_found_by_its_name(workspace):
    kept = keep_upload(workspace, "a.png", picture())

    assert find_upload(workspace, kept.name) == kept


@pytest.mark.parametrize("name", ["", ".", "..", "../persons/anna/person.json", "/etc/passwd", "none.png", "x" * 3000])
def test_nothing_else_is_found(workspace, name):
    keep_upload(workspace, "a.png", picture())

    with pytest.raises(InputError):
        find_upload(workspace, name)


def test_a_picture_that_is_sent_once_more_is_young_again(tmp_path):
    workspace = Workspace(tmp_path)
    first = keep_upload(workspace, "anna.png", picture(1))
    os.utime(first.path, (0, 0))

    again = keep_upload(workspace, "anna.png", picture(1))

    assert again == first
    assert again.path.stat().st_mtime > 1_000_000_000
