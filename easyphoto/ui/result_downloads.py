"""Results as files to download: a ZIP of pictures with what each was made with, and a session's contact sheet."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from easyphoto.commands.at_work import at_work
from easyphoto.errors import EasyPhotoError, InputError
from easyphoto.images.pictures import read_picture, write_picture
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.report.results_sheet import SheetResult, SheetTemplate, results_sheet
from easyphoto.storage.records import name_stamp
from easyphoto.ui.card import capital
from easyphoto.ui.exports import new_export
from easyphoto.ui.language import Translator
from easyphoto.ui.repeat import read_record
from easyphoto.ui.sessions import Session, SessionPicture, Sessions

SETTINGS_FILE = "settings.json"
SHEET_SIDE = 640


@dataclass(frozen=True)
class ResultDownloads:
    """Makes files below `folder`, which the page serves to whoever knows their paths."""

    service: Service
    folder: Path
    words: Translator

    def archive(self, pictures: Sequence[SessionPicture]) -> Path:
        """Write the pictures to a ZIP; `settings.json` in it says how each was made. Raises InputError for none."""
        if not pictures:
            raise InputError(text("There is no picture to download."), advice=text("Choose some first."))
        with self._export("zip", pictures) as target:
            names = _names_of(pictures)
            records = [{"file": name, **(read_record(one.path) or {})} for name, one in names.items()]
            with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
                for name, one in names.items():
                    archive.write(one.path, name)
                said = json.dumps({"format": 1, "pictures": records}, indent=2, ensure_ascii=False)
                archive.writestr(SETTINGS_FILE, f"{said}\n")
        return target

    def sheet(self, session: Session) -> Path:
        """Write the session's contact sheet."""
        with self._export("png", session.pictures) as target:
            templates = tuple(dict.fromkeys(one.ranked.template for one in session.pictures))
            picture = results_sheet(
                capital(session.job.title),
                (session.job.ended or session.job.created)[:10],
                [self._template(session, template) for template in templates],
            )
            persons = list(session.job.subject.persons)
            write_picture(target, picture, {"kind": "contact sheet", "persons": persons})
        return target

    def _template(self, session: Session, template: str) -> SheetTemplate:
        pictures = [one for one in session.pictures if one.ranked.template == template]
        file = Sessions(self.service).template(pictures[0])
        results = [
            SheetResult(read_picture(one.path, longest=SHEET_SIDE), one.ranked.seed, one.ranked.cosine, one.ranked.rank)
            for one in pictures
        ]
        return SheetTemplate(self.title(template), _picture_or_none(file), tuple(results))

    def title(self, template: str) -> str:
        titles = {entry.path.stem: str(entry.title) for entry in self.service.templates()}
        return titles.get(template, template)

    @contextmanager
    def _export(self, suffix: str, pictures: Sequence[SessionPicture]) -> Iterator[Path]:
        """Yield the file's path. A deletion of one of the persons waits for it, and then removes it."""
        jobs = [self.service.queue.get(id) for id in dict.fromkeys(one.job for one in pictures)]
        persons = tuple(dict.fromkeys(id for job in jobs for id in job.subject.persons))
        with at_work(self.service.app, persons, known=False):
            yield new_export(self.folder, f"easyphoto-{name_stamp()}.{suffix}", persons, self.service.asking().tag)


def _names_of(pictures: Sequence[SessionPicture]) -> Mapping[str, SessionPicture]:
    """Return a name in the ZIP for each picture: sessions may have pictures of the same name."""
    names: dict[str, SessionPicture] = {}
    for one in pictures:
        name, number = one.path.name, 1
        while name in names:
            number += 1
            name = f"{one.path.stem}-{number}{one.path.suffix}"
        names[name] = one
    return names


def _picture_or_none(file: Path | None) -> Image.Image | None:
    try:
        return None if file is None else read_picture(file, longest=SHEET_SIDE)
    except (EasyPhotoError, OSError):
        return None
