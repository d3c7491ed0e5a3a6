"""Templates drawn from words: drawn again until everybody has a face on them, kept with their record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Backend, GenerateRequest, Result
from easyphoto.commands.finished_pictures import free_file
from easyphoto.commands.templates import new_template
from easyphoto.errors import DiskFailure, NameTaken, NoFaceFound
from easyphoto.faces.engine import FaceEngine
from easyphoto.geometry import Size
from easyphoto.images.pictures import MADE_BY, DigitalSource, write_picture
from easyphoto.inference.drawing import DrawingPlan
from easyphoto.inference.hires import redrawn
from easyphoto.inference.plan import from_the_left, why_unusable
from easyphoto.inference.prepare import coverings
from easyphoto.inference.results import UNITS, Slice
from easyphoto.messages import joined, note, phase, text
from easyphoto.preprocess.standing import turned, upright_faces
from easyphoto.progress import Progress, TurnProgress
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.files import write_bytes
from easyphoto.storage.records import utc_now
from easyphoto.workspace.folders import Workspace

TRIES = 4
"""Drawings of one picture before it is given up."""
SEEDS = 2**32


@dataclass(frozen=True)
class FailedTry:
    """A drawing that did not do as a template."""

    seed: int
    why: str


@dataclass(frozen=True, eq=False)
class DrawnTemplate:
    """A drawing with a face for everybody, as it was written."""

    file: Path
    seed: int
    words: str
    """That were typed."""
    record: Mapping[str, Any]
    """What made it, for the records of its results: plain values only."""
    failed: tuple[FailedTry, ...] = ()
    """Those before it."""
    notes: tuple[str, ...] = ()
    saved: Path | None = None
    """Its copy among the user's templates."""
    artwork: str = ""
    """The words of a style that asks for a painting or a drawing."""

    @property
    def caption(self) -> str:
        """For the report."""
        return joined([*([self.words.strip()] if self.words.strip() else ()), text("seed {seed}", seed=self.seed)])

    def settings_of_passes(self, settings: InferenceSettings) -> InferenceSettings:
        """The settings with which the faces are painted: the words and scenes are in the drawing, and each drawing is
        put through the passes once. The face on a painting is painted as that is."""
        return replace(settings, count=1, seed=self.seed, prompt=self.artwork, scene="")

    def family_of_passes(self, family: Family) -> Family:
        return family.for_artwork() if self.artwork else family


@dataclass(frozen=True, eq=False)
class NotDrawn:
    """A picture that has no usable drawing after all tries."""

    number: int
    failed: tuple[FailedTry, ...]

    @property
    def said(self) -> str:
        return note(
            "drawing-given-up",
            "Picture {number}: none of {tries} drawings has the faces that are needed ({reasons}).",
            number=self.number + 1,
            tries=len(self.failed),
            reasons=_reasons(self.failed),
        )


@dataclass(frozen=True, eq=False)
class TemplateDrawer:
    """What all drawings of a series share."""

    backend: Backend
    """Draws them."""
    checkpoint: str
    """Its name, for the records."""
    plan: DrawingPlan
    persons: Sequence[str]
    """Ids, from the left; each needs a face."""
    engine: FaceEngine
    family: Family
    """Which paints the faces afterwards."""
    out: Path
    workspace: Workspace
    """Keeps them as templates, if the settings name one."""
    progress: Progress
    paint_covered: bool = False

    def drawn(self, seed: int, number: int) -> tuple[tuple[DrawnTemplate, ...], tuple[NotDrawn, ...]]:
        """Draw `number` templates with seeds from `seed` upwards. A second try takes a seed after those.

        Raises NoFaceFound where none of them is usable, and what the backend raises.
        """
        spare = count(seed + number)
        made: list[DrawnTemplate] = []
        given_up: list[NotDrawn] = []
        for place in range(number):
            found = self._picture(place, seed + place, spare, TurnProgress(self.progress, place, number))
            if isinstance(found, DrawnTemplate):
                made.append(self._kept(found, len(made) + 1))
            else:
                given_up.append(found)
        if not made:
            raise _nothing_usable(given_up, len(self.persons), self.engine.missed)
        return tuple(made), tuple(given_up)

    def _picture(self, place: int, first: int, spare: Iterator[int], progress: Progress) -> DrawnTemplate | NotDrawn:
        """Draw until a drawing is usable; further seeds come from `spare`."""
        failed: list[FailedTry] = []
        for number in range(TRIES):
            seed = (next(spare) if failed else first) % SEEDS
            request = self.plan.request(seed)
            result, why = self._try(request, TurnProgress(progress, number, TRIES))
            if why is None:
                return self._written(request, result, tuple(failed))
            failed.append(FailedTry(seed, why))
        return NotDrawn(place, tuple(failed))

    def _try(self, request: GenerateRequest, progress: Progress) -> tuple[Result, str | None]:
        """A drawing, and why it cannot be used; only one that can is drawn a second time, larger."""
        what = phase("draw", "seed {seed}: drawing", seed=request.seed)
        rounds = 2 if self.plan.settings.hires else 1
        first, second = (Slice(progress, turn * UNITS, rounds * UNITS, what) for turn in range(2))
        result = self.backend.generate(request, first)
        progress.step(UNITS, rounds * UNITS, what, preview=result.image)
        why = self._why_unusable(result.image)
        if why is not None or rounds == 1:
            return result, why
        scenes = self.plan.words.scenes.conditions
        again = redrawn(self.backend, result.image, request, second, scenes=scenes)
        progress.step(rounds * UNITS, rounds * UNITS, what, preview=again.image)
        notes = tuple(dict.fromkeys((*result.notes, *again.notes)))
        return replace(again, notes=notes), self._why_unusable(again.image)

    def _why_unusable(self, drawing: Image.Image) -> str | None:
        """As the pipeline will see it as a template."""
        rotation, found = upright_faces(drawing, self.engine)
        upright, faces = turned(drawing, rotation), from_the_left(found)
        covered = () if self.paint_covered else coverings(upright, faces, self.engine)
        return why_unusable(len(self.persons), faces, Size.of(upright), self.family, covered=covered)

    def _written(self, request: GenerateRequest, result: Result, failed: tuple[FailedTry, ...]) -> DrawnTemplate:
        drawn = {
            "checkpoint": self.checkpoint,
            "family": self.backend.family,
            "prompt": request.prompt,
            "negative": request.negative,
            "seed": request.seed,
            "size": list(result.image.size),
            "steps": request.steps,
            "cfg": request.cfg,
            "sampler": request.sampler.value,
            "controls": list(result.applied_controls),
            "conditions": [{"name": each.name, "weight": each.weight} for each in request.conditions],
            "failed": [{"seed": each.seed, "why": str(each.why)} for each in failed],
        }
        # By name alone, because the record is passed on with the picture.
        drawing = self.plan.settings
        settings = replace(drawing, template_base=Path(drawing.template_base).name)
        record = {"drawing": settings_record(settings), "drawn": drawn}
        file = free_file(self.out, f"drawn-{request.seed}")
        whole = {"made_by": MADE_BY, "created": utc_now(), "persons": self._learned(), **record}
        write_picture(file, result.image, whole, source=DigitalSource.DRAWN)
        notes = (*self.plan.notes, *result.notes, *((_said_again(request.seed, failed),) if failed else ()))
        words, artwork = self.plan.words.wanted, self.plan.artwork
        return DrawnTemplate(file, request.seed, words, record, failed, notes, artwork=artwork)

    def _learned(self) -> list[str]:
        """Whose LoRAs are in the drawing: a copy among the templates goes with them."""
        drawn = zip(self.persons, self.plan.words.persons, strict=True)
        return [id for id, person in drawn if person.lora is not None and self.plan.settings.drawing_lora_weight]

    def _kept(self, drawn: DrawnTemplate, number: int) -> DrawnTemplate:
        """With a copy among the user's templates, if that is asked for; a note where the name was taken meanwhile."""
        if not self.plan.settings.save_template.strip():
            return drawn
        try:
            target = new_template(self.workspace, self.plan.settings.save_template, number)
            write_bytes(target, drawn.file.read_bytes())
            return replace(drawn, saved=target)
        except (NameTaken, DiskFailure) as error:
            said = note("template-not-saved", "The drawing is not among the templates. {error}", error=error)
            return replace(drawn, notes=(*drawn.notes, said))


def _said_again(seed: int, failed: Sequence[FailedTry]) -> str:
    return note(
        "drawn-again",
        "Drawn again with seed {seed}, because the drawing before was not usable ({reasons}).",
        seed=seed,
        reasons=_reasons(failed),
    )


def _nothing_usable(given_up: Sequence[NotDrawn], people: int, missed: Sequence[str]) -> NoFaceFound:
    """`missed` says which better detector there would be."""
    advice = (
        text("Say in the words that somebody looks at you, choose another seed or size, or give a template.")
        if people == 1
        else text("Choose another seed, a wider size, a pose for {people} people, or give a template.", people=people)
    )
    failed = [each for one in given_up for each in one.failed]
    return NoFaceFound(
        text(
            "None of {count} drawings has the faces that are needed ({reasons}).",
            count=len(failed),
            reasons=_reasons(failed),
        ),
        advice=joined((advice, *missed), " "),
    )


def _reasons(failed: Sequence[FailedTry]) -> str:
    return joined([text("seed {seed}: {why}", seed=each.seed, why=each.why) for each in failed], "; ")
