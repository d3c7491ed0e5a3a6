"""What differs between model families: everything else in the pipeline is the same code.

Lengths elsewhere are fractions of the crop's side or of the face's width, so that one pipeline serves every family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from easyphoto.errors import InputError


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


@dataclass(frozen=True)
class Family:
    """One kind of base model. Where weights lie is the weight store's business, not the family's."""

    id: str
    label: str
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
    few_steps: Mapping[str, FewSteps] = field(default_factory=lambda: MappingProxyType({}))
    """Values of the setting `few_steps` → what they stand for here."""
    only_draws: bool = False
    """It knows drawn people only: of a photographed face it makes a drawing."""
    vae: str | None = None
    """Catalogue id of an autoencoder that is better than the one inside most checkpoints; used where it is at hand."""

    def at(self, resolution: int | None) -> Family:
        """The family working at another resolution; None is its own. Raises InputError where no latent fits it."""
        if resolution is None or resolution == self.resolution:
            return self
        if resolution % self.latent_multiple:
            raise InputError(
                f"{self.label} cannot work at {resolution} pixels.",
                advice=f"Take a multiple of {self.latent_multiple}.",
            )
        return replace(self, resolution=resolution)


def models_folder() -> Path:
    """Where weights that ship with the project lie."""
    return Path(__file__).resolve().parents[2] / "models"
