"""Draws a picture a second time, larger, for finer detail ("hires. fix")."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np
from PIL import Image

from easyphoto.architectures.registry import family_named
from easyphoto.backends.base import Backend, Control, GenerateRequest, InpaintRequest, Result
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.backends.requests import MOST_STEPS
from easyphoto.errors import OutOfMemory
from easyphoto.geometry import Size
from easyphoto.images.pictures import resized
from easyphoto.messages import note
from easyphoto.progress import Progress

FACTOR = 1.5
STRENGTH = 0.20
SCENE_SHARE = 0.5
"""Of a scene's weight in the first drawing. All three numbers are those of the 2023 extension."""
LEAST_STEPS = 4
"""Steps to run, however few the first drawing took: a share of 0.20 of eight would be one or two."""


def redrawn(
    backend: Backend,
    picture: Image.Image,
    request: GenerateRequest,
    progress: Progress,
    *,
    scenes: Collection[LoraCondition] = (),
) -> Result:
    """The picture drawn again at 1.5 times its size; where the memory is too short, the picture as it is with a note.

    `scenes` are those of the request's conditions whose LoRAs were learned from a scene or an object. Raises what
    `Backend.inpaint` raises else.
    """
    again = second_request(picture, request, family_named(backend.family).latent_multiple, scenes)
    try:
        return backend.inpaint(again, progress)
    except OutOfMemory as error:
        said = note(
            "hires-left-out",
            "The picture stays as large as it was drawn, {width}×{height}: {error}",
            width=picture.width,
            height=picture.height,
            error=error.said,
        )
        controls = tuple(each.kind for each in request.controls if each.weight)
        conditions = tuple(each.name for each in request.conditions if each.weight)
        return Result(picture, request.seed, controls, conditions, 0.0, (said,))


def second_request(
    picture: Image.Image, request: GenerateRequest, multiple: int, scenes: Collection[LoraCondition] = ()
) -> InpaintRequest:
    """The request that draws everything again; its sides are multiples of `multiple` pixels."""
    size = Size.in_multiples(picture.width * FACTOR, picture.height * FACTOR, multiple)
    return InpaintRequest(
        resized(picture, size),
        np.ones((size.height, size.width), np.float32),
        prompt=request.prompt,
        negative=request.negative,
        controls=tuple(_enlarged(control, size) for control in request.controls),
        conditions=tuple(_lighter(each) if each in scenes else each for each in request.conditions),
        checkpoint=request.checkpoint,
        seed=request.seed,
        steps=min(MOST_STEPS, max(request.steps, math.ceil(LEAST_STEPS / STRENGTH))),
        cfg=request.cfg,
        sampler=request.sampler,
        denoise=STRENGTH,
    )


def _enlarged(control: Control, size: Size) -> Control:
    return replace(control, image=resized(control.image, size))


def _lighter(condition: Condition) -> Condition:
    assert isinstance(condition, LoraCondition), "scenes are LoRAs"
    return replace(condition, weight=condition.weight * SCENE_SHARE)
