"""A training run as described by `run.json`, the worker's input and the record of the run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES, family_named
from easyphoto.backends.folders import base_model
from easyphoto.backends.shipped_base import recorded_base
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.settings.declarations import Settings, settings_from, settings_record, without_gone
from easyphoto.settings.options import FaceSettings, WeightSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.workspace.person_record import FACE

RUN_FILE = "run.json"
# Fields that do not change the trained weights.
FREE = (
    "created", "output", "templates", "engine", "weights", "mirrors", "person", "name", "faces", "weight_settings",
    "base_weights",
)  # fmt: skip
# Settings that change how a step is computed but not its result; they may be changed in an unfinished run.
FREE_SETTINGS = ("micro_batch", "checkpointing", "cuda_graph")
WHOLE_RUN = {"text_encoder_share": 1.0}
"""Settings that are newer than some runs, with the values by which those began."""
NESTED: dict[str, type[Settings]] = {
    "settings": TrainSettings,
    "faces": FaceSettings,
    "weight_settings": WeightSettings,
}


@dataclass(frozen=True)
class TrainRun:
    """What to train, on which data, with which settings. Paths are absolute or relative to the run's folder."""

    person: str
    """Id of the person, and the LoRA's name in its metadata."""
    trigger: str
    """The LoRA's trigger words, and the prompt of the validation pictures."""
    family: str
    base: str
    """The base model's folder in the diffusers layout, or its checkpoint file."""
    dataset: str
    """The folder that `prepare_dataset` wrote."""
    output: str = "lora.safetensors"
    """Path of the finished LoRA."""
    templates: tuple[str, ...] = ()
    """Pictures for validation, each with a face; without any, the last checkpoint is taken and a note says so."""
    engine: str | None = None
    """Name of the face engine that detects the templates' faces and judges; None: no judging."""
    weights: str = ""
    """Root of the weight store; empty if none is needed."""
    mirrors: tuple[str, ...] = ()
    faces: FaceSettings = field(default_factory=FaceSettings)
    weight_settings: WeightSettings = field(default_factory=WeightSettings)
    settings: TrainSettings = field(default_factory=TrainSettings)
    threads: int | None = None
    """CPU threads of torch; None takes the family's. Bit-identical results need the same number."""
    name: str = ""
    """Display name of the person."""
    concept: str = FACE
    """What is learned, one of KINDS. Of a scene or an object `trigger` are the words that call it."""
    base_weights: str = ""
    """The fingerprint of the base model's weights (`backends.shipped_base`); empty where none is taken."""
    former: Mapping[str, Any] = field(default_factory=dict)
    """What the record's settings say that only earlier versions had: the fingerprint of such a run has it."""
    created: str = ""
    """When the run was requested. It is not written to the LoRA, so that the same seed gives the same file."""

    def record(self) -> dict[str, Any]:
        nested = {name: settings_record(getattr(self, name)) for name in NESTED}
        nested["settings"] |= self.former
        own = {name: value for name, value in dataclasses.asdict(self).items() if name != "former"}
        return {**own, **nested}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> TrainRun:
        """The run of a record. Raises InputError for missing, unknown or out-of-range entries."""
        values = {key: value for key, value in record.items() if key != "format"}
        known = {each.name for each in dataclasses.fields(cls)} - {"former"}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(
                text("The run has unknown entries: {unknown}.", unknown=", ".join(unknown)),
                advice=text("Write it again."),
            )
        settings = values.get("settings")
        if isinstance(settings, dict):
            values["former"] = {name: settings[name] for name in TrainSettings.gone if name in settings}
            values["settings"] = without_gone(TrainSettings, settings)
        for name, kind in NESTED.items():
            values[name] = settings_from(kind, values.get(name, {}))
        return typed(cls, values, "The record of the run")

    def write(self, folder: Path) -> Path:
        write_json(folder / RUN_FILE, self.record())
        return folder / RUN_FILE

    @classmethod
    def read(cls, path: Path) -> TrainRun:
        record = read_json(path)
        if isinstance(record.get("settings"), dict):
            record["settings"] = WHOLE_RUN | record["settings"]
        return cls.from_record(record)

    @property
    def kind(self) -> Family:
        """The family as it learns such a thing, at the resolution of the settings."""
        return family_named(self.family).for_kind(self.concept).at(self.settings.resolution)

    @property
    def shows_face(self) -> bool:
        """Whether a person is learned, whose test pictures can be judged by likeness."""
        return self.concept == FACE

    @property
    def rank(self) -> int:
        return self.settings.rank or self.kind.rank

    @property
    def alpha(self) -> float:
        # If only the rank was chosen, alpha keeps the family's ratio to it.
        family = self.kind
        return float(self.settings.alpha or family.alpha * self.rank / family.rank)

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rates of the UNet's and the text encoder's adapters."""
        unet, text = self.settings.learning_rate, self.settings.text_learning_rate
        unet = self.kind.learning_rate if unet is None else unet
        text = unet / 2 if text is None else text
        return unet, text if self.settings.text_encoder_share else 0.0

    def steps(self, photos: int) -> int:
        return self.settings.steps or max(1, min(200 * photos, self.kind.training_steps))

    def fingerprint(self) -> str:
        """A hash of everything that changes the trained weights, so that no run resumes from another's files."""
        record = self.record()
        for free in FREE:
            del record[free]
        for free in FREE_SETTINGS:
            del record["settings"][free]
        if record["settings"].items() >= WHOLE_RUN.items():
            for added in WHOLE_RUN:
                del record["settings"][added]
        if self.shows_face:
            # Runs that began before anything else could be learned are resumed under the same fingerprint.
            del record["concept"]
        return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run's files."""

    root: Path

    @property
    def run(self) -> Path:
        return self.root / RUN_FILE

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.root / "worker.log"

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"

    @property
    def resume(self) -> Path:
        return self.root / "checkpoints" / "resume.safetensors"

    def checkpoint(self, step: int) -> Path:
        return self.root / "checkpoints" / f"step-{step:06d}.safetensors"

    def scores(self, step: int) -> Path:
        """The record of one checkpoint's judged pictures; it is written last, so it marks a complete validation."""
        return self.root / "samples" / f"step-{step:06d}.json"

    def sample(self, step: int, template: int) -> Path:
        return self.root / "samples" / f"step-{step:06d}-{template:02d}.png"

    @property
    def curves(self) -> Path:
        return self.root / "curves.json"

    @property
    def sheet(self) -> Path:
        return self.root / "contact-sheet.png"

    @property
    def portrait(self) -> Path:
        return self.root / "portrait.png"

    @property
    def choice(self) -> Path:
        """The record of the checkpoint that the user chose in place of the LoRA that the training wrote."""
        return self.root / "choice.json"

    @property
    def outcome(self) -> Path:
        return self.root / "outcome.json"

    def path(self, text: str) -> Path:
        """A path of the run's record, relative to this folder if not absolute.

        Older records hold absolute paths in the run's former folder, whose workspace may have been moved since.
        """
        _, name, below = text.replace("\\", "/").rpartition(f"/{self.root.name}/")
        return self.root / (below if name else text)

    def base(self, run: TrainRun) -> Path:
        """The run's base model. Raises WeightsMissing for the name of a family that does not ship."""
        named = recorded_base(run.base)
        return base_model(named)[1] if named in FAMILIES else self.path(named)


@dataclass(frozen=True)
class _Choice:
    step: int | None


def choice_in(folder: RunFolder) -> int | None:
    """The step that the user chose of the run; None: the LoRA that the training wrote."""
    with suppress(InputError):
        if folder.choice.is_file():
            return typed(_Choice, read_json(folder.choice), "The choice").step
    return None
