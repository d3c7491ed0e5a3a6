"""What differs between model families; the rest of the pipeline is the same code for all.

Other modules express lengths as fractions of the crop's side or of the face's width, so one pipeline serves every
family.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from easyphoto.architectures.header import Header
from easyphoto.errors import InputError
from easyphoto.messages import text


@dataclass(frozen=True)
class FewSteps:
    """A LoRA that lets a family paint in a few steps, with the settings it was distilled for."""

    lora: str
    """Its id in the weight catalogue."""
    steps: int
    """Number of steps, independent of the denoising strength."""
    cfg: float
    sampler: str
    """A value of `backends.base.Sampler`."""
    weight: float = 1.0


@dataclass(frozen=True)
class IdentityWeights:
    """Weights of a train-free identity engine in one pass."""

    adapter: float
    lora: float = 0.0
    """Of the LoRA that was trained with the adapter."""
    control: float = 0.0
    """Of the ControlNet that was trained with the adapter."""


@dataclass(frozen=True)
class IdentityModels:
    """The files of a train-free identity engine for a family: ids of the weight catalogue, or for an embedded family
    names of files in its folder `identity/`."""

    adapter: str
    embedder: str | None = None
    """Id of the face embedder whose vectors the adapter was trained on; None: it sees pictures only."""
    encoder: str | None = None
    """The CLIP image encoder; None: it sees vectors only."""
    lora: str | None = None
    """The LoRA that was trained with the adapter, the same for every person."""
    control: str | None = None
    """The ControlNet that was trained with the adapter."""
    alone: tuple[IdentityWeights, IdentityWeights] = field(kw_only=True)
    """Weights in the first and the second pass, for a person without a LoRA."""
    beside: tuple[IdentityWeights, IdentityWeights] = field(kw_only=True)
    """The same beside a person's own LoRA."""

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(id for id in (self.adapter, self.encoder, self.lora, self.control) if id is not None)

    @property
    def needed(self) -> tuple[str, ...]:
        """The files and the embedder; the set of weights of an engine for a family."""
        return self.files if self.embedder is None else (*self.files, self.embedder)


PICTURES_ALONE = (IdentityWeights(0.6), IdentityWeights(0.3))
PICTURES_BESIDE = (IdentityWeights(0.3), IdentityWeights(0.3))
"""IP-Adapter's face kinds: 0.5 to 0.7 are in use, and 0.30 beside a LoRA in the 2023 extension."""
FACEID_ALONE = (IdentityWeights(0.8, lora=0.6),) * 2
FACEID_BESIDE = (IdentityWeights(0.4, lora=0.3),) * 2
"""FaceID: its authors take 1.0 and 1.0, web UIs 0.7 to 0.8 and 0.5 to 0.7."""


class EncoderNames(str, Enum):
    """How a checkpoint names the tensors of a text encoder."""

    CLIP = "clip"
    """The names of transformers."""
    OPEN_CLIP = "open_clip"
    """The names of OpenCLIP, which keeps q, k and v in one tensor."""


@dataclass(frozen=True)
class TextEncoder:
    """One of a family's CLIP text encoders: where its weights are, and which of its outputs are used."""

    part: str
    """Its folder in the diffusers layout."""
    tokenizer: str
    """Its tokenizer's folder there."""
    prefix: str | None
    """Prefix of its tensor names in a checkpoint; None: the family does not exist as a single file."""
    lora: tuple[str, ...]
    """Prefixes of its layer names in kohya's LoRA files: the first is written, all are read."""
    names: EncoderNames = EncoderNames.CLIP
    pad: str = "<|endoftext|>"
    """The padding token of a prompt."""
    layer: int = -1
    """The hidden states used: -1 the last layer's, after the final norm; -2 the second to last's, before it."""
    pools: bool = False
    """It has a text projection, and also gives a pooled embedding of each prompt."""


@dataclass(frozen=True)
class Activations:
    """Bytes that a training step keeps for its backward pass, per latent cell and picture.

    tools/activation_memory.py counts them on full-size networks without weights: the peak of live storages in forward
    and backward (the difference that two more pictures make), at the family's resolution and at half of it, whichever
    is larger. For comparison, a process without a GPU grew (SD 1.5 at 256 px, float32) by 0.60 to 0.66 GB for each
    further picture where 0.57 are counted, and with checkpointing by 0.02 to 0.04 where 0.13 are; by 0.75 and 0.80 GB
    for the first, gradients included.
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
class PictureActivations:
    """Numbers that the networks hold at most while they paint, per latent cell; a number has the bytes of their dtype.

    Counted by tools/activation_memory.py like `Activations`.
    """

    step: int
    """In a denoising step of UNet and ControlNets, for each row: a picture has two with classifier-free guidance."""
    decode: int
    """In the autoencoder, for each picture that it decodes; encoding takes less."""


@dataclass(frozen=True)
class LearningDefaults:
    """What a family prescribes for learning something other than a face; None: as for a face."""

    resolution: int | None = None
    rank: int | None = None
    alpha: int | None = None
    steps: int | None = None
    """Upper bound, as `Family.training_steps`."""
    learning_rate: float | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of a family that differ."""
        found = {
            "resolution": self.resolution, "rank": self.rank, "alpha": self.alpha, "training_steps": self.steps,
            "learning_rate": self.learning_rate,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Family:
    """One kind of base model. The weight store, not the family, knows where weights are."""

    id: str
    label: str
    short: str
    """Its name for use inside a sentence."""
    words_width: int
    """Width of the text embeddings that the UNet attends to (`cross_attention_dim`); identifies the family of a
    checkpoint, a folder or a LoRA."""
    text_encoders: tuple[TextEncoder, ...]
    """In the order in which their hidden states are concatenated."""
    activations: Activations
    painting: PictureActivations
    resolution: int
    """Side in pixels of the square the networks work on."""
    crop_factor: float
    """Side of the crop around a face, as a multiple of the face box's longer side."""
    latent_multiple: int
    """Sides of pictures for the networks are multiples of this many pixels."""
    smallest_face: int
    """Photos whose face is narrower than this, in pixels of the original, are set aside."""
    training_steps: int
    """Upper bound; a training takes min(200 × photos, this) steps."""
    threads: int | None = field(default=None, kw_only=True)
    """CPU threads of a training without a GPU; None leaves the choice to torch."""
    learning_rate: float
    """Learning rate of the UNet's adapters; the text encoder's is half of it."""
    rank: int
    alpha: int
    first_steps: int
    second_steps: int
    first_cfg: float
    first_strength: float = 0.45
    """Denoising strength of the first pass, which repaints the face."""
    unfused_strength: float = 0.45
    """The same where no reference photo is fused in, so that the pass alone has to make the likeness."""
    bare_strength: float = 0.75
    """The same where nothing of the person is laid in at all, neither a photo nor their portrait."""
    second_strength: float = 0.30
    """Denoising strength of the second pass, which repaints the face's border; 0: no second pass."""
    validation_cfg: float = 9.0
    """Guidance scale of the validation pictures."""
    controls: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Control kind → id of its ControlNet (a catalogue id, or a folder name of an embedded family)."""
    first_controls: tuple[tuple[str, float], ...] = ()
    """Kinds and weights of the first pass, in order; a kind without a model is left out with a note."""
    second_controls: tuple[tuple[str, float], ...] = ()
    trigger: str = "easyphoto_face, easyphoto, 1person"
    positive: str = ""
    """Appended to the trigger in both passes."""
    positive_thing: str = ""
    """The same for an object or a scene, which has no face."""
    place_strength: float = 0.9
    """Denoising strength of the pass that paints an object into a mask."""
    place_factor: float = 1.5
    """Side of the crop in which an object is painted, as a multiple of its mask's longer side: the networks see what it
    stands on, and as much of their picture as possible is the object."""
    cuts_out: bool = False
    """What it paints around an object does not fit the template, so that only the object is taken."""
    negative: str = ""
    artwork: tuple[str, str] = ("", "")
    """What stands for `positive` and `negative` where a painting or a drawing is asked for."""
    kohya_version: str = "sd_v1"
    """`ss_base_model_version` in the LoRA's metadata, by which the web UI filters."""
    architecture: str = "stable-diffusion-v1/lora"
    """`modelspec.architecture` in the LoRA's metadata."""
    embedded: str | None = None
    """Folder below `models/` if the family ships with the project, else None."""
    first_weights: str = ""
    """Of an embedded family: the fingerprint of the weights that shipped when LoRAs did not record theirs yet
    (`backends.shipped_base`)."""
    joint_controls: tuple[tuple[str, float], ...] = (("canny", 1.0), ("color", 1.0))
    """Kinds and weights of the pass over several faces' borders."""
    blank_is_zero: bool = False
    """An empty prompt is encoded as zeros, as in the base model's training."""
    files: tuple[str, ...] = ()
    """Catalogue ids of the weights its checkpoints lack; this set of weights is named by the family's id."""
    few_steps: Mapping[str, FewSteps] = field(default_factory=lambda: MappingProxyType({}))
    """Value of the setting `few_steps` → its LoRA and settings for this family."""
    identities: Mapping[str, IdentityModels] = field(default_factory=lambda: MappingProxyType({}))
    """Id of a train-free identity engine (`inference.identities`) → its files for this family."""
    kinds: Mapping[str, LearningDefaults] = field(default_factory=lambda: MappingProxyType({}))
    """What is learned (`scene`, `object`) → what is prescribed for it, where that differs from a face."""
    only_draws: bool = False
    """It knows drawn people only and turns a photographed face into a drawing."""
    drawing_size: tuple[int, int] = (512, 768)
    """Width and height in pixels of a template drawn from words, where nobody asks for another; wide for a group."""
    drawing_cfg: float | None = None
    """Guidance scale of such a drawing; None: that of the first pass."""
    drawing_words: str = "looking at viewer"
    """What makes the people of a drawing show their faces."""
    restorer: str | None = None
    """What the setting `restore` means by "auto", a name of `restoration.opening`; None: no restoration."""
    vae: str | None = None
    """Catalogue id of an autoencoder that is better than the one in most checkpoints; used if it is downloaded."""

    @property
    def ships(self) -> bool:
        """Its weights ship with the project, so it is always available; a web UI cannot paint with it."""
        return self.embedded is not None

    @property
    def folder(self) -> Path:
        """Configurations in the diffusers layout, with the weights if the family ships with the project."""
        return models_folder() / (self.embedded or f"configs/{self.id}")

    @property
    def has_checkpoints(self) -> bool:
        return all(encoder.prefix is not None for encoder in self.text_encoders)

    @property
    def pools(self) -> bool:
        """Its UNet takes a pooled prompt embedding and the picture's sizes besides the token embeddings."""
        return any(encoder.pools for encoder in self.text_encoders)

    def is_checkpoint(self, header: Header) -> bool:
        """Whether a file holds the family's UNet and text encoders, judged by tensor names and widths."""
        prefixes = [encoder.prefix for encoder in self.text_encoders if encoder.prefix is not None]
        return self.words_width == header.words_width and all(map(header.has, prefixes))

    def is_folder(self, words_width: object, parts: Collection[str]) -> bool:
        """Whether a folder in the diffusers layout belongs to the family. `parts` are its subfolders."""
        beyond = self.text_encoders[1:]
        return self.words_width == words_width and all({each.part, each.tokenizer} & set(parts) for each in beyond)

    def for_kind(self, kind: str) -> Family:
        """The family with what it prescribes for learning that kind of thing."""
        return replace(self, **self.kinds[kind].changes) if kind in self.kinds else self

    def for_artwork(self) -> Family:
        """The family with words that do not ask for a photograph."""
        return replace(self, positive=self.artwork[0], negative=self.artwork[1])

    def at(self, resolution: int | None) -> Family:
        """The family at another resolution in pixels; None keeps its own.

        Raises InputError if it is not a multiple of `latent_multiple`.
        """
        if resolution is None or resolution == self.resolution:
            return self
        if resolution % self.latent_multiple:
            raise InputError(
                text("{label} cannot work at {resolution} pixels.", label=self.label, resolution=resolution),
                advice=text("Choose a multiple of {latent_multiple}.", latent_multiple=self.latent_multiple),
            )
        return replace(self, resolution=resolution)


CLIP_L = TextEncoder("text_encoder", "tokenizer", "cond_stage_model.transformer.", ("lora_te_", "lora_te1_"))
"""The text encoder of Stable Diffusion 1."""


def models_folder() -> Path:
    """The folder of the weights that ship with the project."""
    return Path(__file__).resolve().parents[2] / "models"
