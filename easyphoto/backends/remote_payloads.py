"""Building the payloads of a web UI's API, and decoding its answers."""

from __future__ import annotations

import base64
import binascii
import io
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.backends.base import Control, Fill, GenerateRequest, InpaintRequest, SamplingRequest
from easyphoto.backends.remote_client import ROOM
from easyphoto.backends.webui_names import HostCheckpoint, HostSampler
from easyphoto.errors import BackendError, BadPicture
from easyphoto.geometry import Size
from easyphoto.images.opening import open_picture
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.messages import text

Payload = dict[str, Any]
_FILLS = {Fill.ORIGINAL: 1, Fill.NOISE: 2}
# A PNG of noise is a little larger than its pixels; base64 adds a third.
_BYTES_A_PIXEL = 6


@dataclass(frozen=True, eq=False)
class Named:
    """A request's sampler, controls, LoRAs and checkpoint under the web UI's own names."""

    sampler: HostSampler
    controls: tuple[tuple[Control, str], ...] = ()
    """Controls of non-zero weight, each with the name of its model."""
    no_module: str = "none"
    loras: tuple[tuple[str, float], ...] = ()
    files: tuple[str, ...] = ()
    """File names of `loras`, in the same order."""
    checkpoint: HostCheckpoint | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


def inpaint_payload(request: InpaintRequest, named: Named) -> Payload:
    """The payload for /sdapi/v1/img2img. Its binary mask covers every pixel that may change; the caller blends the
    result by the request's soft mask."""
    return {
        **_common(request, request.size, named),
        "init_images": [encoded(request.image)],
        "mask": encoded(Image.fromarray(np.where(request.mask > 0, 255, 0).astype(np.uint8))),
        "mask_blur": 0,
        "mask_blur_x": 0,
        "mask_blur_y": 0,
        "inpainting_fill": _FILLS[request.fill],
        "inpaint_full_res": False,
        "inpainting_mask_invert": 0,
        "resize_mode": 0,
        "denoising_strength": request.denoise,
        "include_init_images": False,
    }


def generate_payload(request: GenerateRequest, named: Named) -> Payload:
    """The payload for /sdapi/v1/txt2img."""
    return _common(request, request.size, named)


def _common(request: SamplingRequest, size: Size, named: Named) -> Payload:
    payload: Payload = {
        "prompt": prompt_with(request.prompt, named.loras),
        "negative_prompt": request.negative,
        "seed": request.seed,
        "subseed_strength": 0,
        "steps": request.steps,
        "cfg_scale": request.cfg,
        "width": size.width,
        "height": size.height,
        "batch_size": 1,
        "n_iter": 1,
        "restore_faces": False,
        "tiling": False,
        "sampler_name": named.sampler.name,
        "send_images": True,
        "save_images": False,
        "do_not_save_samples": True,
        "do_not_save_grid": True,
        "override_settings": dict(named.overrides),
        "override_settings_restore_afterwards": True,
        "force_task_id": f"task(easyphoto-{uuid.uuid4().hex})",
    }
    if named.sampler.scheduler:
        payload["scheduler"] = named.sampler.scheduler
    if named.controls:
        units = [unit(control, model, named.no_module) for control, model in named.controls]
        payload["alwayson_scripts"] = {"controlnet": {"args": units}}
    return payload


def prompt_with(prompt: str, loras: Sequence[tuple[str, float]]) -> str:
    """The prompt followed by the tag `<lora:name:weight>` of each LoRA."""
    return " ".join([prompt, *(f"<lora:{name}:{weight:g}>" for name, weight in loras)])


def unit(control: Control, model: str, no_module: str) -> Payload:
    """One ControlNet unit. `enabled` is explicit because its default is off since May 2024."""
    return {
        "enabled": True,
        "module": no_module,
        "model": model,
        "image": encoded(control.image),
        "weight": control.weight,
        "guidance_start": control.start,
        "guidance_end": control.end,
        "resize_mode": "Just Resize",
        "control_mode": "Balanced",
        "pixel_perfect": False,
        "processor_res": min(control.image.size),
        "save_detected_map": False,
    }


def encoded(picture: Image.Image) -> str:
    """The picture as a base64-encoded PNG."""
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")


def decoded(written: Any, size: Size | None = None) -> Image.Image:
    """The RGB picture in an answer. Raises BackendError if it is not a picture or not of the requested size."""
    try:
        data = base64.b64decode(str(written).partition(",")[2] or str(written), validate=True)
        with open_picture(data) as opened:
            if size is not None and opened.size != (size.width, size.height):
                raise BackendError(
                    text(
                        "The web UI sent a picture of {width}×{height} pixels; {size_width}×{size_height} were "
                        "asked for.",
                        width=opened.width,
                        height=opened.height,
                        size_width=size.width,
                        size_height=size.height,
                    ),
                    advice=text("An extension of it may change sizes: switch that off."),
                )
            return as_picture(as_array(opened))
    except (binascii.Error, ValueError, BadPicture) as error:
        raise BackendError(
            text("The web UI sent something that cannot be read as a picture."), advice=text("Its log may say more.")
        ) from error


def first_picture(answer: Any, size: Size) -> Image.Image:
    """The painted RGB picture; an answer may list control maps after it. Raises BackendError."""
    images = answer.get("images") if isinstance(answer, dict) else None
    if not isinstance(images, list) or not images:
        raise BackendError(
            text("The web UI sent no picture."),
            advice=text("Somebody may have interrupted it there; see its log."),
        )
    return decoded(images[0], size)


def info_of(answer: Any) -> Mapping[str, Any]:
    """The generation info of an answer; empty if it is missing or unreadable."""
    try:
        found = json.loads(answer["info"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def room_for(size: Size, pictures: int = 1) -> int:
    """Most bytes of an answer with that many pictures of `size` pixels."""
    return ROOM + size.width * size.height * _BYTES_A_PIXEL * pictures
