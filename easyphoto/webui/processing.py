"""Turns a request into the host's processing object, and the host's answer into a picture."""

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
    """Return the script runner of the host's tab for this kind of request."""
    scripts = host_module("scripts")
    return scripts.scripts_img2img if isinstance(request, InpaintRequest) else scripts.scripts_txt2img


def with_only(runner: Any, script: Any, by: Any) -> Any:
    """Return a copy of the runner with this always-on script, or `by` in its place, and without all others that have a
    panel.

    A panel's values from when the page was built do not belong to our pictures: a second face restoration, outdated
    settings. Scripts without a panel stay, since they adapt the host's networks to each picture (Hypertile).
    """
    alone = copy.copy(runner)
    alone.alwayson_scripts = [
        by if each is script else each
        for each in runner.alwayson_scripts
        if each is script or each.args_from == each.args_to
    ]
    if hasattr(alone, "callback_map"):
        # It caches the runner's callbacks for a number of scripts that has changed.
        alone.callback_map = {}
    return alone


def default_arguments(runner: Any) -> list[Any]:
    """Return the initial values of the tab's components, with no selectable script.

    The existing components are read: components created in an event of gradio 4 have no values.
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
    """Return the host's processing object, ready for `painted`."""
    processing = host_module("processing")
    if isinstance(request, InpaintRequest):
        kind, said = processing.StableDiffusionProcessingImg2Img, _inpainting(request)
    else:
        size = request.size
        kind, said = processing.StableDiffusionProcessingTxt2Img, {"width": size.width, "height": size.height}
    said |= _common(request, sampler, prompt, overrides)
    accepted = inspect.signature(kind).parameters
    p = kind(**{key: value for key, value in said.items() if key in accepted})
    # Set before the scripts, because setting `scripts` would otherwise take steps, sampler and seed from the tab.
    p.is_api = True
    p.scripts = runner
    p.script_args = tuple(arguments)
    _begin_from_seed(p)
    return p


def _begin_from_seed(p: Any) -> None:
    """Make the same request give the same picture, whatever was painted before.

    The host samples the autoencoder's latents from torch's global generator. It is seeded only here, because a control
    model that is loaded on the way draws from it as well.
    """
    begin = p.init

    def begun(*arguments: Any, **named: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.manual_seed(int(p.seed))
        return begin(*arguments, **named)

    p.init = begun


def painted(p: Any) -> Image.Image:
    """Run the host; returns an RGB picture. Raises OutOfMemory, BackendError, and Cancelled if stopped before it."""
    try:
        with out_of_memory_named(), contextlib.closing(p):
            processed = host_module("processing").process_images(p)
    except (EasyPhotoError, Cancelled):
        raise
    except Exception as error:  # hosts and extensions may raise anything
        said = str(error).strip().splitlines()[:1]
        raise BackendError(
            text(
                "The web UI could not make the picture ({kind}{value}{said}).",
                kind=type(error).__name__,
                value=": " if said else "",
                said="".join(said),
            ),
            advice=text("See its log."),
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
        # An integer: a fraction is silently ignored. Our masks are feathered already.
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
