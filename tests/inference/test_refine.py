"""The last steps: faces restored inside the painted masks, the whole enlarged, and every failure said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import BackendError
from easyphoto.faces.engine import Domain, Face
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_array
from easyphoto.inference.identities.lora import TrainedLora
from easyphoto.inference.pipeline import photograph
from easyphoto.inference.refine import enlarged, wanted_restorer
from easyphoto.inference.results import Photograph
from easyphoto.inference.session import PipelineModels
from easyphoto.inference.subject import Subject
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.restoration.base import Finisher
from easyphoto.settings.inference import InferenceSettings
from tests.fakes import FakeBackend, FakeEngine, RecordingProgress, face_at
from tests.restoration.fakes import Painter, ramp_picture

RESTORED = InferenceSettings(first_steps=1, second_steps=1, restore="gfpgan", restore_strength=1.0)
ENLARGED = InferenceSettings(
    first_steps=1, second_steps=1, upscale="realesrgan-x4plus", upscale_factor=2.0, upscale_strength=0.5
)
FACES = (face_at(Box(40, 50, 100, 110)), face_at(Box(150, 50, 210, 110)))
TEMPLATE = Image.fromarray(ramp_picture(256, 160))
RED = (255, 0, 0)


@dataclass
class OwnFaces(FakeEngine):
    """Finds the template's faces, at whatever size the picture is now; the persons' photos show one in the middle."""

    lost: bool = False
    places: tuple[Face, ...] = FACES
    seen: int = 0

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        if picture.height / picture.width != 160 / 256:
            return FakeEngine.detect(self, picture)
        self.seen += 1
        if self.lost and self.seen > 1:
            return ()
        scale = picture.width / 256
        return tuple(Face(face.box.scaled(scale), face.points * scale, 1.0) for face in self.places)


class OnlySecond(Painter):
    """Leaves the first face as it is."""

    def restore(self, face: Image.Image) -> Image.Image:
        painted = Painter.restore(self, face)
        return painted if len(self.faces) > 1 else face


def taken(
    folder: Path,
    settings: InferenceSettings,
    finisher: Finisher | None,
    *,
    subjects: int = 1,
    engine: OwnFaces | None = None,
    progress: RecordingProgress | None = None,
) -> Photograph:
    """The first of what comes of it; the same folder and settings give the same passes."""
    engine = engine or OwnFaces()
    lora = folder / "lora.safetensors"
    lora.write_bytes(b"")
    photo = Image.fromarray(ramp_picture(96, 96))
    vector = engine.embed(photo, engine.detect(photo)[0])
    people = [Subject(f"person {n}", photo, None, (TrainedLora(lora),), (vector,)) for n in range(subjects)]
    tools = PipelineModels(FakeBackend(), engine, progress or RecordingProgress(), finisher=finisher)
    return photograph(TEMPLATE, people, settings, MINIATURE, tools).best


def test_a_restored_face_changes_nothing_outside_the_painted_mask(tmp_path: Path):
    plain = taken(tmp_path, RESTORED, None)
    made = taken(tmp_path, RESTORED, Finisher(Painter(RED)))

    different = (as_array(made.image) != as_array(TEMPLATE)).any(-1)
    assert not different[made.mask == 0].any()
    assert (made.mask == plain.mask).all()
    assert as_array(made.image)[80, 70].tolist() == [255, 0, 0]
    assert as_array(plain.image)[80, 70].tolist() != [255, 0, 0]


def test_a_face_nobody_sits_on_is_not_restored(tmp_path: Path):
    made = taken(tmp_path, RESTORED, Finisher(Painter(RED)))

    assert (as_array(made.image)[50:110, 150:210] == as_array(TEMPLATE)[50:110, 150:210]).all()


def test_two_seated_faces_are_both_restored(tmp_path: Path):
    restorer = Painter(RED)

    made = taken(tmp_path, RESTORED, Finisher(restorer), subjects=2)

    assert len(restorer.faces) == 2
    assert [stage.face for stage in made.stages if stage.name == "restored"] == [0, 1]
    assert [as_array(made.image)[80, x].tolist() for x in (70, 180)] == [[255, 0, 0]] * 2


def test_a_neighbour_s_face_is_restored_as_theirs_alone(tmp_path: Path):
    """The square of 512 around the right face reaches over the left one."""
    close = OwnFaces(places=(face_at(Box(40, 50, 100, 110)), face_at(Box(102, 50, 162, 110))))
    left_alone = taken(tmp_path, RESTORED, Finisher(OnlySecond(RED)), subjects=2, engine=close)
    plain = taken(tmp_path, RESTORED, None, subjects=2, engine=close)

    before, after = as_array(plain.image).astype(int), as_array(left_alone.image).astype(int)
    # Not to the byte: the left face went to the square and back as well.
    assert np.abs(after - before)[60:100, 60:94].mean() < 5
    assert after[80, 132].tolist() == [255, 0, 0]


def test_the_restoration_s_strength_mixes(tmp_path: Path):
    plain = as_array(taken(tmp_path, RESTORED, None).image).astype(int)
    half = as_array(taken(tmp_path, replace(RESTORED, restore_strength=0.5), Finisher(Painter(RED))).image).astype(int)

    assert np.abs(half[80, 70] - (plain[80, 70] + RED) / 2).max() <= 1


def test_without_strength_no_face_is_shown_to_the_restorer(tmp_path: Path):
    restorer = Painter(RED)

    taken(tmp_path, replace(RESTORED, restore_strength=0.0), Finisher(restorer))

    assert restorer.faces == []


def test_a_restorer_that_fails_is_a_note_and_costs_nothing(tmp_path: Path):
    plain = taken(tmp_path, RESTORED, None)
    made = taken(tmp_path, RESTORED, Finisher(Painter(RED, error=BackendError("The model failed."))))

    assert made.image.tobytes() == plain.image.tobytes()
    assert "Face 1 from the left: not restored (The model failed.)." in made.notes


def test_a_face_that_is_not_found_again_is_said(tmp_path: Path):
    made = taken(tmp_path, RESTORED, Finisher(Painter(RED)), engine=OwnFaces(lost=True))

    assert "Face 1 from the left: not restored, because it was not found again on the result." in made.notes


def test_where_nobody_asked_a_face_that_is_not_found_again_is_restored_where_the_template_s_was(tmp_path: Path):
    by_itself = replace(RESTORED, restore="auto")

    made = taken(tmp_path, by_itself, Finisher(Painter(RED)), engine=OwnFaces(lost=True))

    assert as_array(made.image)[80, 70].tolist() == [255, 0, 0]
    assert not [each for each in made.notes if "not restored" in each]


def test_enlarging_gives_the_size_asked_for_and_half_of_each_way(tmp_path: Path):
    plain = taken(tmp_path, ENLARGED, Finisher())
    made = taken(tmp_path, ENLARGED, Finisher(upscaler=Painter(RED)))

    assert made.image.size == (512, 320)
    assert made.mask.shape == (320, 512)
    larger = as_array(plain.image.resize((512, 320), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(as_array(made.image) - (larger + RED) / 2).max() <= 1


def test_without_strength_the_enlargement_is_the_plain_one(tmp_path: Path):
    settings = replace(ENLARGED, upscale_strength=0.0, upscale_factor=1.5)
    failing = Painter(RED, error=BackendError("Nobody should ask."))

    plain, made = taken(tmp_path, settings, Finisher()), taken(tmp_path, settings, Finisher(upscaler=failing))

    assert made.image.tobytes() == plain.image.resize((384, 240), Image.Resampling.LANCZOS).tobytes()


def test_the_likeness_is_measured_where_the_face_is_on_the_larger_picture(tmp_path: Path):
    settings = replace(ENLARGED, upscale_strength=0.0)

    plain, made = taken(tmp_path, settings, Finisher()), taken(tmp_path, settings, Finisher(upscaler=Painter(RED)))

    assert made.score == pytest.approx(plain.score, abs=0.02)


def test_an_upscaler_that_fails_leaves_the_picture_and_says_so(tmp_path: Path):
    plain = taken(tmp_path, ENLARGED, Finisher())
    made = taken(tmp_path, ENLARGED, Finisher(upscaler=Painter(RED, error=BackendError("The model failed."))))

    assert made.image.tobytes() == plain.image.tobytes()
    assert "The enlargement was left out (The model failed.)." in made.notes


def test_what_was_asked_for_and_not_opened_is_said(tmp_path: Path):
    both = replace(RESTORED, upscale="realesrgan-x2plus")

    without = taken(tmp_path, both, None).notes
    reasons = taken(tmp_path, both, Finisher(notes=("Face restoration was left out. No spandrel.",))).notes

    fused = taken(tmp_path, replace(RESTORED, fusion_engine="inswapper"), Finisher(Painter(RED))).notes
    assert "Fused with the built-in warp instead: inswapper could not be opened." in fused
    assert "Face restoration was left out: gfpgan could not be opened." in without
    assert "The enlargement was left out: realesrgan-x2plus could not be opened." in without
    assert reasons.count("Face restoration was left out. No spandrel.") == 1


def test_auto_is_what_the_family_brings_and_for_drawn_faces_alone():
    drawings, photographs = Domain.DRAWINGS, Domain.PHOTOGRAPHS

    assert wanted_restorer("auto", FAMILIES["miniature"], drawings) == "drawn"
    assert wanted_restorer("auto", FAMILIES["miniature"], photographs) == "none"
    assert [wanted_restorer("auto", FAMILIES[id], drawings) for id in ("sd15", "sdxl")] == ["none", "none"]
    assert wanted_restorer("drawn", FAMILIES["sd15"], drawings) == "drawn"
    assert wanted_restorer("none", FAMILIES["miniature"], drawings) == "none"
    assert wanted_restorer("gfpgan", FAMILIES["miniature"], photographs) == "gfpgan"


def test_a_restorer_of_drawings_asked_for_photographs_is_left_out_with_a_note(tmp_path: Path):
    asked = replace(RESTORED, restore="drawn")
    quiet = taken(tmp_path, replace(RESTORED, restore="auto"), None, engine=OwnFaces(domain=Domain.PHOTOGRAPHS))

    made = taken(tmp_path, asked, None, engine=OwnFaces(domain=Domain.PHOTOGRAPHS))

    said = (
        "Face restoration was left out: the restorer drawn is only for drawn faces, and these are treated as "
        "photographs."
    )
    assert said in made.notes
    assert not any("restoration" in each for each in quiet.notes)
    assert "Face restoration was left out: drawn could not be opened." in taken(tmp_path, asked, None).notes


def test_the_record_names_the_networks_files(tmp_path: Path):
    record = taken(tmp_path, RESTORED, Finisher(Painter(RED))).record()

    assert [used["id"] for used in record["weights"]] == ["painter"]


def test_progress_only_grows_and_reaches_its_total(tmp_path: Path):
    progress = RecordingProgress()
    both = replace(RESTORED, upscale="realesrgan-x4plus")

    taken(tmp_path, both, Finisher(Painter(RED), Painter(RED)), progress=progress)

    done = [step[0] for step in progress.steps]
    assert done == sorted(done)
    # One pass, the restoration, the enlargement.
    assert progress.steps[-1][:2] == (300, 300)


def test_a_cancel_is_obeyed_before_the_restoration(tmp_path: Path):
    counted = RecordingProgress()
    taken(tmp_path, RESTORED, Finisher(Painter(RED)), progress=counted)

    with pytest.raises(Cancelled):
        taken(tmp_path, RESTORED, Finisher(Painter(RED)), progress=RecordingProgress(cancel_at=counted.checks))


class RedFace:
    """A fuser that paints red, or fails."""

    weights = ()

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.calls = error, 0

    def fused(self, source: Image.Image, source_face: Face, target: Image.Image, target_face: Face) -> Image.Image:
        self.calls += 1
        if self.error:
            raise self.error
        return Image.new("RGB", target.size, RED)


def fused_by(folder: Path, fuser: RedFace | None) -> Photograph:
    photo = Image.fromarray(ramp_picture(96, 96))
    tools = PipelineModels(FakeBackend(), OwnFaces(), fuser=fuser)
    settings = InferenceSettings(first_steps=1, second_steps=1, fusion_engine="inswapper" if fuser else "warp")
    return photograph(TEMPLATE, [Subject("person", photo)], settings, MINIATURE, tools).best


def test_a_fuser_takes_the_warp_s_place_at_the_same_ratio(tmp_path: Path):
    fuser = RedFace()

    stages = {stage.name: as_array(stage.image).astype(int) for stage in fused_by(tmp_path, fuser).stages}

    assert fuser.calls == 1
    face = np.asarray(Image.fromarray(stages["crop"].astype(np.uint8)).resize((128, 128), Image.Resampling.BOX))
    # Eyes and mouth are not whole from a half on: the network has mixed them already.
    middle = np.s_[60:68, 60:68]
    halves = (face[middle].mean((0, 1)) + RED) / 2
    assert np.abs(stages["fused"][middle].mean((0, 1)) - halves).max() < 3


def test_a_fuser_that_fails_leaves_it_to_the_warp_and_says_so(tmp_path: Path):
    ours, made = fused_by(tmp_path, None), fused_by(tmp_path, RedFace(BackendError("No network.")))

    assert made.image.tobytes() == ours.image.tobytes()
    assert "person: fused with the built-in warp instead (No network.)." in made.notes


def test_an_enlargement_that_nobody_could_open_again_is_left_out_with_a_note():
    """A template of 12,000 × 9,000, told by its size: twice as large it has 432 million pixels."""
    large = Image.new("1", (12_000, 9_000))

    picture, notes = enlarged(large, Painter(RED), ENLARGED, NullProgress())

    assert picture is large
    assert notes == ("The enlargement was left out: 24000×18000 pixels are too many.",)


def test_too_little_memory_for_the_enlargement_is_a_note(tmp_path: Path):
    made = taken(tmp_path, ENLARGED, Finisher(upscaler=Painter(RED, error=MemoryError())))

    assert made.image.size == TEMPLATE.size
    assert "The enlargement was left out (MemoryError)." in made.notes


def test_a_file_that_serves_twice_is_recorded_once(tmp_path: Path):
    both = Painter(RED)

    assert [used.id for used in PipelineModels(FakeBackend(), OwnFaces(), finisher=Finisher(both, both)).weights] == [
        "painter"
    ]
