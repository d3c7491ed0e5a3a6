"""What differs between model families: everything else in the pipeline is the same code.

Lengths elsewhere are fractions of the crop's side or of the face's width, so that one pipeline serves every family.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from easyphoto.architectures.header import Header
from easyphoto.errors import InputError
from easyphoto.messages import text


@dataclass(frozen=True)
class FewSteps:
    """A LoRA that lets a family paint in a few steps, and what it was distilled for."""

    lora: str
    """The catalogue's id."""
    steps: int
    """Steps that are made, whatever share of the picture is repainted."""
    cfg: float
    sampler: str
    """A value of `backends.base.Sampler`."""
    weight: float = 1.0


class EncoderNames(str, Enum):
    """How a checkpoint names the tensors of a text encoder."""

    CLIP = "clip"
    """As transformers does."""
    OPEN_CLIP = "open_clip"
    """As OpenCLIP does, which keeps q, k and v in one tensor."""


@dataclass(frozen=True)
class TextEncoder:
    """One of a family's CLIP text encoders: where its weights lie, and what of its answer counts."""

    part: str
    """Its folder in the diffusers layout."""
    tokenizer: str
    """Its tokenizer's folder there."""
    prefix: str | None
    """What the names of its tensors begin with in a checkpoint; None: the family does not come as one file."""
    lora: tuple[str, ...]
    """What the names of its layers begin with in kohya's LoRA files: the first is written, all are read."""
    names: EncoderNames = EncoderNames.CLIP
    pad: str = "<|endoftext|>"
    """The token that fills a prompt up."""
    layer: int = -1
    """The hidden states that count: -1 the last, after the final norm; -2 the last but one, before it."""
    pools: bool = False
    """It has a projection, and tells each prompt also as a whole."""


@dataclass(frozen=True)
class Activations:
    """Bytes that a training step keeps for its backward pass, per latent cell and picture.

    Counted by tools/activation_memory.py on networks of true size without content: the peak of live storages in
    forward and backward (the difference that two more pictures make), at the family's resolution and at half of it,
    the larger of the two. Measured beside it, as the growth of a process without a GPU (SD 1.5 at 256 px, float32):
    0.60 to 0.66 GB for each further picture where 0.57 are counted, and with checkpointing 0.02 to 0.04 where 0.13 are;
    0.75 and 0.80 GB for the first, gradients included.
    """

    plain: int
    checkpointed: int
    plain_16: int
    """With a 16-bit base under autocast."""
    checkpointed_16: int

    def bytes_per_cell(self, *, sixteen_bit: bool, checkpointing: bool) -> int:
        if sixteen_bit:
            return self.checkpointed_16 if checkpointing else self.plain_16
        return self.checkpointed if checkpointing else self.plain


@dataclass(frozen=True)
class Family:
    """One kind of base model. Where weights lie is the weight store's business, not the family's."""

    id: str
    label: str
    short: str
    """Its name in the middle of a sentence."""
    words_width: int
    """Width of the encoded words that the UNet attends to: a checkpoint, a folder and a LoRA are told by it."""
    text_encoders: tuple[TextEncoder, ...]
    """In the order in which their states are laid side by side."""
    activations: Activations
    resolution: int
    """Side in pixels of the square the networks work at."""
    crop_factor: float
    """Side of the crop around a face, in face box lengths (the longer side)."""
    latent_multiple: int
    """Sides handed to the networks are multiples of this many pixels."""
    smallest_face: int
    """A face narrower than this in the original photo is set aside."""
    training_steps: int
    """Upper bound; min(200 × photos, this) is taken."""
    threads: int | None = field(default=None, kw_only=True)
    """Processor threads of a training without a GPU; None leaves the choice to torch."""
    learning_rate: float
    """Of the UNet's adapters; half of it is the text encoder's."""
    rank: int
    alpha: int
    first_steps: int
    second_steps: int
    first_cfg: float
    first_strength: float = 0.45
    """Share of the noise that the first pass, which repaints the face, begins with."""
    unfused_strength: float = 0.45
    """The same where no reference photo is fused in: the pass alone has to make the person."""
    second_strength: float = 0.30
    """Of the second pass, which repaints its border; 0: the family does without it."""
    validation_cfg: float = 9.0
    """Guidance of the validation pictures."""
    controls: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Control kind → id of the ControlNet that serves it (a catalogue id, or a folder name of an embedded family)."""
    first_controls: tuple[tuple[str, float], ...] = ()
    """Kinds and weights of the first pass, in order; a kind without a model is left out with a note."""
    second_controls: tuple[tuple[str, float], ...] = ()
    trigger: str = "easyphoto_face, easyphoto, 1person"
    positive: str = ""
    """Appended to the trigger in both passes."""
    negative: str = ""
    kohya_version: str = "sd_v1"
    """`ss_base_model_version` in the LoRA's metadata: the web UI filters by it."""
    architecture: str = "stable-diffusion-v1/lora"
    """`modelspec.architecture` of the LoRA."""
    embedded: str | None = None
    """Folder below `models/` where the family ships with the project."""
    joint_controls: tuple[tuple[str, float], ...] = (("canny", 1.0), ("color", 1.0))
    """Kinds and weights of the pass over several faces' borders."""
    blank_is_zero: bool = False
    """An empty prompt is encoded as zeros, as in the family's own training."""
    files: tuple[str, ...] = ()
    """Catalogue ids of what its checkpoints lack: the set of weights that goes by the family's id."""
    few_steps: Mapping[str, FewSteps] = field(default_factory=lambda: MappingProxyType({}))
    """Values of the setting `few_steps` → what they stand for here."""
    only_draws: bool = False
    """It knows drawn people only: of a photographed face it makes a drawing."""
    vae: str | None = None
    """Catalogue id of an autoencoder that is better than the one inside most checkpoints; used where it is at hand."""

    @property
    def ships(self) -> bool:
        """Its weights come with the project, so that it is always at hand; a web UI cannot paint with it."""
        return self.embedded is not None

    @property
    def folder(self) -> Path:
        """Configurations in the diffusers layout, with the weights where the family ships."""
        return models_folder() / (self.embedded or f"configs/{self.id}")

    @property
    def has_checkpoints(self) -> bool:
        return all(encoder.prefix is not None for encoder in self.text_encoders)

    @property
    def pools(self) -> bool:
        """Its networks are told each prompt as a whole, and the picture's sizes, besides the words."""
        return any(encoder.pools for encoder in self.text_encoders)

    def is_checkpoint(self, header: Header) -> bool:
        """Whether a file holds the family's UNet and its text encoders, by names and widths."""
        prefixes = [encoder.prefix for encoder in self.text_encoders if encoder.prefix is not None]
        return self.words_width == header.words_width and all(map(header.has, prefixes))

    def is_folder(self, words_width: object, parts: Collection[str]) -> bool:
        """Whether a folder in the diffusers layout is the family's. `parts` are the folders in it."""
        beyond = self.text_encoders[1:]
        return self.words_width == words_width and all({each.part, each.tokenizer} & set(parts) for each in beyond)

    def at(self, resolution: int | None) -> Family:
        """The family working at another resolution; None is its own. Raises InputError where no latent fits it."""
        if resolution is None or resolution == self.resolution:
            return self
        if resolution % self.latent_multiple:
            raise InputError(
                text("{label} cannot work at {resolution} pixels.", label=self.label, resolution=resolution),
                advice=text("Take a multiple of {latent_multiple}.", latent_multiple=self.latent_multiple),
            )
        return replace(self, resolution=resolution)


CLIP_L = TextEncoder("text_encoder", "tokenizer", "cond_stage_model.transformer.", ("lora_te_", "lora_te1_"))
"""Stable Diffusion 1's."""


def models_folder() -> Path:
    """Where weights that ship with the project lie."""
    return Path(__file__).resolve().parents[2] / "models"
