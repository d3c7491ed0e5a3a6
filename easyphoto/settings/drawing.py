"""The settings of a picture drawn from words. `None` means what the model family prescribes."""

from __future__ import annotations

from dataclasses import dataclass

from easyphoto.settings.declarations import Settings, line, slider, switch

LEAST_SIDE, MOST_SIDE, SIDE_STEP = 64, 2048, 8
"""Of a drawing, in pixels; the step is that of the latents of Stable Diffusion."""


@dataclass(frozen=True)
class DrawingSettings(Settings):
    """How a template is drawn where none is given: the words are those of the setting `prompt`."""

    style: str = line("", label="Style", help="Words and LoRAs for clothes, place and light. Empty: none.")
    pose: str = line("", label="Pose", help="How the person stands or sits: the name of a pose. Empty: left open.")
    # At 0.5 the miniature, which listens to words as well since 0.13, drew faces beside the pose: their points were off
    # by 0.049 of the side (median of 20 poses, 3 seeds). At 0.8 it is 0.018 (8 poses, 2 seeds), at 1.1 hardly less.
    pose_weight: float = slider(0.8, 0.0, 2.0, step=0.05, label="Pose weight")
    size: str = line(
        "", label="Size", help="Width x height in pixels, such as 768x1024. Empty: the usual one for the model."
    )
    template_base: str = line(
        "", label="Template checkpoint", help="Draws the picture; the face is painted by the person's. Empty: the same."
    )
    drawing_lora_weight: float = slider(
        0.25, 0.0, 2.0, step=0.05, label="LoRA weight in the drawing",
        help="The person's; their face is painted after it.",
    )  # fmt: skip
    drawing_steps: int = slider(30, 1, 150, step=1, label="Drawing steps")
    drawing_cfg: float | None = slider(
        None, 1.0, 30.0, step=0.5, label="Drawing CFG scale", help="Empty: the usual one for the model."
    )
    hires: bool = switch(False, label="Hires. fix", help="Draws again at 1.5 times the size, for finer detail.")
    save_template: str = line(
        "", label="Save as template", help="Keeps the drawn picture as one of your templates, under this name."
    )
