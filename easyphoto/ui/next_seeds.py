""" "More like this": the same persons, template and settings once more, with the seeds after those that were used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.records import read_command
from easyphoto.errors import EasyPhotoError, InputError
from easyphoto.messages import text
from easyphoto.settings.inference import InferenceSettings
from easyphoto.ui.sessions import KIND, SessionPicture, Sessions

SEEDS = 2**32


def more_like(sessions: Sessions, picture: SessionPicture, count: int) -> PhotographPersons:
    """Return the command for `count` more pictures. Raises InputError if the template is gone."""
    asked = read_command(PhotographPersons, sessions.service.queue.get(picture.job).request)
    template = sessions.template(picture)
    if template is None:
        raise InputError(
            text("The template {name!r} is gone: upload it again.", name=picture.ranked.template),
            advice=text("Or choose another picture."),
        )
    at = next(index for index, file in enumerate(asked.templates) if file.stem == picture.ranked.template)
    settings = replace(asked.settings, seed=picture.ranked.seed, count=count)
    seed = free_seed(settings, set(_used(sessions, asked, template.name)))
    return replace(
        asked,
        templates=(template,),
        assignments=(asked.assignments[at],),
        settings=replace(settings, seed=seed),
    )


def free_seed(settings: InferenceSettings, used: set[int]) -> int:
    """Return the first seed after the picture's from which on as many are unused as are wanted."""
    seed = (settings.seed + 1) % SEEDS
    while hits := [offset for offset in range(settings.count) if (seed + offset) % SEEDS in used]:
        seed = (seed + hits[-1] + 1) % SEEDS
    return seed


def _used(sessions: Sessions, asked: PhotographPersons, template: str) -> Iterator[int]:
    """Yield the seeds of all the visitor's jobs like this one, also of those that wait."""
    plain = replace(asked.settings, seed=0, count=1)
    for job in sessions.service.queue.list():
        if job.kind != KIND:
            continue
        try:
            other = read_command(PhotographPersons, job.request)
        except EasyPhotoError:
            continue
        is_alike = other.persons == asked.persons and Path(template) in other.templates
        if is_alike and replace(other.settings, seed=0, count=1) == plain:
            first = other.settings.seed
            yield from ((first + offset) % SEEDS for offset in range(other.settings.count))
