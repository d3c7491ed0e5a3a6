"""The settings of an object that is put into a template. `None` means what the model family prescribes."""

from __future__ import annotations

from dataclasses import dataclass

from easyphoto.settings.declarations import Settings, choice, same_as, slider
from easyphoto.settings.inference import InferenceSettings


@dataclass(frozen=True)
class PlacingSettings(Settings):
    """Those of the same name mean the same as for a photograph."""

    place_strength: float | None = slider(
        None, 0.0, 1.0, step=0.05, label="Placing strength",
        help="Denoising strength of the first pass: lower keeps more of what was under the mask. Empty: the usual one "
             "for the model.",
    )  # fmt: skip
    second_strength: float | None = same_as(
        InferenceSettings, "second_strength",
        help="Repaints the border of the mask. 0: no second pass. Empty: the usual one for the model.",
    )  # fmt: skip
    first_steps: int | None = same_as(InferenceSettings, "first_steps")
    second_steps: int | None = same_as(InferenceSettings, "second_steps")
    cfg: float | None = same_as(InferenceSettings, "cfg")
    lora_weight: float = same_as(InferenceSettings, "lora_weight")
    mask_growth: float = slider(
        0.04, 0.0, 0.5, step=0.01, label="Mask growth",
        help="How far beyond what was painted the picture is repainted, as a share of the mask's size.",
    )  # fmt: skip
    feather: float = slider(
        0.06, 0.0, 0.5, step=0.01, label="Mask feather",
        help="Width of the soft edge around that, as a share of the mask's size.",
    )  # fmt: skip
    cut_out: str = choice(
        "auto", ("auto", "on", "off"), label="Cut out the object",
        help="Keeps the template between the object and the mask's edge. auto: where the model paints no background "
             "that fits.",
    )  # fmt: skip
    few_steps: str = same_as(InferenceSettings, "few_steps")
    resolution: int | None = same_as(
        InferenceSettings, "resolution",
        help="At which each place is painted, in pixels. Empty: the usual one for the model.",
    )  # fmt: skip
    ai_label: bool = same_as(InferenceSettings, "ai_label")
    count: int = same_as(InferenceSettings, "count", help="Made with consecutive seeds; they are not ranked.")
    seed: int = same_as(InferenceSettings, "seed")
    prompt: str = same_as(InferenceSettings, "prompt", help="Added to the words that call the object.")
    negative: str = same_as(InferenceSettings, "negative")
