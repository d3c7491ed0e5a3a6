"""How an object is put into one template: read, painted, written with its record, and reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from easyphoto.app import EasyPhoto
from easyphoto.architectures.registry import family_named
from easyphoto.commands.base import Context
from easyphoto.commands.finished_pictures import free_file, in_own_colours, with_steps_to_report
from easyphoto.commands.photograph_series import (
    PhotographResult,
    begun_session,
    few_steps_lora,
    named_base,
    results_folder,
    shared_base,
)
from easyphoto.commands.taken_template import PictureResult, TemplateResult
from easyphoto.geometry import Size
from easyphoto.host.base import family_of_base
from easyphoto.images.originals import Original, read_original
from easyphoto.images.painted_masks import boxed, read_painted
from easyphoto.images.pictures import MADE_BY, DigitalSource, write_picture
from easyphoto.inference.ai_label import with_label
from easyphoto.inference.placing import PlacedObject, PlacingModels, opened_placing, placed, together
from easyphoto.inference.results import Photograph
from easyphoto.messages import Text, note, phase
from easyphoto.persons.scenes import scene_conditions
from easyphoto.progress import Progress
from easyphoto.report.page import write_report
from easyphoto.report.parts import Report
from easyphoto.report.placing import placing_section
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.placing import PlacingSettings
from easyphoto.storage.files import readable_name
from easyphoto.storage.records import utc_now, write_json
from easyphoto.workspace.folders import SESSION_FILE
from easyphoto.workspace.person_record import SCENE, Person

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class PlaceOnTemplate:
    """A template, and where the object goes."""

    file: Path
    original: Original
    painted: np.ndarray
    """bool (height, width) of the template."""
    record: Mapping[str, Any]
    """The same by name, for the record."""


def read_place(template: Path, mask: Path | None, box: Box | None) -> PlaceOnTemplate:
    """Read template and mask. Raises BadPicture and BadMask."""
    original = read_original(template)
    size = Size.of(original.picture)
    painted = boxed(box or (), size) if mask is None else read_painted(mask, size)
    record = {
        "template": readable_name(template),
        "mask": readable_name(mask) if mask is not None else None,
        "box": list(box) if box is not None else None,
    }
    return PlaceOnTemplate(template, original, painted, record)


def open_placement(
    app: EasyPhoto, thing: Person, settings: PlacingSettings, progress: Progress, *, out: Path | None = None
) -> Placement:
    """Open the networks that paint. Raises WrongFamily where they are not those that the object was learned for."""
    base, family = shared_base(app, [thing]), family_named(thing.family)
    if app.options.base is not None:
        family = family_of_base(base, app.host, app.options.weights)
    loras, words = scene_conditions(app.workspace, thing.id, settings.lora_weight, family)
    few_steps = few_steps_lora(family, settings, app.store, progress)
    progress.step(0, 1, phase("load-networks", "loading the models"))
    backend = app.host.open_backend(base, family, app.store, app.options.weights, app.models)
    return Placement(
        person=thing,
        thing=PlacedObject(thing.name, loras, words, is_scene=thing.kind == SCENE),
        settings=settings,
        models=PlacingModels(backend, progress, few_steps),
        out=out or results_folder(app.workspace, [thing]),
        base=named_base(app),
    )


@dataclass(frozen=True, eq=False)
class Placement:
    """Everything that is opened for one command."""

    person: Person
    """The object's record."""
    thing: PlacedObject
    settings: PlacingSettings
    models: PlacingModels
    out: Path
    base: str | None
    """For the record, as of `named_base`."""

    def placed(self, where: PlaceOnTemplate, context: Context) -> PhotographResult:
        """Write and report the pictures."""
        session = begun_session(self.out, [self.person], self.base)
        original, settings = where.original, self.settings
        family = family_named(self.models.backend.family).at(settings.resolution)
        placing = opened_placing(original.picture, where.painted, self.thing, settings, family, self.models)
        made: list[Photograph] = []
        results: list[PictureResult] = []
        for one in placed(placing):
            shown = in_own_colours(original, one, _hidden())
            if settings.ai_label:
                shown = with_label(shown, (), Size.of(original.picture), original.alpha, painted=where.painted)
            results.append(self._written(where, shown, session, context))
            made = with_steps_to_report([*made, shown])
        found = together(placing, made)
        found = replace(found, notes=(*original.notes, *found.notes))
        used = [asdict(weight) for weight in self.models.backend.weights]
        write_json(self.out / SESSION_FILE, {**session, "weights": used})
        section = placing_section(where.record["template"], original.picture, found, self.thing.name)
        template = TemplateResult(where.file, tuple(results), found.notes, found.seconds, section)
        facts = ("pictures", str(len(results))), ("seconds", f"{sum(found.seconds.values()):.0f}")
        report = Report(f"{self.thing.name}, placed", "Template, every step, and the result.", facts, (section,))
        return PhotographResult((template,), write_report(self.out, report))

    def _written(
        self, where: PlaceOnTemplate, made: Photograph, session: Mapping[str, Any], context: Context
    ) -> PictureResult:
        original, profile = where.original, where.original.profile
        record = {
            "made_by": MADE_BY, **session, "kind": "place", **where.record,
            "settings": settings_record(self.settings), **made.record(), "created": utc_now(),
        }  # fmt: skip
        file = write_picture(
            free_file(self.out, f"{Path(where.record['template']).stem}-{self.person.id}-{made.seed}"),
            original.painted(made.image, made.mask),
            record,
            profile=profile.content if profile is not None else None,
            source=DigitalSource.COMPOSITE,
        )
        context.picture_finished(file, where.file, made)
        return PictureResult(file, made.seed, made.likeness, made.notes, made.made_by)


def _hidden() -> Text:
    return note(
        "object-under-transparency",
        "Part of the object lies where the template is transparent, so it cannot be seen.",
    )
