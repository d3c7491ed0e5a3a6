"""The whole pipeline on drawn people, with an engine that knows them and a backend that tints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.base import InpaintRequest
from easyphoto.errors import InputError, NoFaceFound
from easyphoto.faces.engine import FACE_PARTS, Covering, Face, Part, part_mask
from easyphoto.faces.outline import ANGLES, Outline
from easyphoto.faces.skin_tone import SkinTone
from easyphoto.images.pictures import as_array
from easyphoto.inference.identities.lora import TrainedLora
from easyphoto.inference.passes import first_strength
from easyphoto.inference.pipeline import photograph
from easyphoto.inference.results import Photographs
from easyphoto.inference.session import PipelineModels
from easyphoto.inference.subject import Subject
from easyphoto.progress import Cancelled
from easyphoto.settings.inference import InferenceSettings
from tests.fakes import FakeBackend, RecordingProgress
from tests.inference.oracle import OracleEngine, drawn, drawn_group

# Both passes, although the miniature by itself does without the second.
SETTINGS = InferenceSettings(first_steps=2, second_steps=2, second_strength=0.3, seed=7)


def subject(engine: OracleEngine, seed: int, folder: Path) -> Subject:
    reference = engine.shown(drawn(seed, size=192))
    vector = engine.embed(reference, engine.detect(reference)[0])
    lora = folder / f"{seed}.safetensors"
    lora.write_bytes(b"")
    return Subject(f"person {seed}", reference, None, (TrainedLora(lora),), () if vector is None else (vector,))


class Studio:
    """Engine, backend and subjects of one test."""

    def __init__(self, folder: Path, *, controls: tuple[str, ...] | None = None) -> None:
        self.engine = OracleEngine()
        self.backend = FakeBackend() if controls is None else FakeBackend(controls=controls)
        self.progress = RecordingProgress()
        self.subjects = [subject(self.engine, seed, folder) for seed in (9000, 9006)]
        self.one = self.engine.shown(drawn(9101, framing="portrait", photo=1))
        self.group = self.engine.shown(drawn_group(9105, 9108, 9111))

    def photograph(self, template: Image.Image, count: int = 1, settings: InferenceSettings = SETTINGS) -> Photographs:
        tools = PipelineModels(self.backend, self.engine, self.progress)
        return photograph(template, self.subjects[:count], settings, MINIATURE, tools)

    def requests(self) -> list[InpaintRequest]:
        return [request for request in self.backend.requests if isinstance(request, InpaintRequest)]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def changed(result: Image.Image, template: Image.Image) -> np.ndarray:
    return (as_array(result) != as_array(template)).any(-1)


def test_outside_the_widened_masks_every_byte_is_the_template_s(studio: Studio):
    result = studio.photograph(studio.one).best

    assert result.image.size == (256, 256)
    different = changed(result.image, studio.one)
    assert different.any()
    assert not different[result.mask == 0].any()
    assert 0.05 < (result.mask > 0).mean() < 0.5


def test_the_stages_tell_the_whole_story(studio: Studio):
    result = studio.photograph(studio.one).best

    assert [stage.name for stage in result.stages] == [
        "template", "crop", "ground", "pasted", "fused", "first mask", "second mask", "canny", "facepoints", "color",
        "first pass", "colour", "fused after", "second pass", "retouched", "result",
    ]  # fmt: skip


def test_the_passes_are_asked_what_the_design_says(studio: Studio):
    studio.photograph(studio.one)

    first, second = studio.requests()
    assert [(c.kind, c.weight) for c in first.controls] == [("canny", 0.5), ("facepoints", 0.5), ("color", 0.85)]
    assert [(c.kind, c.weight) for c in second.controls] == [("canny", 1.0), ("tile", 1.0)]
    assert (first.denoise, second.denoise) == (0.15, 0.30)
    assert first.conditions == second.conditions
    assert (first.conditions[0].name, first.conditions[0].weight) == ("9000.safetensors", 0.9)
    assert first.prompt == "easyphoto_face, easyphoto, 1person"
    assert (first.image.size, first.mask.shape) == ((128, 128), (128, 128))


def test_without_the_reference_photo_the_first_pass_has_to_make_the_person(studio: Studio):
    studio.photograph(studio.one, settings=replace(SETTINGS, fusion=False))

    first = studio.requests()[0]
    assert first.denoise == 0.75
    # Edges and colours would be those of the template's face.
    assert [control.kind for control in first.controls] == ["facepoints"]


def test_a_portrait_that_is_laid_in_needs_less_repainting_than_a_bare_template():
    strengths = [
        first_strength(SETTINGS, MINIATURE, fused=fused, bare=bare)
        for fused, bare in ((True, False), (False, False), (False, True))
    ]

    assert strengths == [0.15, 0.60, 0.75]


def test_a_control_without_a_model_is_left_out_and_said(tmp_path: Path):
    studio = Studio(tmp_path, controls=("canny", "tile"))

    result = studio.photograph(studio.one).best

    first = studio.requests()[0]
    assert [(c.kind, c.end) for c in first.controls] == [("canny", 1.0), ("tile", 0.5)]
    assert "Control facepoints: left out, its model is missing." in result.notes
    assert "Control color: its model is missing; tile is used instead for the first half of the steps." in result.notes


def test_several_results_have_consecutive_seeds_and_are_ranked(studio: Studio):
    made = studio.photograph(studio.one, settings=replace(SETTINGS, count=3))

    assert sorted(result.seed for result in made.results) == [7, 8, 9]
    scores = [result.score for result in made.results]
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]
    assert made.results[0].likeness[0].embedder == "oracle-colours"


def test_without_an_embedder_results_are_unranked_and_that_is_said(tmp_path: Path):
    studio = Studio(tmp_path)
    studio.engine.embedder = None

    made = studio.photograph(studio.one, settings=replace(SETTINGS, count=2))

    assert [result.seed for result in made.results] == [7, 8]
    assert made.results[0].likeness == (None,)
    assert made.notes == ("The results are not ranked: their likeness could not be measured.",)


def test_the_two_largest_faces_get_their_own_persons_and_the_smallest_stays_untouched(studio: Studio):
    made = studio.photograph(studio.group, 2)

    assert [round(face.box.width) for face in made.faces] == [43, 41, 57]
    assert made.seated == ((0, "person 9000"), (2, "person 9006"))
    assert made.notes == ("Face 2 from the left stays as it is: nobody was assigned to it.",)
    different = changed(made.best.image, studio.group)
    for index, face in enumerate(made.faces):
        left, top, right, bottom = face.box.grown(*(-0.3 * face.box.width,) * 4).as_ints()
        assert different[top:bottom, left:right].any() == (index != 1)
    assert not different[made.best.mask == 0].any()


def test_each_face_is_painted_with_its_own_lora_and_the_borders_with_none(studio: Studio):
    studio.photograph(studio.group, 2)

    names = [[each.name for each in request.conditions] for request in studio.requests()]
    assert names == [["9000.safetensors"]] * 2 + [["9006.safetensors"]] * 2 + [[]]
    joint = studio.requests()[-1]
    assert [(c.kind, c.weight) for c in joint.controls] == [("canny", 1.0), ("color", 1.0)]
    assert joint.denoise == 0.30
    assert "easyphoto" not in joint.prompt


def test_an_assignment_turns_the_order_around(studio: Studio):
    tools = PipelineModels(studio.backend, studio.engine)

    made = photograph(studio.group, studio.subjects, SETTINGS, MINIATURE, tools, assignment=(2, 0))

    assert made.seated == ((0, "person 9006"), (2, "person 9000"))


def test_more_persons_than_faces_are_refused(studio: Studio):
    with pytest.raises(InputError, match="2 persons were given for 1 face"):
        studio.photograph(studio.one, 2)


def test_a_covered_face_is_refused_with_the_reason_unless_it_is_asked_for(studio: Studio, monkeypatch):
    monkeypatch.setattr(type(studio.engine), "covering", lambda *_: Covering(left_eye=True, right_eye=True))

    with pytest.raises(NoFaceFound, match=r"face 1: the eyes are covered \(sunglasses\?\)"):
        studio.photograph(studio.one)
    made = studio.photograph(studio.one, settings=replace(SETTINGS, paint_covered=True))

    assert made.seated == ((0, "person 9000"),)


def test_a_template_without_a_face_is_refused(studio: Studio):
    with pytest.raises(NoFaceFound):
        studio.photograph(Image.new("RGB", (200, 200), "grey"))


def test_a_reference_without_a_face_costs_the_fusion_and_not_the_photograph(studio: Studio):
    blank = replace(studio.subjects[0], reference=Image.new("RGB", (64, 64)), identities=())

    made = photograph(studio.one, [blank], SETTINGS, MINIATURE, PipelineModels(studio.backend, studio.engine))

    assert "person 9000: no face was found on the reference photo, so there is no fusion." in made.best.notes
    assert "Control facepoints: left out, there is no pose guide." in made.best.notes
    assert "person 9000: painted without a LoRA, as none was given." in made.best.notes


def test_switched_off_steps_leave_the_first_picture_alone(studio: Studio):
    plain = replace(SETTINGS, fusion=False, colour_transfer=False, retouch=False)

    stages = {stage.name: stage.image for stage in studio.photograph(studio.one, settings=plain).best.stages}

    assert as_array(stages["fused"]).tolist() == as_array(studio.requests()[0].image).tolist()
    assert (as_array(stages["colour"]) == as_array(stages["first pass"])).all()
    crop, fused = as_array(stages["crop"]), as_array(stages["fused after"])
    mask = np.asarray(stages["first mask"])[..., 0]
    assert (fused[mask == 0] == crop[mask == 0]).all()
    assert (fused[mask == 255] != crop[mask == 255]).any()


def test_without_fusion_the_passes_begin_with_the_portrait_and_no_photo_has_a_say(studio: Studio):
    portrait = studio.engine.shown(drawn(9000, size=192, photo=3))
    plain = replace(SETTINGS, fusion=False)
    tools = PipelineModels(studio.backend, studio.engine)

    def start(reference_seed: int) -> list:
        reference = studio.engine.shown(drawn(reference_seed, size=192))
        person = replace(studio.subjects[0], reference=reference, portrait=portrait)
        made = photograph(studio.one, [person], plain, MINIATURE, tools).best
        return as_array(next(stage.image for stage in made.stages if stage.name == "fused")).tolist()

    assert start(9000) == start(9006)
    assert (
        start(9000)
        != as_array(
            next(s.image for s in studio.photograph(studio.one, settings=plain).best.stages if s.name == "fused")
        ).tolist()
    )


def test_the_second_pass_changes_only_the_face_s_border_from_inside(studio: Studio):
    settings = replace(SETTINGS, retouch=False)
    stages = {
        stage.name: as_array(stage.image) for stage in studio.photograph(studio.one, settings=settings).best.stages
    }

    before, after, ring = stages["fused after"], stages["retouched"], stages["second mask"][..., 0]

    assert (before != after).any()
    assert (before == after)[cv2.dilate(ring, np.ones((15, 15))) == 0].all()


def test_the_miniature_does_without_the_second_pass(studio: Studio):
    made = studio.photograph(studio.one, settings=InferenceSettings(first_steps=2)).best

    assert [request.denoise for request in studio.requests()] == [0.15]
    assert "second pass" not in [stage.name for stage in made.stages]


def test_around_the_face_every_byte_is_the_template_s_or_its_bent_outline_s(studio: Studio):
    plain = replace(SETTINGS, outline=False, skin="template")

    made = studio.photograph(studio.one, settings=plain).best

    face = part_mask(studio.engine.parse(studio.one, made_face(studio)), FACE_PARTS) > 0
    grown = cv2.morphologyEx(face.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8)) > 0
    assert not changed(made.image, studio.one)[~grown].any()


def made_face(studio: Studio) -> Face:
    return studio.engine.detect(studio.one)[0]


def test_the_template_takes_the_person_s_outline_and_skin_and_says_so(studio: Studio):
    pale = SkinTone(np.log([0.9, 0.8, 0.7]), 0.1, 0.06)
    known = replace(studio.subjects[0], outline=Outline(np.full(len(ANGLES), 0.8)), skin=pale)
    tools = PipelineModels(studio.backend, studio.engine)

    made = photograph(studio.one, [known], SETTINGS, MINIATURE, tools).best
    plain = photograph(studio.one, [known], replace(SETTINGS, outline=False, skin="template"), MINIATURE, tools).best

    assert (
        "person 9000 has another skin colour than the template: face, ears and neck got it, other skin keeps the "
        "template's colour. To keep the template's: --skin template (in the tab: Skin colour)." in made.notes
    )
    assert not any("another skin" in note for note in plain.notes)
    neck = studio.engine.parse(studio.one, made_face(studio)) == Part.NECK
    before, after = (as_array(one)[neck].mean() for one in (studio.one, made.image))
    assert after > before + 10
    assert (as_array(plain.image)[neck] == as_array(studio.one)[neck]).all()
    assert (made.mask > 0).sum() > 1.2 * (plain.mask > 0).sum()
    assert not changed(made.image, studio.one)[made.mask == 0].any()


def test_the_record_is_plain_and_says_what_made_the_picture(studio: Studio):
    record = json.loads(json.dumps(studio.photograph(studio.one).best.record()))

    assert record["family"] == "miniature"
    assert record["seed"] == 7
    assert record["seats"] == [
        {"face": 0, "sitter": "person 9000", "lora": {"file": "9000.safetensors", "weight": 0.9}}
    ]
    assert record["passes"][0]["controls"] == ["canny", "facepoints", "color"]
    assert record["embedder"] == "oracle-colours"
    assert record["settings"]["first_strength"] is None
    assert record["passes"][0]["denoise"] == 0.15


def test_the_same_seed_gives_the_same_bytes(studio: Studio):
    one, other = studio.photograph(studio.one).best, studio.photograph(studio.one).best

    assert one.image.tobytes() == other.image.tobytes()


def test_progress_only_grows_and_reaches_its_total(studio: Studio):
    studio.photograph(studio.group, 2)

    done = [step[0] for step in studio.progress.steps]
    assert done == sorted(done)
    assert studio.progress.steps[-1][:2] == (500, 500)


def test_a_cancel_is_obeyed(studio: Studio):
    studio.progress.cancel_at = 3

    with pytest.raises(Cancelled):
        studio.photograph(studio.one)


def test_the_seconds_are_counted_by_phase(studio: Studio):
    made = studio.photograph(studio.one)

    assert set(made.seconds) == {
        "faces", "guides", "first pass", "colour", "fusion", "second pass", "finish", "likeness",
    }  # fmt: skip


def test_a_neighbour_s_face_is_neither_seen_nor_touched(studio: Studio):
    drawing = drawn_group(9105, 9108, 9111, 9114, width=224, height=128, seed=5)
    template = studio.engine.shown(drawing)
    tools = PipelineModels(studio.backend, studio.engine)

    made = photograph(template, studio.subjects[:1], SETTINGS, MINIATURE, tools, assignment=(1,))

    different = changed(made.best.image, template)
    for index in (0, 2, 3):
        face = made.faces[index]
        own = part_mask(studio.engine.parse(template, face), FACE_PARTS) > 0
        left, _, right, _ = face.box.as_ints()
        own[:, :left], own[:, right:] = False, False
        assert own.any()
        assert not different[own].any()
