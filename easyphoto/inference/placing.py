"""Puts a learned object, pet or scene into places of a template: a first pass over each, a second over its border.

There are no face steps, and no colour transfer: an object keeps its own colours. The first pass has no control image,
because the edges and colours under the mask are those of what is to go, and a blank there would say "nothing".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto import __version__
from easyphoto.architectures.base import Family, FewSteps
from easyphoto.backends.base import Backend, Capabilities, Fill, InpaintRequest
from easyphoto.backends.conditions import LoraCondition
from easyphoto.images.pictures import as_array, as_picture, blended, resized, resized_mask
from easyphoto.inference.cut_out import object_in
from easyphoto.inference.finish import WorkingPicture, repainted
from easyphoto.inference.painting import Account, Painter, Pass, Passes
from easyphoto.inference.passes import (
    Guides,
    SamplerPreset,
    by_kind,
    controls_for,
    joined,
    sampler_preset,
    second_strength,
)
from easyphoto.inference.places import ObjectPlace, border_of, places_of
from easyphoto.inference.prepare import greyscale
from easyphoto.inference.results import UNITS, Photograph, Photographs, Stage, Stopwatch
from easyphoto.messages import Text, note, text
from easyphoto.progress import NullProgress, Progress
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.placing import PlacingSettings


@dataclass(frozen=True)
class PlacedObject:
    """What goes into the template: its LoRAs, and the words that call it."""

    name: str
    loras: tuple[LoraCondition, ...]
    words: tuple[str, ...] = ()
    is_scene: bool = False
    """It is no thing in front of a background, so that there is nothing to cut out."""


@dataclass(frozen=True, eq=False)
class PlacingModels:
    backend: Backend
    progress: Progress = field(default_factory=NullProgress)
    few_steps: tuple[FewSteps, Path] | None = None
    """Preset and file of the few-step LoRA; None without one."""


def opened_placing(
    template: Image.Image,
    painted: np.ndarray,
    thing: PlacedObject,
    settings: PlacingSettings,
    family: Family,
    models: PlacingModels,
) -> PlacingSession:
    """Do all that is the same for every seed. `painted`: bool (height, width) of the template. Raises BadMask."""
    places, notes = places_of(painted, family, settings)
    capabilities = models.backend.capabilities()
    pace, pace_notes = sampler_preset(settings, family, capabilities, models.few_steps)
    return PlacingSession(
        template, places, thing, settings, family, models, capabilities, pace, (*notes, *pace_notes), Stopwatch()
    )


def placed(session: PlacingSession) -> Iterator[Photograph]:
    """The object painted where the mask is, with each seed in turn, each picture as soon as it is finished.

    The passes of several are painted together, as many as the backend can use. Raises what the backend raises.
    """

    def painted(numbers: Sequence[int]) -> list[Photograph]:
        shots = [_PlacedShot(session, (session.settings.seed + number) % 2**32) for number in numbers]
        return session.painter.together([shot.taken() for shot in shots])

    return session.painter.batches(session.settings.count, session.capabilities.at_a_time, painted)


def together(session: PlacingSession, results: Sequence[Photograph]) -> Photographs:
    """All pictures of the session, in the order of the seeds."""
    return Photographs(tuple(results), (), (), (*session.notes, *_unranked(results)), session.clock.seconds)


def _unranked(results: Sequence[Photograph]) -> tuple[str, ...]:
    said = note(
        "placed-not-ranked",
        "The results are not ranked, but in the order of their seeds: nothing measures how like the object they are.",
    )
    return (said,) if len(results) > 1 else ()


@dataclass(frozen=True, eq=False)
class PlacingSession:
    """What all seeds of one call share."""

    template: Image.Image
    places: tuple[ObjectPlace, ...]
    thing: PlacedObject
    settings: PlacingSettings
    family: Family
    models: PlacingModels
    capabilities: Capabilities
    pace: SamplerPreset
    notes: tuple[str, ...]
    clock: Stopwatch

    @cached_property
    def painter(self) -> Painter:
        passes = 1 + (second_strength(self.settings, self.family) > 0)
        units = UNITS * passes * len(self.places) * self.settings.count
        return Painter(self.models.backend, self.models.progress, self.clock, units=units, part_key="place")


class _PlacedShot:
    """The passes of one seed over all places."""

    def __init__(self, session: PlacingSession, seed: int) -> None:
        self.session, self.seed = session, seed
        self._account = Account()

    def taken(self) -> Passes[Photograph]:
        template, canvas = self.session.template, WorkingPicture.of(self.session.template)
        for one in self.session.places:
            canvas = yield from self._placed(canvas, one)
        image, account = as_picture(canvas.picture), self._account
        stages = Stage("template", template), *account.stages, Stage("result", image)
        made_by, notes = made_by_record(self.session, account.applied), tuple(dict.fromkeys(account.notes))
        return Photograph(image, self.seed, (), stages, notes, canvas.touched, made_by)

    def _placed(self, canvas: WorkingPicture, one: ObjectPlace) -> Passes[WorkingPicture]:
        """First pass → composed at the template's resolution → second pass along the border → pasted back."""
        left, top, right, bottom = one.crop.as_ints()
        before = canvas.picture[top:bottom, left:right]
        self._show(one, crop=as_picture(before), mask=greyscale(one.painted))
        request = self._first_request(as_picture(before), one)
        first = yield self._pass("first pass", request, one)
        painted = as_array(resized(first, one.crop.size))
        alpha = self._taken(painted, one)
        crop = blended(before, painted, alpha)
        self._show(one, composed=as_picture(crop))
        crop = yield from self._bordered(crop, alpha, one, request)
        return canvas.with_crop(as_picture(crop), one.crop, alpha)

    def _taken(self, painted: np.ndarray, one: ObjectPlace) -> np.ndarray:
        """How much of what was painted (uint8 RGB of the crop) is taken: the object alone, or all under the mask."""
        session, chosen = self.session, self.session.settings.cut_out
        if chosen == "off" or (chosen == "auto" and (session.thing.is_scene or not session.family.cuts_out)):
            return one.alpha
        with self.session.clock.timed("cut-out"):
            found = object_in(painted, one.alpha)
        if found is None:
            self._account.notes.append(
                note(
                    "not-cut-out",
                    "The object could not be told from its background, so that all under the mask was taken.",
                )
            )
            return one.alpha
        self._show(one, **{"cut out": greyscale(found)})
        return found

    def _first_request(self, crop: Image.Image, one: ObjectPlace) -> InpaintRequest:
        session, settings, family = self.session, self.session.settings, self.session.family
        strength = family.place_strength if settings.place_strength is None else settings.place_strength
        return InpaintRequest(
            image=resized(crop, one.work),
            mask=resized_mask(one.alpha, one.work),
            prompt=joined(*session.thing.words, settings.prompt, family.positive_thing),
            negative=joined(settings.negative, family.negative),
            conditions=(*session.thing.loras, *session.pace.conditions),
            seed=self.seed,
            steps=settings.first_steps or session.pace.steps(family.first_steps, strength),
            denoise=strength,
            cfg=session.pace.cfg,
            sampler=session.pace.sampler,
            fill=Fill.ORIGINAL,
        )

    def _bordered(
        self, crop: np.ndarray, alpha: np.ndarray, one: ObjectPlace, first: InpaintRequest
    ) -> Passes[np.ndarray]:
        """The crop (uint8 RGB, template pixels) after the second pass along the border of what was taken, if any."""
        session = self.session
        strength = second_strength(session.settings, session.family)
        if strength <= 0:
            return crop
        before = resized(as_picture(crop), one.work)
        controls, notes = controls_for(session.family.second_controls, Guides(before), session.capabilities)
        self._account.notes.extend(notes)
        ring, ring_alpha = border_of(alpha, one.side)
        self._show(one, **{"second mask": greyscale(ring), **by_kind(controls)})
        steps = session.settings.second_steps or session.pace.steps(session.family.second_steps, strength)
        mask = resized_mask(ring, one.work)
        request = replace(
            first, image=before, mask=mask, controls=controls, denoise=strength, steps=steps, fill=Fill.ORIGINAL
        )
        after = yield self._pass("second pass", request, one)
        return repainted(crop, before, after, ring_alpha)

    def _pass(self, step: str, request: InpaintRequest, one: ObjectPlace) -> Pass:
        told = Text(step)
        if len(self.session.places) > 1:
            told = text("place {place}, {what}", place=one.number + 1, what=told)
        return Pass(step, request, one.number, told, self._account)

    def _show(self, one: ObjectPlace, **pictures: Image.Image) -> None:
        self._account.stages.extend(Stage(name, picture, one.number) for name, picture in pictures.items())


def made_by_record(session: PlacingSession, applied: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Plain values that say what made a picture."""
    thing = session.thing
    return {
        "easyphoto": __version__,
        "family": session.family.id,
        "settings": settings_record(session.settings),
        "object": {
            "name": thing.name,
            "words": list(thing.words),
            "loras": [{"file": each.name, "weight": each.weight} for each in thing.loras],
        },
        "places": [list(one.crop.as_ints()) for one in session.places],
        "passes": applied,
        "weights": [asdict(used) for used in session.models.backend.weights],
    }
