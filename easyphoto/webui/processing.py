"""A request in the host's own form, and the picture out of what it answers."""

from __future__ import annotations

import contextlib
import copy
import inspect
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.backends.base import Fill, InpaintRequest, Request, SamplingRequest
from easyphoto.backends.memory import out_of_memory_named
from easyphoto.backends.webui_names import HostSampler
from easyphoto.errors import BackendError, EasyPhotoError
from easyphoto.images.pictures import as_picture
from easyphoto.messages import text
from easyphoto.progress import Cancelled
from easyphoto.webui.host_modules import host_module

_FILLS: Mapping[Fill, int] = MappingProxyType({Fill.ORIGINAL: 1, Fill.NOISE: 2})


def runner_for(request: Request) -> Any:
    """The host's scripts of the tab that does the like."""
    scripts = host_module("scripts")
    return scripts.scripts_img2img if isinstance(request, InpaintRequest) else scripts.scripts_txt2img


def with_only(runner: Any, script: Any) -> Any:
    """The runner with this always-on script, and without all others that have a fold.

    What a fold says when the page is built is no part of our pictures: a second face repair, settings that are old by
    now. Scripts without one stay, since they fit the host's networks to each picture (Hypertile).
    """
    alone = copy.copy(runner)
    alone.alwayson_scripts = [
        each for each in runner.alwayson_scripts if each is script or each.args_from == each.args_to
    ]
    if hasattr(alone, "callback_map"):
        # It holds what the runner calls, counted by how many scripts there are.
        alone.callback_map = {}
    return alone


def default_arguments(runner: Any) -> list[Any]:
    """What the tab's components hold at first; no selectable script.

    The components that exist are asked: made anew in an event of gradio 4 they have no values.
    """
    arguments = [getattr(component, "value", None) for component in runner.inputs]
    arguments[:1] = [0]
    return arguments


def make_processing(
    request: Request,
    sampler: HostSampler,
    *,
    prompt: str,
    overrides: Mapping[str, Any],
    runner: Any,
    arguments: Sequence[Any],
) -> Any:
    """The host's object, ready for `painted`."""
    processing = host_module("processing")
    if isinstance(request, InpaintRequest):
        kind, said = processing.StableDiffusionProcessingImg2Img, _inpainting(request)
    else:
        size = request.size
        kind, said = processing.StableDiffusionProcessingTxt2Img, {"width": size.width, "height": size.height}
    said |= _common(request, sampler, prompt, overrides)
    accepted = inspect.signature(kind).parameters
    p = kind(**{key: value for key, value in said.items() if key in accepted})
    # Before the scripts: those of the tab would else set steps, sampler and seed to what the tab shows.
    p.is_api = True
    p.scripts = runner
    p.script_args = tuple(arguments)
    _begin_from_seed(p)
    return p


def _begin_from_seed(p: Any) -> None:
    """The same request gives the same picture, whatever was painted before.

    What the autoencoder leaves open when it reads a picture, the host draws from torch's one generator. It is set as
    late as that, because a control model that is loaded on the way draws from it as well.
    """
    begin = p.init

    def begun(*arguments: Any, **named: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.manual_seed(int(p.seed))
        return begin(*arguments, **named)

    p.init = begun


def painted(p: Any) -> Image.Image:
    """Runs the host. Raises Cancelled where it was stopped before the first picture, OutOfMemory, BackendError."""
    try:
        with out_of_memory_named(), contextlib.closing(p):
            processed = host_module("processing").process_images(p)
    except (EasyPhotoError, Cancelled):
        raise
    except Exception as error:  # whatever a host and its extensions may fail at
        said = str(error).strip().splitlines()[:1]
        raise BackendError(
            text(
                "The web UI failed at painting ({kind}{value}{said}).",
                kind=type(error).__name__,
                value=": " if said else "",
                said="".join(said),
            ),
            advice=text("Its log tells more."),
        ) from error
    first = int(getattr(processed, "index_of_first_image", 0))
    if len(processed.images) <= first:
        raise Cancelled("The web UI was stopped before it had painted a picture.")
    return as_picture(np.asarray(processed.images[first].convert("RGB")))


def _common(
    request: SamplingRequest, sampler: HostSampler, prompt: str, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    shared = host_module("shared")
    folder = getattr(shared.opts, "outdir_samples", "") or getattr(shared.opts, "outdir_img2img_samples", "")
    grids = getattr(shared.opts, "outdir_grids", "") or getattr(shared.opts, "outdir_img2img_grids", "")
    said = {
        "sd_model": shared.sd_model,
        "outpath_samples": folder,
        "outpath_grids": grids,
        "prompt": prompt,
        "negative_prompt": request.negative,
        "seed": int(request.seed),
        "sampler_name": sampler.name,
        "batch_size": 1,
        "n_iter": 1,
        "steps": int(request.steps),
        "cfg_scale": float(request.cfg),
        "restore_faces": False,
        "tiling": False,
        "do_not_save_samples": True,
        "do_not_save_grid": True,
        "override_settings": dict(overrides),
        "override_settings_restore_afterwards": True,
    }
    return said | ({} if sampler.scheduler is None else {"scheduler": sampler.scheduler})


def _inpainting(request: InpaintRequest) -> dict[str, Any]:
    levels = np.rint(request.mask * 255).astype(np.uint8)
    return {
        "init_images": [request.image.convert("RGB")],
        "mask": Image.fromarray(levels, "L"),
        # A whole number: a fraction is ignored without a word. Our masks have their soft edges already.
        "mask_blur": 0,
        "mask_round": False,
        "resize_mode": 0,
        "width": request.image.width,
        "height": request.image.height,
        "denoising_strength": float(request.denoise),
        "initial_noise_multiplier": 1.0,
        "inpainting_fill": _FILLS[request.fill],
        "inpaint_full_res": False,
        "inpaint_full_res_padding": 0,
        "inpainting_mask_invert": 0,
    }
