"""One training run, as `run.json` describes it: the input of the worker and the record of what was done."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import family_named
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.settings import FaceSettings, Settings, TrainSettings, WeightSettings, settings_from, settings_record
from easyphoto.storage.records import read_json, typed, write_json

RUN_FILE = "run.json"
# What does not change the trained weights.
FREE = (
    "created", "output", "templates", "engine", "weights", "mirrors", "person", "name", "faces", "weight_settings",
)  # fmt: skip
# Settings that change how a step is fitted into the memory, not what it is: they may be lowered in a run that stands.
FREE_SETTINGS = ("micro_batch", "checkpointing")
NESTED: dict[str, type[Settings]] = {
    "settings": TrainSettings,
    "faces": FaceSettings,
    "weight_settings": WeightSettings,
}


@dataclass(frozen=True)
class TrainRun:
    """What to train, from what, with which settings. Paths are absolute, or relative to the run's folder."""

    person: str
    """Id of the person; the LoRA's name in its metadata."""
    trigger: str
    """The words that call the person; the prompt of the validation pictures."""
    family: str
    base: str
    """Folder of the base model in diffusers layout, or its checkpoint file."""
    dataset: str
    """Folder that `prepare_dataset` wrote."""
    output: str = "lora.safetensors"
    """Where the finished LoRA goes."""
    templates: tuple[str, ...] = ()
    """Pictures for validation, each with a face; without one the last checkpoint is taken, with a note."""
    engine: str | None = None
    """Name of the face engine that finds the templates' faces and judges; None: nothing is judged."""
    weights: str = ""
    """Root of the weight store; empty where the engine needs none from there."""
    mirrors: tuple[str, ...] = ()
    faces: FaceSettings = field(default_factory=FaceSettings)
    weight_settings: WeightSettings = field(default_factory=WeightSettings)
    settings: TrainSettings = field(default_factory=TrainSettings)
    threads: int | None = None
    """Threads of the networks; None leaves it to the family. The same number is needed for the same bits."""
    name: str = ""
    """What people call the person."""
    created: str = ""
    """When the run was asked for. It does not enter the LoRA, so that the same seed gives the same file."""

    def record(self) -> dict[str, Any]:
        nested = {name: settings_record(getattr(self, name)) for name in NESTED}
        return {**dataclasses.asdict(self), **nested}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> TrainRun:
        """Raises InputError for what is missing, unknown or out of range."""
        values = {key: value for key, value in record.items() if key != "format"}
        known = {each.name for each in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(
                text("The run has unknown entries: {unknown}.", unknown=", ".join(unknown)),
                advice=text("Write it anew."),
            )
        for name, kind in NESTED.items():
            values[name] = settings_from(kind, values.get(name, {}))
        return typed(cls, values, "The record of the run")

    def write(self, folder: Path) -> Path:
        write_json(folder / RUN_FILE, self.record())
        return folder / RUN_FILE

    @classmethod
    def read(cls, path: Path) -> TrainRun:
        return cls.from_record(read_json(path))

    @property
    def kind(self) -> Family:
        """At the resolution that the settings ask for."""
        return family_named(self.family).at(self.settings.resolution)

    @property
    def rank(self) -> int:
        return self.settings.rank or self.kind.rank

    @property
    def alpha(self) -> float:
        # Half the rank where only the rank was chosen: the family's alpha belongs to the family's rank.
        family = self.kind
        return float(self.settings.alpha or family.alpha * self.rank / family.rank)

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rates of the UNet's and the text encoder's adapters."""
        unet, text = self.settings.learning_rate, self.settings.text_learning_rate
        unet = self.kind.learning_rate if unet is None else unet
        return unet, unet / 2 if text is None else text

    def steps(self, photos: int) -> int:
        return self.settings.steps or max(1, min(200 * photos, self.kind.training_steps))

    def fingerprint(self) -> str:
        """Changes with everything that changes the trained weights, so that no run goes on from another's files."""
        record = self.record()
        for free in FREE:
            del record[free]
        for free in FREE_SETTINGS:
            del record["settings"][free]
        return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class RunFolder:
    """Where the parts of a run lie."""

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
        """The judged pictures of one checkpoint; written last, so that it says the validation is complete."""
        return self.root / "samples" / f"step-{step:06d}.json"

    def sample(self, label: str, template: int) -> Path:
        return self.root / "samples" / f"{label}-{template:02d}.png"

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
    def outcome(self) -> Path:
        return self.root / "outcome.json"

    def path(self, text: str) -> Path:
        """A path of the run's record; relative ones start at this folder.

        Records of before name the folder where the run lay then, and its workspace may have been moved.
        """
        _, name, below = text.replace("\\", "/").rpartition(f"/{self.root.name}/")
        return self.root / (below if name else text)
