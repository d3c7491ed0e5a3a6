"""Finished photographs, made in a moment: the template's own picture, tinted, with a record as a real one has."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from PIL import Image

from easyphoto.commands.photograph import PhotographPersons
from easyphoto.images.pictures import read_picture, write_picture
from easyphoto.jobs.askers import Requester
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.records import write_json
from easyphoto.workspace.folders import SESSION_FILE, Workspace
from easyphoto.workspace.person_record import Person
from easyphoto.workspace.shipped import shipped_templates

SCORES = (0.5, 0.8, 0.6, 0.7)


def save_person(workspace: Workspace, id: str, photo: Path | None = None) -> Person:
    """Somebody who can be photographed, with a photo of theirs."""
    folder = workspace.person_folder(id)
    (folder / "photos").mkdir(parents=True)
    if photo is None:
        Image.new("RGB", (64, 64), "teal").save(folder / "photos" / "1.png")
    else:
        (folder / "photos" / "1.png").write_bytes(photo.read_bytes())
    person = Person(
        id, id.title(), "miniature", "2026-01-01T00:00:00Z", lora="lora.safetensors", photos=("photos/1.png",),
        reference="photos/1.png", domain="drawings",
    )  # fmt: skip
    workspace.save_person(person)
    return person


def make_session(
    service: Service,
    persons: tuple[str, ...] = ("anna",),
    template: str = "03-room",
    *,
    settings: InferenceSettings | None = None,
    asker: Requester | None = None,
) -> Job:
    """A photograph that has ended, of as many pictures as the settings say."""
    queue = service.queue
    assert isinstance(queue, JobQueue)
    file = next(one.file for one in shipped_templates() if one.file.stem == template)
    settings = settings or InferenceSettings(seed=7, count=2)
    command = PhotographPersons(persons, (file,), settings=settings)

    def work(context: JobContext) -> dict[str, Any]:
        folder = service.app.workspace.results / f"{context.folder.name}-{'-'.join(persons)}"
        folder.mkdir(parents=True)
        write_json(folder / SESSION_FILE, {"persons": list(persons)})
        pictures = [_picture(context, folder, file, persons, settings, number) for number in range(settings.count)]
        return {"pictures": pictures, "folder": folder.name}

    id = queue.submit(command, work, asker=asker).id
    while not queue.get(id).state.is_over:
        time.sleep(0.01)
    return queue.get(id)


def _picture(
    context: JobContext,
    folder: Path,
    template: Path,
    persons: tuple[str, ...],
    settings: InferenceSettings,
    number: int,
) -> dict[str, Any]:
    seed, score = settings.seed + number, SCORES[number % len(SCORES)]
    picture = read_picture(template)
    tint = Image.new("RGB", picture.size, (255, 120 + 30 * number, 80))
    likeness = [{"embedder": "sface", "cosine": score} for _ in persons]
    record = {
        "persons": list(persons),
        "template": template.name,
        "seed": seed,
        "settings": settings_record(settings),
        "seats": [{"face": face, "sitter": id.title()} for face, id in enumerate(persons)],
        "likeness": likeness,
    }
    file = folder / f"{template.stem}-{'-'.join(persons)}-{seed}.png"
    write_picture(file, Image.blend(picture, tint, 0.25), record)
    return {
        "file": context.hand_out(file.name, file),
        "template": template.stem,
        "seed": seed,
        "score": score,
        "likeness": likeness,
        "notes": ["The joint pass was left out."],
        "stages": [],
    }
