"""An object in a template: what the passes are asked, what stays, what is said and recorded."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.registry import family_named
from easyphoto.backends.base import InpaintRequest
from easyphoto.backends.conditions import LoraCondition
from easyphoto.images.pictures import as_picture
from easyphoto.inference.placing import PlacedObject, PlacingModels, opened_placing, placed, together
from easyphoto.inference.results import Photographs
from easyphoto.progress import Cancelled
from easyphoto.settings.placing import PlacingSettings
from tests.fakes import FakeBackend, RecordingProgress

SD15 = family_named("sd15")
NOISE = np.random.default_rng(3).integers(0, 256, (300, 400, 3)).astype(np.uint8)
SETTINGS = PlacingSettings(first_steps=2, second_steps=2)


class Bench:
    """A template of noise, a cup's LoRA, and a backend that tints."""

    def __init__(self, folder) -> None:
        self.lora = folder / "cup.safetensors"
        self.lora.write_bytes(b"lora")
        self.backend = FakeBackend(family="sd15")
        self.progress = RecordingProgress()

    def place(self, *boxes, settings=SETTINGS, family=SD15) -> Photographs:
        mask = np.zeros(NOISE.shape[:2], bool)
        for left, top, right, bottom in boxes or ((150, 100, 230, 180),):
            mask[top:bottom, left:right] = True
        thing = PlacedObject("Cup", (LoraCondition(self.lora, settings.lora_weight),), ("my cup",))
        models = PlacingModels(self.backend, self.progress)
        session = opened_placing(as_picture(NOISE), mask, thing, settings, family, models)
        return together(session, [*placed(session)])

    @property
    def requests(self) -> list[InpaintRequest]:
        return [one for one in self.backend.requests if isinstance(one, InpaintRequest)]


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def test_beyond_the_mask_and_its_soft_edge_every_byte_is_the_template_s(bench):
    made = bench.place().best

    result = np.asarray(made.image)
    changed = (result != NOISE).any(axis=2)
    assert changed[100:180, 150:230].mean() > 0.99
    # 80 px a side: grown by 3, feathered by 5.
    changed[92:188, 142:238] = False
    assert not changed.any()
    assert (result[made.mask == 0] == NOISE[made.mask == 0]).all()


def test_the_first_pass_is_asked_for_the_object_under_the_whole_mask_without_controls(bench):
    bench.place(settings=PlacingSettings(first_steps=2, prompt="on the table", negative="people", lora_weight=0.7))

    first = bench.requests[0]
    assert first.prompt == f"my cup, on the table, {SD15.positive_thing}"
    assert "face" not in first.prompt
    assert first.negative == f"people, {SD15.negative}"
    assert first.conditions == (LoraCondition(bench.lora, 0.7),)
    assert first.controls == ()
    assert first.denoise == SD15.place_strength >= 0.8
    assert first.size.width == first.size.height == 512
    middle = first.mask.shape[0] // 2
    assert first.mask[middle, middle] == 1
    assert first.mask[0].max() == 0


def test_the_second_pass_repaints_the_mask_s_border_alone_with_the_same_lora(bench):
    bench.place()

    first, second = bench.requests
    middle = second.mask.shape[0] // 2
    assert second.mask[middle, middle] == 0
    assert 0 < second.mask.mean() < first.mask.mean()
    assert second.denoise == SD15.second_strength
    assert second.conditions == first.conditions
    assert (second.prompt, second.seed) == (first.prompt, first.seed)


def test_the_settings_choose_strengths_steps_and_guidance(bench):
    bench.place(settings=PlacingSettings(place_strength=1.0, second_strength=0.5, first_steps=4, second_steps=3, cfg=5))

    assert [(one.denoise, one.steps, one.cfg) for one in bench.requests] == [(1.0, 4, 5), (0.5, 3, 5)]


def test_without_a_second_pass_there_is_none(bench):
    bench.place(settings=PlacingSettings(first_steps=2, second_strength=0.0))

    assert len(bench.requests) == 1


def test_each_piece_of_the_mask_gets_an_object_of_its_own(bench):
    found = bench.place((40, 60, 120, 140), (250, 150, 340, 240))

    assert len(bench.requests) == 4
    changed = (np.asarray(found.best.image) != NOISE).any(axis=2)
    assert changed[60:140, 40:120].mean() > 0.99
    assert changed[150:240, 250:340].mean() > 0.99
    assert not changed[:, 150:220].any()
    assert {stage.face for stage in found.best.stages} == {None, 0, 1}


def test_several_results_have_consecutive_seeds_and_it_is_said_that_nothing_ranks_them(bench):
    found = bench.place(settings=PlacingSettings(first_steps=1, second_strength=0.0, count=3, seed=2**32 - 1))

    assert [one.seed for one in found.results] == [2**32 - 1, 0, 1]
    assert [one.score for one in found.results] == [None, None, None]
    assert [note.code for note in found.notes] == ["placed-not-ranked"]
    assert len({one.image.tobytes() for one in found.results}) == 3


def test_the_same_seed_gives_the_same_bytes(bench):
    assert bench.place().best.image.tobytes() == bench.place().best.image.tobytes()


def test_a_control_without_a_model_is_left_out_of_the_second_pass_and_said(tmp_path):
    bench = Bench(tmp_path)
    bench.backend.controls = ()

    made = bench.place().best

    assert bench.requests[1].controls == ()
    assert any("left out" in note for note in made.notes)


def test_the_stages_tell_the_whole_story(bench):
    names = [stage.name for stage in bench.place().best.stages]

    assert names[:5] == ["template", "crop", "mask", "first pass", "composed"]
    assert names[-2:] == ["second pass", "result"]


def test_the_record_is_plain_and_says_what_made_the_picture(bench):
    record = json.loads(json.dumps(bench.place().best.record()))

    assert record["object"] == {
        "name": "Cup", "words": ["my cup"], "loras": [{"file": "cup.safetensors", "weight": 0.9}],
    }  # fmt: skip
    assert [one["pass"] for one in record["passes"]] == ["first pass", "second pass"]
    assert [one["place"] for one in record["passes"]] == [0, 0]
    assert len(record["places"]) == 1
    assert record["likeness"] == []


def test_progress_only_grows_and_reaches_its_total(bench):
    bench.place(settings=PlacingSettings(first_steps=2, second_steps=2, count=2))

    done = [step[0] for step in bench.progress.steps]
    assert done == sorted(done)
    assert bench.progress.steps[-1][:2] == (400, 400)
    assert len({step[1] for step in bench.progress.steps}) == 1


def test_several_are_painted_together_and_each_is_the_same_as_alone(tmp_path):
    alone, batched = Bench(tmp_path), Bench(tmp_path)
    batched.backend.at_a_time = 2
    boxes, settings = ((40, 60, 120, 140), (250, 150, 340, 240)), replace(SETTINGS, count=3)

    one_by_one, together = alone.place(*boxes, settings=settings), batched.place(*boxes, settings=settings)

    # Both passes over both places for the first two seeds.
    assert (alone.backend.batches, batched.backend.batches) == ([], [2] * 4)
    for one, other in zip(one_by_one.results, together.results, strict=True):
        assert one.image.tobytes() == other.image.tobytes()
        assert one.record() == other.record()
        assert [(each.name, each.face) for each in one.stages] == [(each.name, each.face) for each in other.stages]


def test_a_cancel_is_obeyed(bench):
    bench.progress.cancel_at = 2

    with pytest.raises(Cancelled):
        bench.place()


def test_a_wide_template_is_painted_in_its_own_shape(bench):
    bench.place((10, 20, 390, 280))

    assert bench.requests[0].size.width > bench.requests[0].size.height
    assert Image.fromarray(NOISE).size == (400, 300)


class Cup(FakeBackend):
    """Paints a red cup on a grey of its own."""

    def inpaint(self, request, progress):
        made = super().inpaint(request, progress)
        height, width = request.mask.shape
        rows, columns = np.indices((height, width))
        cup = np.hypot(rows - height / 2, columns - width / 2) < 0.2 * width
        colours = np.where(cup[..., None], (200, 40, 60), (120, 125, 130))
        grain = np.random.default_rng(1).normal(0, 6, colours.shape)
        picture = np.clip(colours + grain, 0, 255).astype(np.uint8)
        return replace(made, image=as_picture(picture))


def test_cut_out_leaves_the_template_s_own_pixels_between_the_object_and_the_mask_s_edge(tmp_path):
    bench = Bench(tmp_path)
    bench.backend = Cup(family="sd15")

    whole, alone = (
        bench.place(settings=PlacingSettings(first_steps=1, second_strength=0.0, cut_out=way)).best
        for way in ("off", "on")
    )

    corner = np.s_[104:112, 154:162]
    assert (np.asarray(whole.image)[corner] != NOISE[corner]).mean() > 0.9
    assert (np.asarray(alone.image)[corner] == NOISE[corner]).all()
    assert (np.asarray(alone.image)[140, 190] == np.asarray(whole.image)[140, 190]).all()
    assert "cut out" in {stage.name for stage in alone.stages}
    assert alone.mask.sum() < whole.mask.sum()


def test_what_cannot_be_cut_out_is_taken_whole_and_that_is_said(bench):
    made = bench.place(
        settings=PlacingSettings(first_steps=1, second_strength=0.0, cut_out="on", place_strength=1.0)
    ).best

    assert "not-cut-out" in {note.code for note in made.notes}
    assert (np.asarray(made.image)[100:180, 150:230] != NOISE[100:180, 150:230]).mean() > 0.9


def test_the_miniature_s_objects_are_cut_out_and_sd_1_5_s_are_not():
    assert [(family_named(id).cuts_out) for id in ("miniature", "sd15", "sdxl")] == [True, False, False]
