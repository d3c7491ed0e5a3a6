"""Every setting of EasyPhoto, declared once with default, range, label and help.

The command line, the tabs, the API and docs/settings.md are made from these declarations. `None` as a default means
"what the model family prescribes" (see `easyphoto.architectures`).
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from easyphoto.errors import BadSettings
from easyphoto.messages import Text, joined, text
from easyphoto.spelling import known_names, meant

AUTO = "auto"
ENGINES = (AUTO, "drawings", "photographs")
"""The face engines, by the kind of photos; `auto` chooses by what the faces look like."""


@dataclass(frozen=True)
class Declared:
    """The declaration of a setting, apart from its default."""

    label: str
    help: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    is_open: bool = False
    """Whether other values than `choices` are allowed, because a web UI may have more."""


def slider(default: Any, low: float, high: float, *, step: float, label: str, help: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"declared": Declared(label, help, low, high, step)})


def switch(default: bool, *, label: str, help: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"declared": Declared(label, help)})


def choice(default: str, choices: tuple[str, ...], *, label: str, help: str = "", is_open: bool = False) -> Any:
    declared = Declared(label, help, choices=choices, is_open=is_open)
    return dataclasses.field(default=default, metadata={"declared": declared})


def line(default: str | None, *, label: str, help: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"declared": Declared(label, help)})


class Settings:
    """Base of the settings classes: checks every value against its declaration."""

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            check_value(field.name, getattr(self, field.name), hints[field.name], field.metadata["declared"])


def hints_of(kind: type[Settings]) -> Mapping[str, Any]:
    """Field name → type of a settings class; cached, because reading the types takes a millisecond."""
    return _hints_of(kind)  # type: ignore[arg-type]  # mypy takes the instances' hash for the class's


@functools.cache
def _hints_of(kind: Any) -> Mapping[str, Any]:
    return MappingProxyType(typing.get_type_hints(kind))


def check_value(name: str, value: Any, hint: Any, declared: Declared) -> None:
    """Raises BadSettings where `value` has another type than declared, or lies outside its range or choices."""
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    # In Python bool is an int, and JSON may write 1.0 as 1: the first is an error here, the second is not.
    fits = type(value) in allowed or (float in allowed and type(value) is int)
    if not fits:
        raise BadSettings(
            text("{name} cannot be {value}.", name=name, value=repr(value)),
            advice=text("It must be {wanted}.", wanted=joined([_word(kind) for kind in allowed], " or ")),
        )
    if value is None:
        return
    if declared.choices and not declared.is_open and value not in declared.choices:
        raise BadSettings(
            text("{name} cannot be {value}.", name=name, value=repr(value)),
            advice=joined(
                (
                    *meant(value, declared.choices),
                    text("Choose one of: {choices}.", choices=", ".join(declared.choices)),
                ),
                " ",
            ),
        )
    # Written as "not inside", because NaN is neither below nor above anything.
    if declared.low is not None and declared.high is not None and not declared.low <= value <= declared.high:
        raise BadSettings(
            text("{name} cannot be {value}.", name=name, value=repr(value)),
            advice=text("It must be between {low} and {high}.", low=declared.low, high=declared.high),
        )


def _word(kind: Any) -> Text:
    words = {
        int: text("a whole number"),
        float: text("a number"),
        bool: text("true or false"),
        str: text("text"),
        type(None): text("nothing"),
    }
    return words[kind]


S = TypeVar("S", bound=Settings)


def settings_from(kind: type[S], values: Any) -> S:
    """Settings from a record or a request. Raises BadSettings that names an unknown key."""
    if not isinstance(values, dict):
        raise BadSettings(text("Settings are a name and a value each."), advice=text("Write them as a JSON object."))
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise BadSettings(
            text("Unknown setting: {unknown}.", unknown=", ".join(unknown)),
            advice=known_names(unknown[0], sorted(known)),
        )
    return kind(**values)


def settings_record(settings: Settings) -> dict[str, Any]:
    return dataclasses.asdict(settings)  # type: ignore[call-overload]


@dataclass(frozen=True)
class WeightSettings(Settings):
    """Which weight files may be used, and whether they may be downloaded."""

    licences: str = choice(
        "commercial-safe", ("commercial-safe", "research"), label="Licences",
        help="commercial-safe: only weights whose licence allows commercial use. research: all.",
    )  # fmt: skip
    offline: bool = switch(False, label="Offline", help="Downloads nothing; you are told what is missing.")
    webui: str | None = line(
        None,
        label="Web UI folder",
        help="Its models are used without being copied, and its checkpoints can be chosen by name.",
    )


@dataclass(frozen=True)
class FaceSettings(Settings):
    """The networks that analyse photographs. `auto` takes the best one at hand and allowed; it downloads only YuNet."""

    detector: str = choice(
        "auto", ("auto", "yunet", "scrfd", "retinaface", "insightface"), label="Face detector", help="auto: YuNet."
    )
    embedder: str = choice(
        "auto", ("auto", "none", "auraface", "sface", "buffalo_l", "antelopev2", "curricularface"),
        label="Face recognition", help="Tells people apart. auto: AuraFace or SFace, whichever is there.",
    )  # fmt: skip
    parser: str = choice(
        "auto", ("auto", "landmarks", "bisenet"), label="Face parser",
        help="Finds skin, eyes and hair. auto: BiSeNet if it is there and allowed, otherwise landmarks.",
    )  # fmt: skip
    saliency: str = choice(
        "auto",
        ("auto", "grabcut", "u2net", "birefnet"),
        label="Cut-out",
        help="Separates the person from the background.",
    )


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
    rank: int | None = slider(None, 1, 256, step=1, label="Rank", help="Empty: the usual one for the model.")
    alpha: float | None = slider(None, 0.1, 256.0, step=1, label="Alpha", help="Empty: the usual one for the model.")
    validations: int = slider(
        8, 1, 50, step=1, label="Rounds of test pictures", help="How often test pictures are made during the training."
    )
    validation_strength: float = slider(0.65, 0.05, 1.0, step=0.05, label="Test picture strength")
    validation_steps: int = slider(20, 1, 150, step=1, label="Test picture steps")
    validation_cfg: float | None = slider(
        None, 1.0, 30.0, step=0.5, label="Test picture CFG scale", help="Empty: the usual one for the model."
    )
    voters: int = slider(
        10,
        1,
        100,
        step=1,
        label="Test pictures that count",
        help="The checkpoints behind so many of the best test pictures are merged.",
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
    min_snr_gamma: float = slider(5.0, 0.0, 20.0, step=0.5, label="Min-SNR gamma", help="0 switches it off.")
    flip: bool = switch(False, label="Mirror photos", help="Better off: faces are not symmetric.")
    seed: int = slider(0, 0, 2**32 - 1, step=1, label="Seed", help="The same seed gives the same LoRA.")


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
    lora_weight: float = slider(0.9, 0.0, 2.0, step=0.05, label="LoRA weight")
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
        "none", ("none", "gfpgan", "restoreformer"), is_open=True, label="Face restoration",
        help="After the passes; needs spandrel. In a web UI: one of its restorers.",
    )  # fmt: skip
    restore_strength: float = slider(0.5, 0.0, 1.0, step=0.05, label="Restoration strength")
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
    prompt: str = line("", label="Prompt", help="Added to the trigger words.")
    negative: str = line("", label="Negative prompt")


@dataclass(frozen=True)
class Options:
    """Options of every command besides its own settings."""

    base: str | None = None
    """A family's id, a checkpoint file or a folder in diffusers layout; None means the miniature, or the base on which
    the person was trained."""
    engine: str = AUTO
    """One of ENGINES."""
    faces: FaceSettings = dataclasses.field(default_factory=FaceSettings)
    weights: WeightSettings = dataclasses.field(default_factory=WeightSettings)


PRESETS: Mapping[type[Settings], Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        TrainSettings: {
            "fast": {"steps": 400, "validations": 4, "validation_steps": 12},
            "balanced": {},
            "thorough": {"steps": 1200, "validations": 12, "validation_steps": 30},
        },
        InferenceSettings: {
            "fast": {"first_steps": 20, "second_steps": 10, "count": 1},
            "balanced": {},
            "thorough": {"first_steps": 60, "second_steps": 30, "count": 4},
        },
    }
)
"""Settings class → preset name → values that differ from the defaults; "balanced" is the defaults themselves."""


def preset(kind: type[S], name: str, **changes: Any) -> S:
    """The preset of that name with `changes` applied. Raises BadSettings for an unknown name."""
    presets = PRESETS[kind]
    if name not in presets:
        raise BadSettings(
            text("There is no preset {name!r}.", name=name),
            advice=known_names(name, presets),
        )
    return settings_from(kind, {**presets[name], **changes})


def preset_values(kind: type[Settings], name: str) -> dict[str, Any]:
    """What the preset sets: each setting that at least one preset of the class speaks of. It leaves the others alone.

    Raises BadSettings for an unknown name.
    """
    settings = preset(kind, name)
    spoken = dict.fromkeys(each for values in PRESETS[kind].values() for each in values)
    return {each: getattr(settings, each) for each in spoken}
