"""The pictures that stand beside a result."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.images.pictures import read_picture
from easyphoto.jobs.service import Service
from easyphoto.ui import compat, result_pictures
from easyphoto.ui.language import Translator
from easyphoto.ui.photograph_form import Choosing
from easyphoto.ui.photograph_results import page_picture
from easyphoto.ui.result_pictures import ResultPictures
from easyphoto.ui.sessions import Session, Sessions
from tests.ui.made_sessions import make_session, save_person


def opened(link: str | None) -> Image.Image:
    assert link is not None
    return Image.open(io.BytesIO(base64.b64decode(link.partition(",")[2])))


def session_of(service: Service, *persons: str, template: str) -> Session:
    session = Sessions(service).of(make_session(service, persons, template).id)
    assert session is not None
    return session


def test_a_result_is_compared_with_the_template_it_was_made_on(service: Service):
    save_person(service.app.workspace, "anna")
    picture = session_of(service, "anna", template="04-two").pictures[0]

    found = ResultPictures(Choosing(service, Translator())).comparison(picture)

    assert found is not None
    assert (found.size.width, found.size.height) == Image.open(picture.path).size
    assert opened(found.after).size == opened(found.before).size


def test_a_result_that_was_decoded_is_not_decoded_again(
    service: Service, drawn_photos: list[Path], monkeypatch: pytest.MonkeyPatch
):
    save_person(service.app.workspace, "anna", drawn_photos[0])
    picture = session_of(service, "anna", template="03-room").pictures[0]
    shown, read = page_picture(picture.path), list[Path]()
    for module in (compat, result_pictures):
        monkeypatch.setattr(module, "read_picture", lambda file, **how: read.append(file) or read_picture(file, **how))
    pictures = ResultPictures(Choosing(service, Translator()))

    found, pairs = pictures.comparison(picture, shown), pictures.faces(picture, shown)

    assert found is not None
    assert found.after
    assert len(pairs) == 1
    assert picture.path not in read


def test_a_result_that_cannot_be_read_is_not_shown(service: Service):
    save_person(service.app.workspace, "anna")
    picture = session_of(service, "anna", template="03-room").pictures[0]
    picture.path.write_bytes(b"no picture")

    assert ResultPictures(Choosing(service, Translator())).comparison(picture) is None
    assert ResultPictures(Choosing(service, Translator())).faces(picture) == ()


def test_each_persons_photo_stands_beside_their_face_in_the_result(service: Service, drawn_photos: list[Path]):
    workspace = service.app.workspace
    save_person(workspace, "anna", drawn_photos[0])
    save_person(workspace, "ben", drawn_photos[1])
    picture = session_of(service, "anna", "ben", template="04-two").pictures[0]

    pairs = ResultPictures(Choosing(service, Translator())).faces(picture)

    assert [pair.name for pair in pairs] == ["Anna", "Ben"]
    whole = Image.open(picture.path)
    for pair in pairs:
        face = opened(pair.made)
        # A square around one face, in the result's own pixels.
        assert face.width == face.height < whole.height
        assert opened(pair.own).width <= Image.open(drawn_photos[0]).width
    assert pairs[0].made != pairs[1].made


def test_without_a_face_at_hand_the_persons_photo_is_shown_alone(service: Service, drawn_photos: list[Path]):
    save_person(service.app.workspace, "anna", drawn_photos[0])
    picture = session_of(service, "anna", template="02-landscape").pictures[0]
    plain = Image.new("RGB", (64, 64))
    (service.app.workspace.person_folder("anna") / "photos" / "1.png").write_bytes(_png(plain))

    (pair,) = ResultPictures(Choosing(service, Translator())).faces(picture)

    # No face in the photo: the whole of it.
    assert opened(pair.own).size == (64, 64)


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
