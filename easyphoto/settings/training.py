"""The settings of a training and of the photos for it. `None` means what the model family prescribes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from easyphoto.settings.declarations import Settings, choice, slider, switch


@dataclass(frozen=True)
class PreprocessSettings(Settings):
    keep: int = slider(
        15, 1, 40, step=1, label="Photos to keep", help="The clearest ones that look most like the person are kept."
    )
    background: str = choice(
        "keep",
        ("keep", "white"),
        label="Background",
        help="keep: stays, but hardly affects the training. white: erased.",
    )
    enhance: bool = switch(
        True, label="Enhance small faces", help="Sharpens the worst ones, at most half of the photos."
    )
    retouch: bool = switch(False, label="Retouch skin", help="Smooths the skin before training.")
    blur_limit: float = slider(
        0.12, 0.0, 1.0, step=0.01, label="Sharpness needed", help="Photos whose face is less sharp are set aside."
    )
    same_person: float | None = slider(
        None,
        -1.0,
        1.0,
        step=0.01,
        label="Same-person limit",
        help="Photos with a lower likeness are set aside as someone else. Empty: the usual limit.",
    )
    keep_covered: bool = switch(
        False,
        label="Keep covered faces",
        help="Also uses photos with sunglasses, a mask, a hand or hair over the face.",
    )
    captions: bool = switch(
        False, label="Attribute captions", help="Describes in the captions what a photo shows besides the person."
    )
    caption_files: bool = switch(
        True, label="Caption files", help="Uses captions that lie beside the photos: anna1.txt for anna1.jpg."
    )


@dataclass(frozen=True)
class TrainSettings(Settings):
    gone: ClassVar[tuple[str, ...]] = ("voters",)
    steps: int | None = slider(
        None, 1, 20000, step=10, label="Steps", help="Empty: 200 for each photo, up to the model's usual number."
    )
    batch: int = slider(4, 1, 32, step=1, label="Batch", help="Photos in one step.")
    learning_rate: float | None = slider(
        None, 1e-7, 1e-1, step=1e-5, label="Learning rate", help="Of the UNet. Empty: the usual one for the model."
    )
    text_learning_rate: float | None = slider(
        None, 0.0, 1e-1, step=1e-5, label="Text learning rate", help="Of the text encoder; 0 leaves it. Empty: half."
    )
    text_encoder_share: float = slider(
        1.0,
        0.0,
        1.0,
        step=0.05,
        label="Text encoder's share",
        help="The text encoder learns up to this share of the steps; then only the UNet does, which is faster.",
    )
    rank: int | None = slider(None, 1, 256, step=1, label="Rank", help="Empty: the usual one for the model.")
    alpha: float | None = slider(None, 0.1, 256.0, step=1, label="Alpha", help="Empty: the usual one for the model.")
    validations: int = slider(
        8,
        1,
        50,
        step=1,
        label="Rounds of test pictures",
        help="How often a checkpoint is kept and shown: in the first half of the training by one picture, then by one "
        "for each template, with its likeness.",
    )
    validation_strength: float = slider(0.65, 0.05, 1.0, step=0.05, label="Test picture strength")
    validation_steps: int = slider(12, 1, 150, step=1, label="Test picture steps")
    validation_cfg: float | None = slider(
        None, 1.0, 30.0, step=0.5, label="Test picture CFG scale", help="Empty: the usual one for the model."
    )
    resolution: int | None = slider(
        None, 64, 2048, step=64, label="Resolution", help="Side in pixels. Empty: the usual one for the model."
    )
    micro_batch: int | None = slider(
        None, 1, 32, step=1, label="Photos at a time", help="Of a batch. Empty: as many as fit into memory."
    )
    checkpointing: str = choice(
        "auto", ("auto", "on", "off"), label="Gradient checkpointing", help="Less memory, more time."
    )
    precision: str = choice(
        "auto",
        ("auto", "fp32", "bf16", "fp16"),
        label="Precision",
        help="auto: bf16 on a GPU that supports it, otherwise fp32.",
    )
    cuda_graph: str = choice(
        "auto",
        ("auto", "off"),
        label="CUDA graph",
        help="auto: on an NVIDIA GPU the steps are captured once and replayed, which is faster.",
    )
    min_snr_gamma: float = slider(5.0, 0.0, 20.0, step=0.5, label="Min-SNR gamma", help="0 switches it off.")
    flip: bool = switch(False, label="Mirror photos", help="Better off: faces are not symmetric.")
    seed: int = slider(0, 0, 2**32 - 1, step=1, label="Seed", help="The same seed gives the same LoRA.")
