"""Identifying a checkpoint file by the names and shapes in its header, without reading a tensor or importing torch."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.architectures.header import FIRST_CONVOLUTION, UNET, Header
from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.storage.files import cause_of, open_regular
from easyphoto.storage.records import parsed

LONGEST_HEADER = 8_000_000
"""In bytes. An SDXL checkpoint's header has about 350,000, a LoRA's with counts of all its captions up to two million;
parsed as JSON it takes twenty times as much memory. The safetensors library would read 100 million."""
LENGTH_BYTES = 8
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
}  # fmt: skip
TAKE = text(
    "Use a checkpoint (.safetensors) that can draw pictures from words by itself. These can be used: {families}.",
    families=", ".join(family.short for family in FAMILIES.from_files),
)
LORA_ENDINGS = (".lora_down.weight", ".lora_up.weight", ".lora_A.weight", ".lora_B.weight", ".hada_w1_a", ".lokr_w1")


@dataclass(frozen=True)
class Prediction:
    """What the UNet was trained to predict."""

    kind: str = "epsilon"
    zero_snr: bool = False
    """Zero terminal SNR: the last training time step is pure noise."""

    @property
    def scheduler(self) -> dict[str, Any]:
        """Overrides for the scheduler's configuration."""
        if not self.zero_snr:
            return {"prediction_type": self.kind}
        # Without the very last time step, sampling would start where the UNet still expects some signal.
        return {"prediction_type": self.kind, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


def read_header(file: Path) -> Header:
    """Names, shapes and metadata of a .safetensors file. Raises InputError if it is not one or was truncated.

    Every such file is checked here before the safetensors library opens it, because the library blocks forever on a
    pipe.
    """
    try:
        with open_regular(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            length = _header_length(file, stream.read(LENGTH_BYTES), size)
            content = _parsed(file, stream.read(length))
    except OSError as error:
        raise InputError(
            text("{source} cannot be read: {cause}.", source=file, cause=cause_of(error)),
            advice=text("Check the path and its permissions."),
        ) from error
    metadata = content.pop("__metadata__", None)
    shapes = {name: _checked_shape(file, entry, room=size - LENGTH_BYTES - length) for name, entry in content.items()}
    texts = metadata if isinstance(metadata, dict) else {}
    return Header(file.name, shapes, {str(key): str(value) for key, value in texts.items()})


def _header_length(file: Path, beginning: bytes, size: int) -> int:
    length = int(struct.unpack("<Q", beginning)[0]) if len(beginning) == LENGTH_BYTES else 0
    if LONGEST_HEADER < length <= size - LENGTH_BYTES:
        raise InputError(
            text("{name} has a header of {length:.0f} MB.", name=file.name, length=length / 1e6),
            advice=text(
                "No model needs a header of more than {longest_header} MB. {take}",
                longest_header=LONGEST_HEADER // 1_000_000,
                take=TAKE,
            ),
        )
    if not 2 <= length <= LONGEST_HEADER:
        raise InputError(
            text("{name} is not a safetensors file.", name=file.name),
            advice=text("It begins like another kind of file. {take}", take=TAKE),
        )
    if length > size - LENGTH_BYTES:
        raise _cut_off(file)
    return length


def _parsed(file: Path, header: bytes) -> dict[str, Any]:
    try:
        content = parsed(header)
    except ValueError as error:
        raise InputError(
            text("The header of {name} is broken: {error}.", name=file.name, error=error),
            advice=text("Fetch the file again."),
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            text("The header of {name} is not a table of tensors.", name=file.name),
            advice=text("Fetch the file again."),
        )
    return content


def _checked_shape(file: Path, entry: Any, *, room: int) -> tuple[int, ...]:
    """The shape of an entry, if the header's numbers agree with each other and with the file size, else InputError."""
    try:
        shape = tuple(int(side) for side in entry["shape"])
        first, last = (int(offset) for offset in entry["data_offsets"])
        bits = BITS.get(entry["dtype"])
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(
            text("The header of {name} is broken.", name=file.name), advice=text("Fetch the file again.")
        ) from error
    if last > room:
        raise _cut_off(file)
    is_filled = bits is None or (last - first) * 8 == prod(shape) * bits
    if min((0, first, last - first, *shape)) < 0 or not is_filled:
        raise InputError(
            text("The header of {name} contradicts itself.", name=file.name), advice=text("Fetch the file again.")
        )
    return shape


def _cut_off(file: Path) -> InputError:
    return InputError(
        text("{name} is incomplete: its header names tensors beyond its end.", name=file.name),
        advice=text("Download or copy the file again."),
    )


def prediction_of(header: Header) -> Prediction:
    """The prediction type by the markers of community files: an empty tensor `v_pred`, with `ztsnr` for zero terminal
    SNR, or `modelspec.prediction_type`."""
    says_v = header.metadata.get("modelspec.prediction_type", "").lower() in ("v", "v_prediction")
    if "v_pred" not in header.shapes and not says_v:
        return Prediction()
    return Prediction("v_prediction", zero_snr="ztsnr" in header.shapes)


def family_of_header(header: Header) -> Family:
    """The family of a checkpoint. Raises InputError that says what the file is instead, and what to take."""
    _refuse(header, _UNUSABLE)
    family = FAMILIES.of_checkpoint(header)
    if family is not None:
        return family
    _refuse(header, _STRANGERS)
    if FAMILIES.of_unet(header) is not None:
        raise InputError(
            text("{name} holds a UNet without its text encoders.", name=header.name),
            advice=text("It is a pruned file. {take}", take=TAKE),
        )
    raise InputError(text("{name} holds a type of model that EasyPhoto does not know.", name=header.name), advice=TAKE)


def _refuse(header: Header, strangers: tuple[Stranger, ...]) -> None:
    for what, fits, advice in strangers:
        if fits(header):
            raise InputError(text("{source} is {what}.", source=header.name, what=what), advice=advice)


Test = Callable[[Header], bool]
Stranger = tuple[str, Test, str]
"""What a file is, the test for it, and the advice."""


def _begins(*beginnings: str) -> Test:
    return lambda header: header.has(*beginnings)


def _only(*beginnings: str) -> Test:
    """The file has such tensors and no checkpoint's UNet."""
    return lambda header: header.has(*beginnings) and not header.has(UNET)


def _holds(*names: str) -> Test:
    return lambda header: any(name in header.shapes for name in names)


def _is_lora(header: Header) -> bool:
    return not header.has(UNET) and any(key.endswith(LORA_ENDINGS) for key in header.shapes)


def _is_sd2(header: Header) -> bool:
    return header.has("cond_stage_model.model.") or header.words_width == 1024


def _is_refiner(header: Header) -> bool:
    return header.has("conditioner.embedders.0.model.") or header.words_width == 1280


def _is_scaled(header: Header) -> bool:
    return "scaled_fp8" in header.shapes or any(key.endswith(".scale_weight") for key in header.shapes)


def _takes(*channels: int) -> Test:
    return lambda header: header.size(FIRST_CONVOLUTION, 1) in channels


_ORDINARY = text("Use the ordinary checkpoint of that type: EasyPhoto can inpaint with it too.")
_AS_LORA = text(
    "A LoRA works on top of a checkpoint: give it where a LoRA is asked for, and choose a checkpoint as the base."
)
_AS_CONTROL = text("Put it into the folder controlnet beside the checkpoint, and choose a checkpoint as the base.")
_FOLDER = text(
    "Use the whole folder in the diffusers layout (unet, vae, text_encoder, tokenizer, scheduler), or "
    "a checkpoint in one file as web UIs use it."
)
# The order matters: files of an earlier kind may also pass a later test.
_UNUSABLE: tuple[Stranger, ...] = (
    ("empty", lambda header: not header.shapes, TAKE),
    (text("a LoRA"), _is_lora, _AS_LORA),
    (text("a Control-LoRA"), _holds("lora_controlnet"), _AS_CONTROL),
    (text("a ControlNet"), _only("control_model.", "controlnet_", "input_hint_block."), _AS_CONTROL),
    (text("an SDXL model for EDM noise"), _begins("edm_mean", "edm_vpred."), TAKE),
    (
        text("a model in 8 bit with scales beside its tensors"),
        _is_scaled,
        text("Use the 16-bit version, or the plain 8-bit one."),
    ),
    (text("an inpainting model (9 channels)"), _takes(9), _ORDINARY),
    (text("an image-editing model (pix2pix, 8 channels)"), _takes(8), _ORDINARY),
    (text("a model with a special input (depth or upscaling)"), _takes(5, 7), _ORDINARY),
)
_STRANGERS: tuple[Stranger, ...] = (
    (text("a Flux model"), _begins("double_blocks.", f"{UNET}double_blocks."), TAKE),
    (text("an SD 3 model"), _begins("joint_blocks.", f"{UNET}joint_blocks."), TAKE),
    (text("the SDXL refiner"), _is_refiner, text("Use the SDXL base model: EasyPhoto does not use the refiner.")),
    (text("an SD 2 model"), _is_sd2, TAKE),
    (text("a UNet in diffusers' names"), _only("down_blocks.", "unet.down_blocks."), _FOLDER),
    (text("a VAE"), _only("first_stage_model.", "encoder.conv_in.", "decoder.conv_in."), TAKE),
    (text("a text encoder"), _only("text_model.", "cond_stage_model.", "conditioner."), TAKE),
    (text("a textual inversion"), _holds("emb_params", "clip_l", "clip_g"), TAKE),
)
"""Tested on files of no known family."""
