"""The pictures beside a result: its template, and each person's face from their own photo and from the result."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.records import read_command
from easyphoto.errors import EasyPhotoError
from easyphoto.geometry import Box, Size, square_around
from easyphoto.images.decoding import upright_size
from easyphoto.images.pictures import read_picture
from easyphoto.ui import compat
from easyphoto.ui.photograph_form import Choosing, own_photo
from easyphoto.ui.repeat import Known, read_record, repeated
from easyphoto.ui.sessions import SessionPicture, Sessions
from easyphoto.workspace.person_record import Person

LARGE, FACE = 1024, 512
"""In pixels: the longest side of the large picture, and of a face."""
AROUND = 1.7
"""Side of a face's cut-out, as a multiple of the face."""


@dataclass(frozen=True)
class Comparison:
    """Links to the result and to its template, None if that is gone."""

    after: str
    before: str | None
    size: Size


@dataclass(frozen=True)
class FacePair:
    """Links to a person's own photo and to their face in the result; None if it cannot be told where that is."""

    name: str
    own: str | None
    made: str | None


@dataclass(frozen=True)
class ResultPictures:
    choosing: Choosing

    @property
    def sessions(self) -> Sessions:
        return Sessions(self.choosing.service)

    def comparison(self, picture: SessionPicture, shown: Image.Image | None = None) -> Comparison | None:
        """Return None for a result that cannot be read. `shown`: the result as RGB in sRGB, if it was read before."""
        after, template = compat.link_or_none(shown or picture.path, side=LARGE), self.sessions.template(picture)
        if after is None:
            return None
        before = compat.link_or_none(template, side=LARGE) if template else None
        return Comparison(after, before, Size(*upright_size(picture.path)))

    def faces(self, picture: SessionPicture, shown: Image.Image | None = None) -> tuple[FacePair, ...]:
        """Return a pair for each face that was replaced, from the left. `shown` is as in `comparison`."""
        service = self.choosing.service
        job = service.queue.get(picture.job)
        pairs: list[FacePair] = []
        if job.kind != PhotographPersons.kind:
            return ()
        with suppress(EasyPhotoError):
            app = service.app.with_options(read_command(PhotographPersons, job.request).options)
            people = {person.id: person for person in self.choosing.persons()}
            takers = repeated(read_record(picture.path), Known(tuple(people.values()), {})).takers
            boxes, shown = self._boxes(picture, app), shown or read_picture(picture.path)
            for face, id in takers.items():
                made = _link(shown, boxes[face]) if face < len(boxes) else None
                pairs.append(FacePair(people[id].name, self._own(people[id], app), made))
        return tuple(pairs)

    def _boxes(self, picture: SessionPicture, app: EasyPhoto) -> tuple[Box, ...]:
        """Return the template's faces in the pixels of the result, which may be larger."""
        template = self.sessions.template(picture)
        if template is None:
            return ()
        domain = self.choosing.domain(self.choosing.service.queue.get(picture.job).subject.persons)
        found = self.choosing.faces.of(template, app, domain)
        growth = upright_size(picture.path)[0] / found.size.width
        return tuple(face.box.scaled(growth) for face in found.faces)

    def _own(self, person: Person, app: EasyPhoto) -> str | None:
        """Return their face in the reference photo, or the whole photo if no face is found there."""
        file = own_photo(self.choosing.service, person)
        if file is None:
            return None
        with suppress(EasyPhotoError):
            found = self.choosing.faces.of(file, app, person.domain).faces
            if found:
                return _link(read_picture(file), max(found, key=lambda face: face.box.area).box)
        return compat.link_or_none(file, side=FACE)


def _link(picture: Image.Image, face: Box) -> str:
    """Return the face with what is around it, in the picture's own pixels."""
    square = square_around(face.clipped(Size(*picture.size)), AROUND, Size(*picture.size))
    return compat.picture_link(picture.crop(square.as_ints()), side=FACE)
