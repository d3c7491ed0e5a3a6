"""The persons as tiles: photo, likeness, training settings and actions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from easyphoto.architectures.registry import family_named
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.service import Service
from easyphoto.persons.folder import base_of
from easyphoto.persons.traces import traces_of
from easyphoto.training.run import RUN_FILE, TrainRun
from easyphoto.ui.card import notes_html, time_html
from easyphoto.ui.language import Translator
from easyphoto.ui.naming import told_apart
from easyphoto.ui.orders import order_button
from easyphoto.ui.person_checkpoints import has_checkpoints
from easyphoto.ui.photo_names import PhotoNames
from easyphoto.ui.photograph_form import photo_of
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.workspace.person_record import SCENE, Damaged, Person

PICTURE = 384
EXPORT, RENAME, DELETE, WORDS, STEPS = "export", "rename", "delete", "words", "steps"
SHOWN_SETTINGS = ("steps", "resolution", "rank", "batch", "learning_rate", "seed")


@dataclass(frozen=True)
class PersonTiles:
    service: Service
    words: Translator
    thumbnails: Thumbnails
    to: str
    """Id of the hidden button that receives the orders."""

    def html(self, persons: Sequence[Person], damaged: Sequence[Damaged] = ()) -> str:
        return self._tiles(persons) + self._damage(damaged)

    def _damage(self, damaged: Sequence[Damaged]) -> str:
        """List unreadable persons, so that none disappears silently."""
        said = [self.words("{name} cannot be shown. {reason}", name=one.id, reason=one.reason) for one in damaged]
        return notes_html(said, self.words) if said else ""

    def _tiles(self, persons: Sequence[Person]) -> str:
        if not persons:
            said = self.words("Nobody yet. Train or add a person in the Train tab, or import one below.")
            return f'<p class="easyphoto-empty">{escape(said)}</p>'
        names = told_apart(persons)
        tiles = "".join(self._tile(person, names[person.id]) for person in persons)
        return f'<div class="easyphoto-tiles easyphoto-persons" lang="{self.words.tag}">{tiles}</div>'

    def _tile(self, person: Person, name: str) -> str:
        rows = "".join(f"<dt>{escape(term)}</dt><dd>{escape(value)}</dd>" for term, value in self._facts(person))
        photos = PhotoNames.of(Path(photo).name for photo in person.photos)
        return (
            f'<article class="easyphoto-tile" aria-label="{escape(name)}" data-easyphoto-kind="{escape(person.kind)}">'
            f"{self._picture(person, name)}"
            f'<div class="easyphoto-tile-words"><h2>{escape(name)}</h2>{self._tag(person)}<dl>{rows}</dl>'
            f"{self._training(person)}{notes_html(person.notes, self.words, photos)}</div>"
            f"{self._buttons(person, name)}</article>"
        )

    def _picture(self, person: Person, name: str) -> str:
        file = photo_of(self.service, person)
        link = self.thumbnails.link_or_none(file, PICTURE) if file else None
        if link is None:
            return '<div class="easyphoto-no-picture" aria-hidden="true">?</div>'
        said = self.words("A photo of {name}", name=name)
        return f'<img src="{link}" alt="{escape(said)}">'

    def _tag(self, person: Person) -> str:
        words, found = self.words, person.likeness or {}
        if not person.shows_face:
            kind = words("Scene") if person.kind == SCENE else words("Object or pet")
            return f'<span class="easyphoto-tag" data-tone="plain">{escape(kind)}</span>'
        if not person.is_ready:
            return f'<span class="easyphoto-tag" data-tone="aside">{escape(words("not trained yet"))}</span>'
        if not person.is_trained:
            said = words("Known from photos only. After a training, portraits look more like them.")
            return (
                f'<span class="easyphoto-tag" data-tone="plain">{escape(words("not trained"))}</span>'
                f'<p class="easyphoto-hint">{escape(said)}</p>'
            )
        if "cosine" not in found:
            return f'<span class="easyphoto-tag" data-tone="plain">{escape(words("likeness not measured"))}</span>'
        likeness = words("likeness {score}", score=f"{found['cosine']:.2f}")
        said = escape(f"{likeness} · {found.get('embedder', '')}")
        return f'<span class="easyphoto-tag" data-tone="good">{said}</span>'

    def _facts(self, person: Person) -> list[tuple[str, str]]:
        words = self.words
        facts = [
            (words("Model type"), words.translate(family_label(person.family))),
            (words("Photos"), str(len(person.photos))),
            (words("Since"), person.created[:10]),
        ]
        base = base_of(self.service.app.workspace, person)
        if Path(base).name != person.family:
            facts.insert(1, (words("Base"), Path(base).name))
        if person.words:
            facts.append((words("Words"), person.words))
        if person.proposed_words:
            facts.append((words("Proposed words"), person.proposed_words))
        if person.domain:
            facts.append((words("Kind of pictures"), words(person.domain)))
        if person.id != person.name:
            facts.insert(0, (words("Id"), person.id))
        return facts

    def _training(self, person: Person) -> str:
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in self._trained(person))
        if not rows:
            return ""
        return f"<details><summary>{escape(self.words('Trained with'))}</summary><dl>{rows}</dl></details>"

    def _trained(self, person: Person) -> list[tuple[str, str]]:
        """Return the rows' labels, and their values as HTML."""
        run = run_of(self.service, person)
        if run is None:
            return []
        labels = {name: declared_label(run.settings, name) for name in SHOWN_SETTINGS}
        values = {name: getattr(run.settings, name) for name in SHOWN_SETTINGS}
        auto = self.words("auto")
        said = [
            (self.words(labels[name]), escape(auto) if value is None else f"{value:g}")
            for name, value in values.items()
        ]
        return [(self.words("Date"), time_html(run.created)), *said]

    def _buttons(self, person: Person, name: str) -> str:
        words = self.words
        named = [(WORDS, words("Words")), (EXPORT, words("Export")), (RENAME, words("Rename"))]
        if has_checkpoints(self.service, person):
            named.insert(1, (STEPS, words("Test pictures")))
        named.append((DELETE, words("Delete")))
        buttons = "".join(
            order_button(label, json.dumps([order, person.id]), to=self.to, label=f"{label}: {name}")
            for order, label in named
        )
        return f'<div class="easyphoto-orders">{buttons}</div>'


def read_order(order: str) -> tuple[str, str]:
    """Parse the verb and the person's id."""
    verb, id = json.loads(order)
    return str(verb), str(id)


def family_label(id: str) -> str:
    try:
        return family_named(id).label
    except EasyPhotoError:
        return id


def declared_label(settings: Any, name: str) -> str:
    return str(type(settings).__dataclass_fields__[name].metadata["declared"].label)


def run_of(service: Service, person: Person) -> TrainRun | None:
    """Return the record of the person's training; None if it is gone, or the person was imported."""
    record = service.app.workspace.runs / (person.run or "") / RUN_FILE
    if not person.run or not record.is_file():
        return None
    try:
        return TrainRun.read(record)
    except EasyPhotoError:
        return None


@dataclass(frozen=True)
class Doomed:
    """The amount of data deleted with a person."""

    photos: int
    runs: int
    results: int
    jobs: int
    uploads: int


def doomed_of(service: Service, person: Person) -> Doomed:
    """Count what `delete` would delete. Raises UnknownPerson."""
    found = traces_of(service.app.workspace, person.id)
    jobs = len(found.jobs) + len(found.checks)
    return Doomed(len(person.photos), len(found.runs), len(found.results), jobs, len(found.uploads))


def doomed_html(person: Person, doomed: Doomed, words: Translator, *, name: str) -> str:
    """Return what goes with the person, who is called `name` among the others."""
    folder = (
        words("The folder with the portrait, the LoRA and the photos: {count}", count=doomed.photos)
        if person.is_trained
        else words("The folder with the photos: {count}", count=doomed.photos)
    )
    items = [
        folder,
        words("Trainings with their pictures: {count}", count=doomed.runs),
        words("Sessions with results: {count}", count=doomed.results),
        words("Jobs: {count}; uploaded photos: {uploads}", count=doomed.jobs, uploads=doomed.uploads),
    ]
    items += [words("The copy of the LoRA in the web UI's list, if there is one")] if person.is_trained else []
    rows = "".join(f"<li>{escape(item)}</li>" for item in items)
    title = escape(words("Delete {name}? All of this goes, for good:", name=name))
    return f'<div class="easyphoto-warnings" role="alert"><strong>{title}</strong><ul>{rows}</ul></div>'
