"""The options of every command besides its own settings: the base, the face networks, the weight files."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from easyphoto.settings.declarations import Settings, choice, line, switch

AUTO = "auto"
ENGINES = (AUTO, "drawings", "photographs")
"""The face engines, by the kind of photos; `auto` chooses by what the faces look like."""


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
class Options:
    """Options of every command besides its own settings."""

    base: str | None = None
    """A family's id, a checkpoint file or a folder in diffusers layout; None means the miniature, or the base on which
    the person was trained."""
    engine: str = AUTO
    """One of ENGINES."""
    faces: FaceSettings = dataclasses.field(default_factory=FaceSettings)
    weights: WeightSettings = dataclasses.field(default_factory=WeightSettings)
