"""How an object is put into one template: read, painted, written with its record, and reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from easyphoto.app import EasyPhoto
from easyphoto.architectures.registry import family_named
from easyphoto.commands.base import Context
from easyphoto.commands.finished_pictures import free_file, in_own_colours
from easyphoto.commands.photograph_series import (
    PhotographResult,
    PictureResult,
    TemplateResult,
    few_steps_lora,
    shared_base,
    shared_family,
)
from easyphoto.commands.place import PlaceObject
from easyphoto.geometry import Size
from easyphoto.images.originals import Original, read_original
from easyphoto.images.painted_masks import boxed, read_painted
from easyphoto.images.pictures import MADE_BY, DigitalSource, write_picture
from easyphoto.inference.ai_label import with_label
from easyphoto.inference.placing import PlacedObject, PlacingModels, place
from easyphoto.inference.results import Photograph
from easyphoto.messages import note, phase
from easyphoto.persons.scenes import scene_conditions
from easyphoto.progress import Progress
from easyphoto.report.page import write_report
from easyphoto.report.parts import Report
from easyphoto.report.placing import placing_section
from easyphoto.settings.declarations import settings_record
from easyphoto.storage.files import readable_name
from easyphoto.storage.records import name_stamp, utc_now, write_json
from easyphoto.workspace.folders import SESSION_FILE, Person


@dataclass(frozen=True, eq=False)
class PlaceOnTemplate:
    """A template, and where the object goes."""

    original: Original
    painted: np.ndarray
    """bool (height, width) of the template."""


def read_place(command: PlaceObject) -> PlaceOnTemplate:
    """Read template and mask. Raises BadPicture and BadMask."""
    original = read_original(command.template)
    size = Size.of(original.picture)
    if command.mask is not None:
        return PlaceOnTemplate(original, read_painted(command.mask, size))
    return PlaceOnTemplate(original, boxed(command.box or (), size))


def open_placement(app: EasyPhoto, thing: Person, command: PlaceObject, progress: Progress) -> Placement:
    """Open the networks that paint. Raises WrongFamily where they are not those that the object was learned for."""
    base, family = shared_base(app, [thing]), shared_family(app, [thing])
    loras, words = scene_conditions(app.workspace, thing.id, command.settings.lora_weight, family)
    few_steps = few_steps_lora(family, command.settings, app.store, progress)
    progress.step(0, 1, phase("load-networks", "loading the models"))
    backend = app.host.open_backend(base, family, app.store, app.options.weights, app.models)
    folder = f"{name_stamp(microseconds=True)}-{thing.id}"[:120]
    return Placement(
        thing=PlacedObject(thing.name, loras, words),
        command=command,
        models=PlacingModels(backend, progress, few_steps),
        out=command.out or app.workspace.results / folder,
        record={
            "persons": [thing.id],
            "created": utc_now(),
            # By name alone, because the record is passed on with the picture.
            "base": Path(app.options.base).name if app.options.base else None,
        },
    )


@dataclass(frozen=True, eq=False)
class Placement:
    """Everything that is opened for one command."""

    thing: PlacedObject
    command: PlaceObject
    models: PlacingModels
    out: Path
    record: Mapping[str, Any]

    def placed(self, where: PlaceOnTemplate, context: Context) -> PhotographResult:
        """Write and report the pictures."""
        # At once, so that even an interrupted session is known to belong to the object.
        write_json(self.out / SESSION_FILE, self.record)
        original, settings = where.original, self.command.settings
        family = family_named(self.models.backend.family).at(settings.resolution)
        found = place(original.picture, where.painted, self.thing, settings, family, self.models)
        found = in_own_colours(original, found, _hidden())
        if settings.ai_label:
            found = with_label(found, Size.of(original.picture), original.alpha, painted=where.painted)
        results = tuple(self._written(original, one, context) for one in found.results)
        used = [asdict(weight) for weight in self.models.backend.weights]
        write_json(self.out / SESSION_FILE, {**self.record, "weights": used})
        template = self.command.template
        section = placing_section(readable_name(template), original.picture, found, self.thing.name)
        made = TemplateResult(template, results, found.notes, found.seconds, section)
        facts = ("pictures", str(len(results))), ("seconds", f"{sum(found.seconds.values()):.0f}")
        report = Report(f"{self.thing.name}, placed", "Template, every step, and the result.", facts, (section,))
        return PhotographResult((made,), write_report(self.out, report))

    def _written(self, original: Original, made: Photograph, context: Context) -> PictureResult:
        command, profile = self.command, original.profile
        stem = f"{Path(readable_name(command.template)).stem}-{self.record['persons'][0]}-{made.seed}"
        where = {
            "template": readable_name(command.template),
            "mask": readable_name(command.mask) if command.mask is not None else None,
            "box": list(command.box) if command.box is not None else None,
        }
        record = {
            "made_by": MADE_BY, **self.record, "kind": command.kind, **where,
            "settings": settings_record(command.settings), **made.record(), "created": utc_now(),
        }  # fmt: skip
        file = write_picture(
            free_file(self.out, stem),
            original.painted(made.image, made.mask),
            record,
            profile=profile.content if profile is not None else None,
            source=DigitalSource.COMPOSITE,
        )
        context.picture_finished(file, command.template, made)
        return PictureResult(file, made.seed, made.likeness, made.notes, made.made_by)


def _hidden() -> str:
    return note(
        "object-under-transparency",
        "Part of the object lies where the template is transparent, so it cannot be seen.",
    )
