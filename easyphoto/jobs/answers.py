"""What finished verbs answer, as plain values with the names of files that the job hands out."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from easyphoto.app import TrainedPerson
from easyphoto.geometry import Size
from easyphoto.inference.results import Photograph, Stage
from easyphoto.jobs.context import JobContext
from easyphoto.preprocess.sheet import face_close_up, framed_photo
from easyphoto.preprocess.verdict import Check
from easyphoto.sessions import PhotographResult

_THUMBNAIL = Size(384, 384)


def check_answer(check: Check, context: JobContext) -> dict[str, Any]:
    """The verdicts, a thumbnail of each photo with its faces framed and numbered, and the reference's face large."""
    files = {
        verdict.photo: context.keep_picture(f"photo-{number:03d}.jpg", framed_photo(verdict, _THUMBNAIL), quality=85)
        for number, verdict in enumerate(check.verdicts)
    }
    asked = check.question
    close_up = context.keep_picture("reference.jpg", face_close_up(asked, _THUMBNAIL), quality=90) if asked else None
    return {
        **check.record(),
        "files": files,
        "identity_words": check.identity_words,
        "question": {"photo": asked.photo, "file": close_up} if asked else None,
    }


def person_answer(made: TrainedPerson, context: JobContext) -> dict[str, Any]:
    person = made.person
    return {
        "person": person.id,
        "name": person.name,
        "lora": made.lora.name,
        "published": made.published.name if made.published else None,
        "likeness": person.likeness,
        "run": made.run_folder.name,
        "report": context.hand_out("report.html", made.report),
        "sheet": context.hand_out("report.png", made.run_folder / "report.png"),
        "notes": list(person.notes),
    }


class PhotographAnswer:
    """Put together while a session goes on: each picture's steps are written as soon as it is finished."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._pictures: list[dict[str, Any]] = []

    def add(self, file: Path, template: Path, made: Photograph) -> None:
        self._pictures.append(_picture(file, template.stem, made, self._context))

    def of(self, session: PhotographResult) -> dict[str, Any]:
        """Every picture with its likeness, notes and steps, best first within each template."""
        for note in dict.fromkeys(session.all_notes):
            self._context.note(note)
        seconds: dict[str, float] = {}
        for one in session.made:
            for phase, spent in one.seconds.items():
                seconds[phase] = round(seconds.get(phase, 0.0) + spent, 2)
        return {
            "pictures": self._pictures,
            "report": self._context.hand_out("report.html", session.report),
            "seconds": seconds,
            "folder": session.report.parent.name,
        }


def _picture(file: Path, template: str, made: Photograph, context: JobContext) -> dict[str, Any]:
    return {
        "file": context.hand_out(file.name, file),
        "template": template,
        "seed": made.seed,
        "score": made.score,
        "likeness": [None if one is None else asdict(one) for one in made.likeness],
        "notes": list(made.notes),
        "stages": [_stage(file.stem, number, stage, context) for number, stage in enumerate(made.stages)],
    }


def _stage(picture: str, number: int, stage: Stage, context: JobContext) -> dict[str, Any]:
    words = re.sub(r"\W+", "-", stage.name)
    name = context.keep_picture(f"{picture}-{number:02d}-{words}.jpg", stage.image)
    return {"name": stage.name, "file": name, "face": stage.face}
