"""Stand-ins without weights: a backend that tints, an engine that finds what it is told, a progress that remembers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.backends.base import (
    Capabilities,
    Control,
    GenerateRequest,
    InpaintRequest,
    Result,
    Sampler,
)
from easyphoto.backends.conditions import LoraCondition, loras_in, require_conditions
from easyphoto.backends.requests import check_generate, check_inpaint
from easyphoto.commands.base import NullContext
from easyphoto.errors import BackendError, MissingCapability
from easyphoto.faces.engine import Covering, Domain, Face, LikenessScale, Part, Worn
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_array, as_picture, blended
from easyphoto.inference.results import Photograph
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import Cancelled, Progress, TurnProgress
from easyphoto.storage.records import utc_now
from easyphoto.training.events import Event
from easyphoto.weights.catalog import UsedWeight
from easyphoto.workspace.folders import Workspace, checked_id
from easyphoto.workspace.person_record import Person

FAKE_CONTROLS = ("canny", "facepoints", "color", "tile")


@dataclass
class RecordingProgress:
    """Remembers every step; asks to stop at the check number `cancel_at` (1 is the first)."""

    cancel_at: int | None = None
    steps: list[tuple[int, int, str]] = field(default_factory=list)
    previews: list[Any] = field(default_factory=list)
    checks: int = 0

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        if preview is not None:
            self.previews.append(preview() if callable(preview) else preview)
        self.steps.append((done, total, message))

    def check(self) -> None:
        self.checks += 1
        if self.cancel_at is not None and self.checks >= self.cancel_at:
            raise Cancelled("The test asked to stop.")


class RecordingContext(NullContext):
    """Remembers all that a command tells besides its progress."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.checks: list[Check] = []
        self.runs: list[Path] = []
        self.events: list[Event] = []
        self.pictures: list[tuple[Path, Path, Photograph]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def checked(self, check: Check) -> None:
        self.checks.append(check)

    def run_started(self, folder: Path) -> None:
        self.runs.append(folder)

    def training_event(self, event: Event) -> None:
        self.events.append(event)

    def picture_finished(self, file: Path, template: Path, made: Photograph) -> None:
        self.pictures.append((file, template, made))


@dataclass
class FakeBackend:
    """Tints the masked part with a colour that the request decides, and remembers the request."""

    family: str = "miniature"
    controls: tuple[str, ...] = FAKE_CONTROLS
    requests: list[InpaintRequest | GenerateRequest] = field(default_factory=list)
    loras: tuple[Path, ...] | None = None
    """Paths it takes for LoRAs; None: every file that exists."""
    prepared: bool = False
    closed: int = 0
    weights: tuple[UsedWeight, ...] = ()
    at_a_time: int = 1
    batches: list[int] = field(default_factory=list)
    """How many requests each call of `inpaint_many` had."""

    def capabilities(self) -> Capabilities:
        return Capabilities(
            (self.family,), self.controls, tuple(Sampler), (), (), "fake", None, self.at_a_time, conditions=("lora",)
        )

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        check_inpaint(request, 8)
        ground = as_array(request.image)
        alpha = request.mask * float(request.denoise > 0)
        tinted = (ground * (1 - request.denoise) + self._colour(request) * request.denoise).astype(np.uint8)
        return self._answer(request, blended(ground, tinted, alpha), progress)

    def inpaint_many(self, requests: Sequence[InpaintRequest], progress: Progress) -> tuple[Result, ...]:
        self.batches.append(len(requests))
        turns = [TurnProgress(progress, turn, len(requests)) for turn in range(len(requests))]
        return tuple(self.inpaint(request, turn) for request, turn in zip(requests, turns, strict=True))

    def generate(self, request: GenerateRequest, progress: Progress) -> Result:
        check_generate(request, 8)
        picture = np.empty((request.size.height, request.size.width, 3), np.uint8)
        picture[:] = self._colour(request)
        return self._answer(request, picture, progress)

    def prepare(self) -> None:
        self.prepared = True

    def release(self) -> None:
        self.prepared = False

    def close(self) -> None:
        self.closed += 1

    def _answer(self, request: InpaintRequest | GenerateRequest, picture: np.ndarray, progress: Progress) -> Result:
        started = time.monotonic()
        if self.prepared:
            raise BackendError("The device is lent out.", advice="Wait for the training to end.")
        self._refuse_what_is_missing(request)
        for step in range(request.steps):
            progress.check()
            progress.step(step + 1, request.steps, "fake")
        self.requests.append(request)
        return Result(
            image=as_picture(picture),
            seed=request.seed,
            applied_controls=tuple(control.kind for control in request.controls if control.weight),
            applied_conditions=tuple(each.name for each in request.conditions if each.weight),
            seconds=time.monotonic() - started,
        )

    def _refuse_what_is_missing(self, request: InpaintRequest | GenerateRequest) -> None:
        if request.checkpoint is not None:
            raise MissingCapability(f"There is no checkpoint {request.checkpoint!r}.")
        for control in request.controls:
            if control.kind not in self.controls:
                raise MissingCapability(f"There is no model for the control {control.kind!r}.")
        require_conditions(request.conditions, ("lora",), timed=())
        for use in loras_in(request.conditions):
            known = use.path.is_file() if self.loras is None else use.path in self.loras
            if not known:
                raise MissingCapability(f"There is no LoRA {use.path}.")

    def _colour(self, request: InpaintRequest | GenerateRequest) -> np.ndarray:
        """A colour out of everything that should matter; what has weight 0 does not."""
        words = [request.prompt, request.negative, str(request.seed), str(request.cfg), request.sampler.value]
        words += [_control_text(control) for control in request.controls if control.weight]
        words += [_lora_text(use) for use in loras_in(request.conditions) if use.weight]
        digest = hashlib.sha256("\n".join(words).encode()).digest()
        return np.frombuffer(digest[:3], np.uint8).astype(np.float32)


def _control_text(control: Control) -> str:
    pixels = hashlib.sha256(control.image.tobytes()).hexdigest()
    return f"{control.kind} {control.weight} {control.start} {control.end} {pixels}"


def _lora_text(use: LoraCondition) -> str:
    return f"{use.path} {use.weight}"


def new_person(workspace: Workspace, name: str, family: str = "miniature") -> Person:
    """Somebody who is in the workspace and not trained yet."""
    person = Person(checked_id(name), name, family, created=utc_now())
    workspace.save_person(person)
    return person


def face_at(box: Box, *, score: float = 0.99) -> Face:
    """An upright face whose points lie where they usually do in its box."""
    places = np.array([[0.30, 0.40], [0.70, 0.40], [0.50, 0.60], [0.35, 0.80], [0.65, 0.80]])
    points = (places * [box.width, box.height] + [box.left, box.top]).astype(np.float32)
    return Face(box, points, score)


@dataclass
class FakeEngine:
    """Finds the faces it was given, or else one in the middle of the picture; tells persons apart by their colours."""

    faces: tuple[Face, ...] | None = None
    id: str = "fake"
    domain: Domain = Domain.DRAWINGS
    embedder: str | None = "fake-colours"
    same_person_limit: float | None = 0.5
    weights: tuple[UsedWeight, ...] = ()
    outlines: bool = True
    missed: tuple[str, ...] = ()
    covered: tuple[tuple[Box, Covering], ...] = ()
    """Faces, by their boxes, that something hides."""
    wears: frozenset[Worn] | None = None
    notes: tuple[str, ...] = ()
    decided: str = ""

    def outlines_at(self, picture: Image.Image, face: Face) -> bool:
        return self.outlines

    def remarks(self, picture: Image.Image, face: Face) -> tuple[str, ...]:
        return ()

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        return next((covering for box, covering in self.covered if box == face.box), None)

    def worn(self, picture: Image.Image, face: Face) -> frozenset[Worn] | None:
        return self.wears

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        if self.faces is not None:
            return self.faces
        width, height = picture.size
        side = 0.5 * min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return (face_at(Box(left, top, left + side, top + side)),)

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        if self.embedder is None:
            return None
        small = picture.convert("RGB").crop(face.box.as_ints()).resize((4, 4), Image.Resampling.BOX)
        vector = np.asarray(small, np.float32).ravel() - 127.5
        return vector / max(float(np.linalg.norm(vector)), 1e-6)

    @property
    def scale(self) -> LikenessScale | None:
        """Strangers' cosines spread evenly from -1 to 1."""
        if self.embedder is None:
            return None
        return LikenessScale(self.embedder, tuple(np.linspace(-1, 1, 101)), 0.5, "made for tests")

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        """Skin is the ellipse in the box; eyes, nose and mouth are discs at the points; hair is a cap above."""
        rows, columns = np.mgrid[: picture.height, : picture.width]
        labels = np.zeros((picture.height, picture.width), np.uint8)
        (x, y), width, height = face.box.centre, face.box.width, face.box.height
        from_centre = ((columns - x) / (0.5 * width)) ** 2 + ((rows - y) / (0.5 * height)) ** 2
        labels[(from_centre < 1.4) & (rows < y - 0.2 * height)] = Part.HAIR
        labels[from_centre < 1] = Part.SKIN
        parts = (Part.EYES, Part.EYES, Part.NOSE, Part.MOUTH, Part.MOUTH)
        for (point_x, point_y), part in zip(face.points, parts, strict=True):
            labels[(columns - point_x) ** 2 + (rows - point_y) ** 2 < (0.08 * width) ** 2] = part
        return labels
