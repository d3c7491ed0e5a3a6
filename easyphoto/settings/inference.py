"""The settings of a photograph. `None` means what the model family prescribes."""

from __future__ import annotations

from dataclasses import dataclass

from easyphoto.settings.declarations import Settings, choice, line, slider, switch
from easyphoto.settings.options import AUTO

MOST_LORA_WEIGHT = 2.0


@dataclass(frozen=True)
class InferenceSettings(Settings):
    first_strength: float | None = slider(
        None, 0.0, 1.0, step=0.05, label="First pass strength",
        help="Denoising strength: higher repaints more of the face. Empty: the usual one for the model.",
    )  # fmt: skip
    second_strength: float | None = slider(
        None, 0.0, 1.0, step=0.05, label="Second pass strength",
        help="Repaints the face along its border. 0: no second pass. Empty: the usual one for the model.",
    )  # fmt: skip
    first_steps: int | None = slider(
        None, 1, 150, step=1, label="First pass steps", help="Empty: the usual one for the model."
    )
    second_steps: int | None = slider(
        None, 1, 150, step=1, label="Second pass steps", help="Empty: the usual one for the model."
    )
    cfg: float | None = slider(None, 1.0, 30.0, step=0.5, label="CFG scale", help="Empty: the usual one for the model.")
    lora_weight: float = slider(0.9, 0.0, MOST_LORA_WEIGHT, step=0.05, label="LoRA weight")
    identity: str = choice(
        AUTO, (AUTO, "lora", "ip-adapter", "ip-adapter-full", "faceid", "faceid-plus", "instantid"), is_open=True,
        label="Identity", help="What makes the face look like the person: together with the LoRA of a trained "
                               "person, alone for others. auto: the best one available. One for each person: "
                               "anna=faceid, ben=lora.",
    )  # fmt: skip
    identity_weight: float | None = slider(
        None, 0.0, 2.0, step=0.05, label="Identity weight", help="Empty: the usual one for the method."
    )
    identity_start: float = slider(
        0.0, 0.0, 1.0, step=0.05, label="Identity start", help="As a share of the steps, from 0 to 1."
    )
    identity_end: float = slider(
        1.0, 0.0, 1.0, step=0.05, label="Identity end", help="As a share of the steps, from 0 to 1."
    )
    fusion: bool = switch(
        True, label="Fusion", help="Blends the reference photo into the face. Off: the LoRA's portrait instead."
    )
    fusion_before: float = slider(0.5, 0.0, 1.0, step=0.05, label="Fusion before the first pass")
    fusion_after: float = slider(0.55, 0.0, 1.0, step=0.05, label="Fusion after the first pass")
    colour_transfer: bool = switch(True, label="Colour transfer", help="The face takes the template's light.")
    skin: str = choice(
        "person", ("person", "template"), label="Skin colour",
        help="Whose skin colour face, ears and neck get. The light is always the template's.",
    )  # fmt: skip
    outline: bool = switch(True, label="Outline", help="Jaw and chin take the person's shape. Off: the template's.")
    repaint_features: bool = switch(False, label="Second pass repaints eyes and mouth")
    paint_covered: bool = switch(
        False, label="Paint covered faces",
        help="Off: a template's face behind sunglasses or a mask stays as it is, unless it is assigned to somebody.",
    )  # fmt: skip
    fusion_engine: str = choice(
        "warp", ("warp", "inswapper"), label="Fusion method", help="inswapper: research licence only."
    )
    retouch: bool = switch(True, label="Retouch", help="Smooths the skin of the result; pores stay.")
    retouch_strength: float = slider(0.4, 0.0, 1.0, step=0.05, label="Retouch strength")
    restore: str = choice(
        AUTO, (AUTO, "none", "drawn", "gfpgan", "restoreformer"), is_open=True, label="Face restoration",
        help="After the passes. auto: the model's own restorer, if it has one (drawn faces only). drawn: for drawn "
             "faces. The others are for photographs and need spandrel. In a web UI: one of its restorers.",
    )  # fmt: skip
    restore_strength: float = slider(
        0.5, 0.0, 1.0, step=0.05, label="Restoration strength", help="How much of the restored face is mixed in."
    )
    upscale: str = choice(
        "none", ("none", "realesrgan-x4plus", "realesrgan-x2plus"), is_open=True, label="Upscaler",
        help="Enlarges the whole result. In a web UI: one of its upscalers.",
    )  # fmt: skip
    upscale_factor: float = slider(
        2.0, 1.0, 4.0, step=0.25, label="Enlargement", help="How much larger the whole result becomes."
    )
    upscale_strength: float = slider(
        0.5, 0.0, 1.0, step=0.05, label="Upscaler strength", help="How much of it is mixed with plain enlargement."
    )
    few_steps: str = choice(
        "off", ("off", "lcm", "hyper", "lightning"), label="Few steps", help="A LoRA with which 8 steps are enough."
    )
    resolution: int | None = slider(
        None,
        64,
        2048,
        step=64,
        label="Resolution",
        help="At which each face is painted, in pixels. Empty: the usual one for the model.",
    )
    ai_label: bool = switch(
        False, label="AI label", help="Writes “made with AI” small into a corner of each result, beside the faces."
    )
    count: int = slider(1, 1, 16, step=1, label="Pictures", help="Made with consecutive seeds, ranked by likeness.")
    seed: int = slider(0, 0, 2**32 - 1, step=1, label="Seed")
    prompt: str = line("", label="Prompt", help="Added to the trigger words. Without a template: what is drawn.")
    negative: str = line("", label="Negative prompt")
    scene: str = line(
        "",
        label="Scene",
        help="Scenes and objects that you trained or imported, with weights: room:0.8, cup:0.5.",
    )
