"""The results of finished commands as plain values; files are named as the job hands them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from PIL import Image

from easyphoto.commands.add_person import AddedPerson, AddPerson
from easyphoto.commands.base import Command, Subjects
from easyphoto.commands.change_words import ProposeWords
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.choose_checkpoint import ChooseCheckpoint
from easyphoto.commands.draw_style_previews import DrawnPreviews, DrawStylePreviews
from easyphoto.commands.draw_template import DrawTemplate
from easyphoto.commands.drawn_templates import DrawnTemplate
from easyphoto.commands.fetch_weights import FetchedWeights, FetchWeights
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.photograph_series import PhotographResult
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.commands.templates import OWN
from easyphoto.commands.train import TrainPerson
from easyphoto.commands.training import TrainedPerson
from easyphoto.geometry import Size
from easyphoto.inference.results import Photograph, Stage
from easyphoto.persons.importing import ImportedPersons
from easyphoto.preprocess.sheet import face_close_up, framed_photo
from easyphoto.preprocess.verdict import Check
from easyphoto.workspace.person_record import Person

_THUMBNAIL = Size(384, 384)


class Told(Protocol):
    """The part of the job's context that answers need."""

    pictures: list[dict[str, Any]]

    def keep_picture(self, name: str, picture: Image.Image, *, quality: int = 92) -> str: ...

    def hand_out(self, name: str, path: Path) -> str: ...

    def tell(self, event: str, values: Mapping[str, Any], **changes: Any) -> None: ...


def check_answer(check: Check, job: Told) -> dict[str, Any]:
    """Return the verdicts, thumbnails of the photos with numbered face frames, and a close-up of the
    reference's face.
    """
    files = {
        verdict.photo: job.keep_picture(f"photo-{number:03d}.jpg", framed_photo(verdict, _THUMBNAIL), quality=85)
        for number, verdict in enumerate(check.verdicts)
    }
    asked = check.question
    close_up = job.keep_picture("reference.jpg", face_close_up(asked, _THUMBNAIL), quality=90) if asked else None
    return {
        **check.record(),
        "files": files,
        "identity_words": check.identity_words,
        "question": {"photo": asked.photo, "file": close_up} if asked else None,
    }


def person_answer(made: TrainedPerson, job: Told) -> dict[str, Any]:
    person = made.person
    return {
        "person": person.id,
        "name": person.name,
        "lora": made.lora.name,
        "published": made.published.name if made.published else None,
        "likeness": person.likeness,
        "run": made.run_folder.name,
        "report": job.hand_out("report.html", made.report),
        "sheet": job.hand_out("report.png", made.run_folder / "report.png"),
        "notes": list(person.notes),
    }


def added_answer(made: AddedPerson, job: Told) -> dict[str, Any]:
    person = made.person
    return {
        "person": person.id,
        "name": person.name,
        "kept": len(person.photos),
        "reference": made.check.reference,
        "notes": list(person.notes),
    }


def photograph_answer(made: PhotographResult, job: Told) -> dict[str, Any]:
    """Return every picture with its likeness, notes and steps, best first within each template."""
    seconds: dict[str, float] = {}
    for one in made.made:
        for phase, spent in one.seconds.items():
            seconds[phase] = round(seconds.get(phase, 0.0) + spent, 2)
    # They were told as they were finished.
    places = {file.name: place for place, file in enumerate(made.pictures)}
    return {
        "pictures": sorted(job.pictures, key=lambda picture: places[picture["file"]]),
        "drawn": [drawn_answer(one.drawn, job) for one in made.made if one.drawn is not None],
        "report": job.hand_out("report.html", made.report),
        "seconds": seconds,
        "folder": made.report.parent.name,
    }


def drawn_answer(drawn: DrawnTemplate, job: Told) -> dict[str, Any]:
    """Return a template that was drawn from words, under the name that its pictures give as their template."""
    return {
        "template": drawn.file.stem,
        "file": job.hand_out(drawn.file.name, drawn.file),
        "words": drawn.words,
        "seed": drawn.seed,
        "failed": [asdict(each) for each in drawn.failed],
        "saved": None if drawn.saved is None else f"{OWN}{drawn.saved.stem}",
    }


def picture_answer(file: Path, template: str, made: Photograph, job: Told) -> dict[str, Any]:
    return {
        "file": job.hand_out(file.name, file),
        "template": template,
        "seed": made.seed,
        "score": made.score,
        "likeness": [None if one is None else asdict(one) for one in made.likeness],
        "notes": list(made.notes),
        "stages": [_stage(file.stem, number, stage, job) for number, stage in enumerate(made.stages)],
    }


def template_answer(file: Path, job: Told) -> dict[str, Any]:
    return {"template": f"{OWN}{file.stem}", "file": job.hand_out(file.name, file)}


def previews_answer(made: DrawnPreviews, job: Told) -> dict[str, Any]:
    left_out = [{"style": id, "reason": reason} for id, reason in made.left_out.items()]
    return {"styles": list(made.drawn), "left_out": left_out, "drawn_with": made.base}


def proposal_answer(person: Person, job: Told) -> dict[str, Any]:
    return {"person": person.id, "words": person.words, "proposed_words": person.proposed_words}


def setup_answer(versions: Mapping[str, str], job: Told) -> dict[str, Any]:
    return {"versions": versions}


def weights_answer(fetched: FetchedWeights, job: Told) -> dict[str, Any]:
    return {"files": [asdict(used) for used in fetched.files], "refused": list(fetched.refused)}


def import_answer(found: ImportedPersons, job: Told) -> dict[str, Any]:
    # Makes the job's files go when these persons are deleted.
    job.tell("imported", {}, subject=Subjects(tuple(person.id for person in found.persons)))
    return {
        "persons": [person.name for person in found.persons],
        "left_out": [{"name": one.name, "reason": one.reason} for one in found.left_out],
    }


def _stage(picture: str, number: int, stage: Stage, job: Told) -> dict[str, Any]:
    words = re.sub(r"\W+", "-", stage.name)
    name = job.keep_picture(f"{picture}-{number:02d}-{words}.jpg", stage.image)
    return {"name": stage.name, "file": name, "face": stage.face}


ANSWERS: Mapping[type[Command], Callable[[Any, Told], dict[str, Any]]] = MappingProxyType(
    {
        CheckPhotos: check_answer,
        AddPerson: added_answer,
        TrainPerson: person_answer,
        ResumeTraining: person_answer,
        ChooseCheckpoint: person_answer,
        PhotographPersons: photograph_answer,
        PlaceObject: photograph_answer,
        DrawTemplate: template_answer,
        DrawStylePreviews: previews_answer,
        ProposeWords: proposal_answer,
        SetupTrainer: setup_answer,
        FetchWeights: weights_answer,
        ImportPersons: import_answer,
    }
)
"""Each command that becomes a job, with the function that turns its result into the job's answer."""
COMMANDS: Mapping[str, type[Command]] = MappingProxyType({command.kind: command for command in ANSWERS})
"""The same commands by kind, the name that records use."""
