"""Builds the request of each diffusion pass from settings and pictures; runs nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family, FewSteps
from easyphoto.backends.base import Capabilities, Control, InpaintRequest, Sampler
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.backends.guides import draw_guide
from easyphoto.backends.requests import MOST_STEPS
from easyphoto.errors import InputError
from easyphoto.geometry import Size
from easyphoto.images.pictures import resized_mask
from easyphoto.inference.identities.base import FacePlace
from easyphoto.inference.identities.registry import identity_conditions
from easyphoto.inference.subject import Subject
from easyphoto.messages import note, text
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.placing import PlacingSettings

WANTED_SAMPLER = Sampler.DPMPP_2M_SDE_KARRAS
# The joint pass over the borders of several faces (`design` §4).
JOINT_DENOISE = 0.30
# The colour control's usual model states no licence; tile replaces it, up to this share of the steps.
TILE_FOR_COLOUR_END = 0.5
SCENE_WEIGHT = 0.40
"""Of a scene or an object in the passes over a template, where none is written; as in the 2023 extension."""
POSE_KINDS = ("facepoints", "openpose")


@dataclass(frozen=True)
class CalledLoras:
    """LoRAs of scenes and objects, and the words that call them."""

    conditions: tuple[LoraCondition, ...] = ()
    words: tuple[str, ...] = ()


NO_LORAS = CalledLoras()


@dataclass(frozen=True)
class SamplerPreset:
    """Sampler and steps of the passes: the family's own, or those of a few-step LoRA."""

    sampler: Sampler
    cfg: float
    conditions: tuple[Condition, ...] = ()
    """Applied in every pass, besides what makes the networks paint the person."""
    words: str = ""
    """What calls the LoRAs among them."""
    made: int | None = None
    """Steps to run whatever the denoise; None leaves it to the family."""

    def with_loras(self, called: CalledLoras) -> SamplerPreset:
        conditions = (*called.conditions, *self.conditions)
        return replace(self, conditions=conditions, words=joined(self.words, *called.words))

    def steps(self, usual: int, denoise: float) -> int:
        """The number of steps to request: a backend runs only the share `denoise` of them."""
        if self.made is None:
            return usual
        return min(MOST_STEPS, math.ceil(self.made / max(denoise, 1 / MOST_STEPS)))


@dataclass(frozen=True, eq=False)
class Guides:
    """What control images are drawn from, in network pixels."""

    picture: Image.Image
    """The fused crop, for edges and colours."""
    pasted: Image.Image | None = None
    """The portrait pasted on the template, for the pose."""
    points: np.ndarray | None = None
    """The five face points on `pasted`: (5, 2) float32 pixels."""


def controls_for(
    wanted: Sequence[tuple[str, float]],
    guides: Guides,
    capabilities: Capabilities,
) -> tuple[tuple[Control, ...], tuple[str, ...]]:
    """The control images, and a note for each kind that is left out or replaced."""
    available = capabilities.controls
    controls, notes = [], []
    for kind, weight in wanted:
        if kind not in available:
            why = capabilities.refused.get(kind, text("its model is missing"))
            if kind == "color" and "tile" in available:
                image = draw_guide("tile", guides.picture)
                controls.append(Control("tile", image, weight, end=TILE_FOR_COLOUR_END))
                notes.append(
                    note(
                        "control-replaced",
                        "Control color: {why}; tile is used instead for the first half of the steps.",
                        why=why,
                    )
                )
            else:
                notes.append(note("control-left-out", "Control {kind}: left out, {why}.", kind=kind, why=why))
            continue
        ground = guides.pasted if kind in POSE_KINDS else guides.picture
        if ground is None:
            notes.append(note("control-without-pose", "Control {kind}: left out, there is no pose guide.", kind=kind))
            continue
        try:
            controls.append(Control(kind, draw_guide(kind, ground, guides.points), weight))
        except InputError as error:
            notes.append(note("control-failed", "Control {kind}: left out. {error}", kind=kind, error=error))
    return tuple(controls), tuple(notes)


def first_pass(
    picture: Image.Image,
    mask: np.ndarray,
    controls: tuple[Control, ...],
    subject: Subject,
    *,
    settings: InferenceSettings,
    family: Family,
    trigger: str,
    seed: int,
    pace: SamplerPreset,
    fused: bool,
    bare: bool = False,
    points: np.ndarray,
) -> InpaintRequest:
    """The request that repaints the face; `fused`: the reference photo is fused into `picture` already; `bare`: not
    even the portrait is laid in.

    `mask`: (height, width) float32 in 0..1, in template pixels. `points`: (5, 2) float32, the face's on `picture`.
    """
    place = FacePlace(points, Size.of(picture))
    strength = first_strength(settings, family, fused=fused, bare=bare)
    return InpaintRequest(
        image=picture,
        mask=resized_mask(mask, Size.of(picture)),
        prompt=joined(trigger, family.positive, subject.words, pace.words, settings.prompt),
        negative=joined(settings.negative, family.negative),
        controls=controls,
        conditions=(*identity_conditions(subject.identities, settings, place), *pace.conditions),
        seed=seed,
        steps=settings.first_steps or pace.steps(family.first_steps, strength),
        denoise=strength,
        cfg=guidance(pace, subject, settings),
        sampler=pace.sampler,
    )


def second_pass(
    first: InpaintRequest,
    picture: Image.Image,
    mask: np.ndarray,
    controls: tuple[Control, ...],
    subject: Subject,
    *,
    settings: InferenceSettings,
    family: Family,
    pace: SamplerPreset,
    points: np.ndarray,
) -> InpaintRequest:
    """The request that repaints the face along its border; prompt, guidance and seed are those of the first pass.

    `mask`: (height, width) float32 in 0..1, in template pixels. `points`: (5, 2) float32, the face's on `picture`.
    """
    place = FacePlace(points, Size.of(picture), is_second=True)
    return replace(
        first,
        conditions=(*identity_conditions(subject.identities, settings, place), *pace.conditions),
        image=picture,
        mask=resized_mask(mask, Size.of(picture)),
        controls=controls,
        steps=settings.second_steps or pace.steps(family.second_steps, second_strength(settings, family)),
        denoise=second_strength(settings, family),
    )


def joint_pass(
    picture: Image.Image,
    mask: np.ndarray,
    controls: tuple[Control, ...],
    *,
    settings: InferenceSettings,
    family: Family,
    seed: int,
    pace: SamplerPreset,
) -> InpaintRequest:
    """The request that repaints the borders of all faces at once, without any identity or trigger words.

    `mask`: (height, width) float32 in 0..1, in template pixels.
    """
    return InpaintRequest(
        image=picture,
        mask=resized_mask(mask, Size.of(picture)),
        prompt=joined(family.positive, pace.words, settings.prompt),
        negative=joined(settings.negative, family.negative),
        controls=controls,
        conditions=pace.conditions,
        seed=seed,
        steps=settings.second_steps or pace.steps(family.second_steps, JOINT_DENOISE),
        denoise=JOINT_DENOISE,
        cfg=pace.cfg,
        sampler=pace.sampler,
    )


def first_strength(settings: InferenceSettings, family: Family, *, fused: bool, bare: bool = False) -> float:
    if settings.first_strength is not None:
        return settings.first_strength
    if bare:
        return family.bare_strength
    return family.first_strength if fused else family.unfused_strength


def guidance(pace: SamplerPreset, subject: Subject, settings: InferenceSettings) -> float:
    """The guidance scale of the settings, else the preset's, within what the subject's identities bear."""
    limits = [identity.most_cfg for identity in subject.identities if identity.most_cfg is not None]
    return pace.cfg if settings.cfg is not None else min(pace.cfg, *limits) if limits else pace.cfg


def second_strength(settings: InferenceSettings | PlacingSettings, family: Family) -> float:
    """Denoise of the second pass; at 0 there is none."""
    return family.second_strength if settings.second_strength is None else settings.second_strength


def sampler_preset(
    settings: InferenceSettings | PlacingSettings,
    family: Family,
    capabilities: Capabilities,
    few_steps: tuple[FewSteps, Path] | None = None,
) -> tuple[SamplerPreset, tuple[str, ...]]:
    """The family's preset, or that of the few-step LoRA, with a note where the backend lacks its sampler."""
    fast, lora = few_steps or (None, None)
    wanted = Sampler(fast.sampler) if fast else WANTED_SAMPLER
    missing = bool(capabilities.samplers) and wanted not in capabilities.samplers
    sampler = capabilities.samplers[0] if missing else wanted
    notes = (
        (
            note(
                "sampler-replaced",
                "The sampler {wanted} is not available here; {sampler} is used.",
                wanted=wanted.value,
                sampler=sampler.value,
            ),
        )
        if missing
        else ()
    )
    if fast is None or lora is None:
        return SamplerPreset(sampler, settings.cfg or family.first_cfg), notes
    conditions = (LoraCondition(lora, fast.weight),)
    return SamplerPreset(sampler, settings.cfg or fast.cfg, conditions, made=fast.steps), notes


def joined(*words: str) -> str:
    return ", ".join(part.strip(" ,") for part in words if part.strip(" ,"))


def by_kind(controls: tuple[Control, ...]) -> Mapping[str, Image.Image]:
    return {control.kind: control.image for control in controls}
