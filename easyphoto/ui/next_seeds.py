""" "More like this": the same persons, template or words, and settings, with the seeds after those that were used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.records import read_command
from easyphoto.errors import EasyPhotoError, InputError
from easyphoto.messages import text
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.ui.sessions import KIND, PLACED, SessionPicture, Sessions

SEEDS = 2**32


def more_like(sessions: Sessions, picture: SessionPicture, count: int) -> PhotographPersons | PlaceObject:
    """Return the command for `count` more pictures. Raises InputError if the template is gone."""
    job = sessions.service.queue.get(picture.job)
    if job.kind == PLACED:
        return _placed_again(sessions, picture, read_command(PlaceObject, job.request), count)
    asked = read_command(PhotographPersons, job.request)
    settings = replace(asked.settings, seed=picture.ranked.seed, count=count)
    if not asked.templates:
        pose = None if asked.pose_picture is None else sessions.service.upload(asked.pose_picture.name).path
        seed = free_seed(settings, set(_drawn_with(sessions, asked)))
        return replace(asked, settings=replace(settings, seed=seed), pose_picture=pose)
    template = _template(sessions, picture)
    at = next(index for index, file in enumerate(asked.templates) if file.stem == picture.ranked.template)
    seed = free_seed(settings, set(_used(sessions, asked, template.name)))
    return replace(
        asked,
        templates=(template,),
        assignments=(asked.assignments[at],),
        settings=replace(settings, seed=seed),
    )


def free_seed(settings: InferenceSettings | PlacingSettings, used: set[int]) -> int:
    """Return the first seed after the picture's from which on as many are unused as are wanted."""
    seed = (settings.seed + 1) % SEEDS
    while hits := [offset for offset in range(settings.count) if (seed + offset) % SEEDS in used]:
        seed = (seed + hits[-1] + 1) % SEEDS
    return seed


def _placed_again(sessions: Sessions, picture: SessionPicture, asked: PlaceObject, count: int) -> PlaceObject:
    """The seeds go on after those of its own session."""
    mask = None if asked.mask is None else sessions.service.upload(asked.mask.name).path
    settings = replace(asked.settings, seed=picture.ranked.seed, count=count)
    last = max(one.ranked.seed for one in _pictures(sessions, picture.job))
    seed = free_seed(settings, set(range(settings.seed, last + 1)))
    return replace(asked, template=_template(sessions, picture), mask=mask, settings=replace(settings, seed=seed))


def _pictures(sessions: Sessions, job: str) -> tuple[SessionPicture, ...]:
    session = sessions.of(job)
    return session.pictures if session else ()


def _template(sessions: Sessions, picture: SessionPicture) -> Path:
    template = sessions.template(picture)
    if template is None:
        raise InputError(
            text("The template {name!r} is gone: upload it again.", name=picture.ranked.template),
            advice=text("Or choose another picture."),
        )
    return template


def _used(sessions: Sessions, asked: PhotographPersons, template: str) -> Iterator[int]:
    """Yield the seeds of all the visitor's jobs like this one, also of those that wait."""
    for other in _alike(sessions, asked):
        if Path(template) in other.templates:
            yield from _seeds(other)


def _drawn_with(sessions: Sessions, asked: PhotographPersons) -> Iterator[int]:
    """Yield the same for pictures that are drawn from the same words."""
    for other in _alike(sessions, asked):
        if not other.templates and other.drawing == asked.drawing:
            yield from _seeds(other)


def _alike(sessions: Sessions, asked: PhotographPersons) -> Iterator[PhotographPersons]:
    plain = replace(asked.settings, seed=0, count=1)
    for job in sessions.service.queue.list():
        if job.kind != KIND:
            continue
        try:
            other = read_command(PhotographPersons, job.request)
        except EasyPhotoError:
            continue
        if other.persons == asked.persons and replace(other.settings, seed=0, count=1) == plain:
            yield other


def _seeds(other: PhotographPersons) -> Iterator[int]:
    first = other.settings.seed
    yield from ((first + offset) % SEEDS for offset in range(other.settings.count))
