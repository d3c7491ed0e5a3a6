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


MINIATURE = Family(
    id="miniature",
    label="Miniature (draws people, ships with EasyPhoto)",
    resolution=128,
    crop_factor=1.45,
    latent_multiple=8,
    smallest_face=32,
    training_steps=500,
    learning_rate=6e-3,
    # Its tensors are so small that a second thread costs more than it does: 500 steps took 97 s on two, 45 s on one.
    threads=1,
    rank=16,
    alpha=8,
    first_steps=20,
    second_steps=12,
    first_cfg=3.0,
    # On 24 drawn pairs the likeness is the same from 0.05 to 0.3; from 0.2 on, skin beside the fused face is mottled.
    # Without the photo it is 0.19, 0.40, 0.43 and 0.39 at 0.3, 0.6, 0.75 and 0.9 (8 pairs).
    first_strength=0.15,
    unfused_strength=0.60,
    second_strength=0.0,
    validation_cfg=3.0,
    controls=MappingProxyType({"canny": "canny", "facepoints": "facepoints", "color": "tile", "tile": "tile"}),
    first_controls=(("canny", 0.50), ("facepoints", 0.50), ("color", 0.85)),
    second_controls=(("canny", 1.0), ("tile", 1.0)),
    kohya_version="easyphoto_miniature",
    architecture="easyphoto-miniature/lora",
    embedded="miniature",
    only_draws=True,
)

SD15 = Family(
    id="sd15",
    label="Stable Diffusion 1.5",
    resolution=512,
    crop_factor=3.0,
    latent_multiple=8,
    smallest_face=128,
    training_steps=800,
    learning_rate=1e-4,
    rank=128,
    alpha=64,
    first_steps=50,
    second_steps=20,
    first_cfg=7.0,
    controls=MappingProxyType(
        {
            "canny": "control_v11p_sd15_canny",
            "tile": "control_v11f1e_sd15_tile",
            "color": "control_sd15_random_color",
            "openpose": "control_v11p_sd15_openpose",
        }
    ),
    first_controls=(("canny", 0.50), ("openpose", 0.50), ("color", 0.85)),
    second_controls=(("canny", 1.0), ("tile", 1.0)),
    few_steps=MappingProxyType(
        {
            "lcm": FewSteps("lcm-lora-sd15", steps=8, cfg=1.5, sampler="LCM"),
            "hyper": FewSteps("hyper-sd15-8step", steps=8, cfg=1.0, sampler="DDIM trailing"),
        }
    ),
    vae="vae-ft-mse",
    positive="best quality, masterpiece, realistic, detailed face",
    negative="worst quality, low quality, blurry, deformed, extra limbs",
)

SDXL = Family(
    id="sdxl",
    label="Stable Diffusion XL",
    resolution=1024,
    crop_factor=3.0,
    latent_multiple=8,
    smallest_face=256,
    training_steps=600,
    learning_rate=1e-4,
    rank=32,
    alpha=16,
    first_steps=40,
    second_steps=20,
    first_cfg=7.0,
    controls=MappingProxyType({"canny": "diffusers_xl_canny_mid", "openpose": "thibaud_xl_openpose_256lora"}),
    # Nobody publishes a tile or colour ControlNet for SDXL under a clear licence, so edges alone hold the border.
    first_controls=(("canny", 0.50), ("openpose", 0.50)),
    second_controls=(("canny", 1.0),),
    joint_controls=(("canny", 1.0),),
    few_steps=MappingProxyType(
        {
            "lcm": FewSteps("lcm-lora-sdxl", steps=8, cfg=1.5, sampler="LCM"),
            "hyper": FewSteps("hyper-sdxl-8step", steps=8, cfg=1.0, sampler="DDIM trailing"),
            "lightning": FewSteps("lightning-sdxl-8step", steps=8, cfg=1.0, sampler="Euler trailing"),
        }
    ),
    vae="sdxl-vae-fp16-fix",
    positive="photograph, detailed face, natural skin, sharp focus",
    negative="blurry, deformed, painting, drawing, cartoon, plastic skin",
    kohya_version="sdxl_base_v1-0",
    architecture="stable-diffusion-xl-v1-base/lora",
)

FAMILIES: Mapping[str, Family] = MappingProxyType({family.id: family for family in (MINIATURE, SD15, SDXL)})


def family_named(name: str) -> Family:
    """The family of that id. Raises InputError with the list of known ones."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise InputError(f"There is no model family {name!r}.", advice=f"Known: {', '.join(FAMILIES)}.") from None


def models_folder() -> Path:
    """Where weights that ship with the project lie."""
    return Path(__file__).resolve().parent.parent / "models"
