"""What the backend is asked in each pass: requests out of values, nothing is run here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from easyphoto.backends.base import Capabilities, Control, InpaintRequest, LoraUse, Sampler
from easyphoto.backends.guides import draw_guide
from easyphoto.errors import InputError
from easyphoto.families import Family
from easyphoto.geometry import Size
from easyphoto.images import resized_mask
from easyphoto.inference.sitter import Sitter
from easyphoto.settings import InferenceSettings

WANTED_SAMPLER = Sampler.DPMPP_2M_SDE_KARRAS
# The joint pass over the borders of several faces (`design` §4).
JOINT_CONTROLS = (("canny", 1.0), ("color", 1.0))
JOINT_DENOISE = 0.30
# The substitute for the colour control, whose usual model has no stated licence: tile, given up half way.
TILE_FOR_COLOUR_END = 0.5
POSE_KINDS = ("facepoints", "openpose")


@dataclass(frozen=True, eq=False)
class Guides:
    """What control images are drawn from, all in network pixels."""

    picture: Image.Image
    """The fused crop: edges and colours come from it."""
    pasted: Image.Image | None = None
    """The portrait laid on the template: the pose comes from it."""
    points: np.ndarray | None = None
    """The five points on `pasted`."""


def controls_for(
    wanted: Sequence[tuple[str, float]], guides: Guides, available: Sequence[str]
) -> tuple[tuple[Control, ...], tuple[str, ...]]:
    """Control images drawn, and a note for each kind that is left out or replaced."""
    controls, notes = [], []
    for kind, weight in wanted:
        if kind not in available:
            if kind == "color" and "tile" in available:
                image = draw_guide("tile", guides.picture)
                controls.append(Control("tile", image, weight, end=TILE_FOR_COLOUR_END))
                notes.append("Control color: no model for it is at hand; tile until half of the steps stands in.")
            else:
                notes.append(f"Control {kind}: left out, no model for it is at hand.")
            continue
        ground = guides.pasted if kind in POSE_KINDS else guides.picture
        if ground is None:
            notes.append(f"Control {kind}: left out, there is no pose guide.")
            continue
        try:
            controls.append(Control(kind, draw_guide(kind, ground, guides.points), weight))
        except InputError as error:
            notes.append(f"Control {kind}: left out. {error}")
    return tuple(controls), tuple(notes)


def first_pass(
    picture: Image.Image,
    mask: np.ndarray,
    controls: tuple[Control, ...],
    sitter: Sitter,
    *,
    settings: InferenceSettings,
    family: Family,
    trigger: str,
    seed: int,
    sampler: Sampler,
) -> InpaintRequest:
    """Repaints the face."""
    return InpaintRequest(
        image=picture,
        mask=resized_mask(mask, Size.of(picture)),
        prompt=joined(trigger, family.positive, settings.prompt),
        negative=joined(settings.negative, family.negative),
        controls=controls,
        loras=loras_of(sitter, settings),
        seed=seed,
        steps=settings.first_steps or family.first_steps,
        denoise=settings.first_strength,
        cfg=settings.cfg or family.first_cfg,
        sampler=sampler,
    )


def second_pass(
    first: InpaintRequest,
    picture: Image.Image,
    mask: np.ndarray,
    controls: tuple[Control, ...],
    *,
    settings: InferenceSettings,
    family: Family,
) -> InpaintRequest:
    """Repaints the face's border; words, LoRA and seed are the first pass's."""
    return replace(
        first,
        image=picture,
        mask=resized_mask(mask, Size.of(picture)),
        controls=controls,
        steps=settings.second_steps or family.second_steps,
        denoise=settings.second_strength,
    )


def joint_pass(
    picture: Image.Image,
    mask: np.ndarray,
    controls: tuple[Control, ...],
    *,
    settings: InferenceSettings,
    family: Family,
    seed: int,
    sampler: Sampler,
) -> InpaintRequest:
    """Repaints the borders of all faces at once; nobody's LoRA, nobody's trigger."""
    return InpaintRequest(
        image=picture,
        mask=resized_mask(mask, Size.of(picture)),
        prompt=joined(family.positive, settings.prompt),
        negative=joined(settings.negative, family.negative),
        controls=controls,
        seed=seed,
        steps=settings.second_steps or family.second_steps,
        denoise=JOINT_DENOISE,
        cfg=settings.cfg or family.first_cfg,
        sampler=sampler,
    )


def loras_of(sitter: Sitter, settings: InferenceSettings) -> tuple[LoraUse, ...]:
    return (LoraUse(sitter.lora, settings.lora_weight),) if sitter.lora and settings.lora_weight else ()


def sampler_for(capabilities: Capabilities) -> tuple[Sampler, tuple[str, ...]]:
    """The wanted sampler, or the backend's first with a note."""
    if WANTED_SAMPLER in capabilities.samplers or not capabilities.samplers:
        return WANTED_SAMPLER, ()
    instead = capabilities.samplers[0]
    return instead, (f"Sampler {WANTED_SAMPLER.value}: the backend lacks it, {instead.value} is used.",)


def joined(*words: str) -> str:
    return ", ".join(part.strip(" ,") for part in words if part.strip(" ,"))


def by_kind(controls: tuple[Control, ...]) -> Mapping[str, Image.Image]:
    return {control.kind: control.image for control in controls}
