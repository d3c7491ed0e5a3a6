"""The whole workflow on a drawn person that no network has seen: photos, verdicts, portraits without and with training.

Everything is drawn here, so nothing is downloaded and no photo is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from easyphoto.app import EasyPhoto
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.photograph_series import PhotographResult
from easyphoto.commands.train import TrainPerson
from easyphoto.commands.training import TrainedPerson
from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import draw, draw_empty
from easyphoto.drawings.scene import sample_scene
from easyphoto.errors import EnvironmentFailure
from easyphoto.images.pictures import as_picture
from easyphoto.machine import Speed, machine_words, measure_speed, peak_memory_mb
from easyphoto.messages import text
from easyphoto.persons.photo_sources import photo_files
from easyphoto.progress import Progress
from easyphoto.report.page import write_report
from easyphoto.report.parts import Bars, Report, Section, Table
from easyphoto.report.sheet import write_sheet
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.files import atomic_path
from easyphoto.workspace.shipped import shipped_templates

NAME = "demo"
# Identities from 1,000,000 on were kept out of every training and measurement.
FIRST_IDENTITY, SOMEBODY_ELSE = 1_000_003, 1_000_771
PHOTOS, SIDE = 8, 512
# Hair frames the face, and the face is small enough that the miniature's 128 pixels are not enlarged too far.
TEMPLATE = "03-room.png"


@dataclass(frozen=True)
class DemoMade:
    portrait: Path
    report: Path


@dataclass
class Clock:
    """Seconds by phase, in order."""

    phases: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.phases.append((name, time.perf_counter() - began))

    @property
    def total(self) -> float:
        return sum(seconds for _, seconds in self.phases)


def run_demo(
    app: EasyPhoto, *, seed: int, steps: int | None, progress: Progress, say: Callable[[str], None]
) -> DemoMade:
    """Draw, photograph without training, train, photograph and report; `say` receives a line about each phase."""
    template, clock = demo_template(), Clock()
    settings, context = TrainSettings(steps=steps, seed=seed), NullContext(progress)
    speed = measure_speed()
    say(f"Machine: {machine_words()}. Speed: {speed.words()}")
    with clock.phase("drawing photos"):
        photos = draw_photos(app.workspace.root / "demo" / "photos", seed)
    say(f"Photos: {photos} ({PHOTOS} of one drawn person, and four that do not belong)")
    with clock.phase("adding without training"):
        AddPerson(NAME, photo_files(photos)).run(app, context)
    with clock.phase("the first portrait"):
        untrained = PhotographPersons((NAME,), (template,)).run(app, context)
    say(f"Without training: {untrained.pictures[0]} {_likeness_words(untrained)}")
    with clock.phase("checking and training"):
        trained = TrainPerson(NAME, photo_files(photos), settings=settings).run(app, context)
    say(f"Trained: {len(trained.person.photos)} photos kept; {trained.lora}")
    with clock.phase("photographing"):
        session = PhotographPersons((NAME,), (template,)).run(app, context)
    portrait = session.pictures[0]
    report = _demo_report(trained, session, untrained, clock=clock, speed=speed)
    write_sheet(portrait.parent, report)
    page = write_report(portrait.parent, report)
    for name, seconds in clock.phases:
        say(f"  {name}: {seconds:.1f} s")
    say(f"Done in {clock.total:.0f} s; memory at most {peak_memory_mb()} MB. {_likeness_words(session)}")
    return DemoMade(portrait, page)


def demo_template() -> Path:
    """Return a shipped template with one face that is not for test pictures."""
    for template in shipped_templates():
        if template.file.name == TEMPLATE and not template.validates:
            return template.file
    raise EnvironmentFailure(
        text("The templates that ship with EasyPhoto are missing."), advice=text("Clone the project again.")
    )


def draw_photos(folder: Path, seed: int) -> Path:
    """Write eight good photos of one person (512×512 JPEG), and one of each kind that should be set aside."""
    person = FIRST_IDENTITY + 1000 * seed
    pictures = {f"{number:02d}.jpg": _photo(person, seed, number) for number in range(PHOTOS)}
    # Like the second picture of a burst: the same moment, two pixels aside and slightly brighter.
    again = np.roll(np.asarray(pictures["00.jpg"]), 2, axis=1)
    pictures["x-duplicate.jpg"] = as_picture(np.clip(again.astype(np.int16) + 4, 0, 255).astype(np.uint8))
    pictures["x-blurred.jpg"] = _photo(person, seed, PHOTOS).filter(ImageFilter.GaussianBlur(SIDE / 55))
    pictures["x-somebody-else.jpg"] = _photo(SOMEBODY_ELSE + 1000 * seed, seed, PHOTOS + 1)
    pictures["x-no-face.jpg"] = as_picture(draw_empty(SOMEBODY_ELSE + seed, SIDE).image)
    for name, picture in pictures.items():
        with atomic_path(folder / name) as temporary:
            picture.save(temporary, format="JPEG", quality=92)
    return folder


def _photo(identity_seed: int, seed: int, number: int) -> Image.Image:
    identity = sample_identity(identity_seed)
    return as_picture(draw(identity, sample_scene(seed, identity, photo_index=number), SIDE).image)


def _demo_report(
    trained: TrainedPerson, session: PhotographResult, untrained: PhotographResult, *, clock: Clock, speed: Speed
) -> Report:
    before, after = _likeness(session)
    of = f" of {len(trained.check.verdicts)}" if trained.check else ""
    facts = [("photos kept", f"{len(trained.person.photos)}{of}")]
    facts += [("likeness, before and after", f"{before:.2f} and {after:.2f}")] if before is not None else []
    quick = _likeness(untrained)[1]
    facts += [("without training", f"{quick:.2f}")] if quick is not None else []
    facts += [("seconds in all", f"{clock.total:.0f}"), ("MB of memory, at most", f"{peak_memory_mb()}")]
    rows = (("machine", machine_words()), ("speed", speed.words()))
    machine = Section("Time and machine", (Bars("Seconds", tuple(clock.phases)), Table(("", ""), rows)))
    return Report(
        "From photos to portrait",
        "A drawn person whom no network has seen before: their photos were judged, their face was learned, "
        "and it was put into a template.",
        tuple(facts),
        (*session.sections, *trained.sections, *_untrained_sections(untrained), machine),
    )


def _untrained_sections(untrained: PhotographResult) -> tuple[Section, ...]:
    return tuple(replace(each, title=f"Before the training: {each.title}") for each in untrained.sections)


def _likeness(session: PhotographResult) -> tuple[float | None, float | None]:
    before = session.made[0].before
    after = session.made[0].best.score
    return (before.cosine, after) if before is not None and after is not None else (None, None)


def _likeness_words(session: PhotographResult) -> str:
    before, after = _likeness(session)
    return "" if before is None else f"Likeness {before:.2f} (template) → {after:.2f} (result)."
