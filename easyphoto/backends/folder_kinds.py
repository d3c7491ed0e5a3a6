"""What a folder is that was given as a base model, told by its configurations; other pipelines are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from easyphoto.backends.strangers import ORDINARY, OTHER_WIDTHS, SPECIAL_INPUTS, TAKE
from easyphoto.errors import InputError
from easyphoto.messages import Text, text
from easyphoto.storage.files import read_regular
from easyphoto.storage.records import MOST_BYTES, parsed

_INDEX, _CONFIG, _CLASS = "model_index.json", "config.json", "_class_name"
_USABLE = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
# Pipelines that paint with the same networks, as diffusers writes them when it saves another task's pipeline.
_TASKS = ("Img2Img", "Inpaint", "ControlNet", "LatentConsistency", "PAG")
_NETWORKS = {
    "ControlNetModel": text("a ControlNet"),
    "AutoencoderKL": text("a VAE"),
    "UNet2DConditionModel": text("a UNet in diffusers' names"),
}
_MOST_NAMED = 5


def refuse_other_folders(folder: Path) -> None:
    """Raise InputError that says what the folder is, if its configurations name anything but SD 1.5 or SDXL.

    A folder without configurations, and one whose parts are missing, is left to the caller.
    """
    pipeline = str(_read(folder / _INDEX).get(_CLASS, ""))
    if pipeline and not _paints_alike(pipeline):
        raise _refused(folder, text("a model for {pipeline}", pipeline=pipeline), TAKE)
    if not pipeline:
        _refuse_a_part(folder)
        _refuse_a_shelf(folder)
    unet = _read(folder / "unet" / _CONFIG)
    width, channels = unet.get("cross_attention_dim"), unet.get("in_channels")
    if isinstance(width, int) and width in OTHER_WIDTHS:
        raise _refused(folder, OTHER_WIDTHS[width], TAKE)
    if unet.get("encoder_hid_dim_type") == "text_proj":
        raise _refused(folder, text("a {name} model", name="Kolors"), TAKE)
    if isinstance(channels, int) and channels in SPECIAL_INPUTS:
        raise _refused(folder, SPECIAL_INPUTS[channels], ORDINARY)
    if "quantization_config" in unet:
        raise _refused(folder, text("a quantised model"), text("Use the 16-bit version."))


def _paints_alike(pipeline: str) -> bool:
    return pipeline in _USABLE or (
        pipeline.startswith(("StableDiffusion", "StableDiffusionXL", "LatentConsistency"))
        and any(task in pipeline for task in _TASKS)
        and not pipeline.startswith("StableDiffusion3")
    )


def _refuse_a_part(folder: Path) -> None:
    """Refuse a single network's folder, such as the `unet` of a model."""
    kind = str(_read(folder / _CONFIG).get(_CLASS, ""))
    if kind:
        what = _NETWORKS.get(kind, text("a single network ({kind})", kind=kind))
        raise _refused(folder, what, text("Give the folder of the whole model, which holds this one."))
    adapters = ("adapter_config.json", "pytorch_lora_weights.safetensors")
    if any((folder / name).is_file() for name in adapters):
        raise _refused(
            folder,
            text("a LoRA"),
            text("A LoRA works on top of a checkpoint: choose a checkpoint as the base."),
        )
    snapshots = sorted(folder.glob(f"snapshots/*/{_INDEX}"))
    if snapshots:
        raise _refused(
            folder,
            text("a download cache"),
            text("The model lies in {folder}: give that one.", folder=snapshots[-1].parent),
        )


def _refuse_a_shelf(folder: Path) -> None:
    """Refuse a folder of checkpoints, with their names."""
    files = sorted(each.name for each in folder.glob("*.safetensors"))
    if files and not (folder / "unet").is_dir():
        shown = (*files[:_MOST_NAMED], *(["…"] if len(files) > _MOST_NAMED else []))
        raise _refused(
            folder, text("a folder of files"), text("Give one of its files: {names}.", names=", ".join(shown))
        )


def _read(file: Path) -> dict[str, Any]:
    try:
        content = parsed(read_regular(file, MOST_BYTES))
    except (OSError, ValueError, InputError):
        return {}
    return content if isinstance(content, dict) else {}


def _refused(folder: Path, what: Text, advice: Text) -> InputError:
    return InputError(text("{source} is {what}.", source=folder, what=what), advice=advice)
