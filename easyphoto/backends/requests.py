"""What every backend asks of requests before any work: sizes, ranges, what is alike, what needs no repainting."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from PIL import Image

from easyphoto.backends.base import Control, GenerateRequest, InpaintRequest, Result, SamplingRequest
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.backends.face_condition import FaceCondition
from easyphoto.errors import InputError
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.messages import note, text

MOST_STEPS = 1000
LARGEST_SEED = 2**63 - 1


def check_inpaint(request: InpaintRequest, multiple: int) -> None:
    """Raise InputError for a request that no backend could paint; `multiple` is the family's `latent_multiple`."""
    _check_size(request.size, multiple)
    _check_mask(request.mask, request.size)
    _check_between(text("The denoising strength"), request.denoise, low=0, high=1)
    _check_common(request, request.size)


def check_generate(request: GenerateRequest, multiple: int) -> None:
    """Like `check_inpaint`, for a picture from a prompt alone."""
    _check_size(request.size, multiple)
    _check_common(request, request.size)


def alike(requests: Sequence[InpaintRequest]) -> list[list[int]]:
    """The indices of requests grouped by batch key; groups are in order of their first request."""
    groups: dict[Hashable, list[int]] = {}
    for number, request in enumerate(requests):
        groups.setdefault(request.batch_key, []).append(number)
    return list(groups.values())


def unchanged(request: InpaintRequest) -> Result | None:
    """A result with a copy of the picture if there is nothing to repaint, else None."""
    if request.denoise > 0 and request.mask.any():
        return None
    same = as_picture(as_array(request.image))
    return Result(same, request.seed, (), (), 0.0, (note("nothing-to-repaint", "There is nothing to repaint."),))


def _check_size(size: Size, multiple: int) -> None:
    if size.short < multiple or size.width % multiple or size.height % multiple:
        raise InputError(
            text("A picture of {width}×{height} pixels does not suit the model.", width=size.width, height=size.height),
            advice=text("Both sides must be multiples of {multiple}.", multiple=multiple),
        )


def _check_mask(mask: np.ndarray, size: Size) -> None:
    if mask.shape != (size.height, size.width):
        raise InputError(
            text(
                "The mask has the shape {shape}, the picture is {width}×{height}.",
                shape=mask.shape,
                width=size.width,
                height=size.height,
            ),
            advice=text("Give a mask of (height, width) of the picture."),
        )
    if not np.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1:
        raise InputError(
            text("The mask contains values that are not between 0 and 1."), advice=text("1 is repainted, 0 stays.")
        )


def _check_common(request: SamplingRequest, size: Size) -> None:
    if not 1 <= request.steps <= MOST_STEPS:
        raise InputError(
            text("{steps} steps are not possible.", steps=request.steps),
            advice=text("Choose 1 to {most_steps}.", most_steps=MOST_STEPS),
        )
    if not 0 <= request.seed <= LARGEST_SEED:
        raise InputError(
            text("{seed} is not a seed.", seed=request.seed),
            advice=text("Choose 0 to {largest_seed}.", largest_seed=LARGEST_SEED),
        )
    _check_between(text("The guidance (CFG)"), request.cfg, low=0, high=100)
    for condition in request.conditions:
        _check_condition(condition)
        if isinstance(condition, FaceCondition):
            _check_face(condition, size)
    for control in request.controls:
        _check_control(control, size)


def _check_condition(condition: Condition) -> None:
    kind = "LoRA" if isinstance(condition, LoraCondition) else condition.kind
    what = {"kind": kind, "name": condition.name}
    _check_between(text("The weight of the {kind} {name}", **what), condition.weight, low=-10, high=10)
    _check_between(text("The start of the {kind} {name}", **what), condition.start, low=0, high=1)
    _check_between(text("The end of the {kind} {name}", **what), condition.end, low=condition.start, high=1)


def _check_face(face: FaceCondition, size: Size) -> None:
    _check_between(text("The control weight of {name}", name=face.name), face.control_weight, low=0, high=10)
    if face.mask is not None:
        _check_mask(face.mask, size)
    if face.control_image is not None:
        _check_image(face.kind, face.control_image, size)
    if face.face.vector is not None and not np.isfinite(face.face.vector).all():
        raise InputError(
            text("The measurements of the face for {name} contain values that are not numbers.", name=face.name),
            advice=text("Have them made again from the person's photos."),
        )


def _check_control(control: Control, size: Size) -> None:
    _check_image(control.kind, control.image, size)
    _check_between(text("The weight of the control {kind!r}", kind=control.kind), control.weight, low=0, high=10)
    _check_between(text("The start of the control {kind!r}", kind=control.kind), control.start, low=0, high=1)
    _check_between(text("The end of the control {kind!r}", kind=control.kind), control.end, low=control.start, high=1)


def _check_image(kind: str, image: Image.Image, size: Size) -> None:
    if Size.of(image) != size:
        raise InputError(
            text(
                "The image of the control {kind!r} is {width}×{height}, the request {size_width}×{size_height}.",
                kind=kind,
                width=image.width,
                height=image.height,
                size_width=size.width,
                size_height=size.height,
            ),
            advice=text("Draw control images at the request's size."),
        )


def _check_between(what: str, value: float, *, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise InputError(
            text("{source} is {what}.", source=what, what=value),
            advice=text("Choose a number from {low} to {high}.", low=low, high=high),
        )
