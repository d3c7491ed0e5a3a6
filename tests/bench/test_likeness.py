"""What the likeness bench says of given measurements; the measurements themselves are the bench's business."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.architectures.registry import family_named
from easyphoto.backends.shipped_base import BASE_KEY, base_fingerprint
from easyphoto.bench import likeness
from easyphoto.bench.likeness import ARMS, bootstrap, difference, nearer, outside_difference, scale_of, summary
from easyphoto.bench.persons import FIRST_PERSON, draw_member, judging_templates
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import InputError
from easyphoto.progress import NullProgress
from easyphoto.storage.records import write_json
from easyphoto.training.lora import write_lora
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person

pytest.importorskip("torch")

MINIATURE = family_named("miniature")


def record(person: float, template: float, *, lora: float = 0.5, outside: int = 0) -> dict:
    arm = {"person": person, "template": template, "parameters_person": 0.1, "parameters_template": 0.3}
    arms = {name: dict(arm) for name in ARMS}
    arms["template"] = {**arm, "person": 0.2, "template": 0.9}
    arms["lora"] = {**arm, "person": lora}
    arms["no_lora"] = {**arm, "person": 0.3}
    return {
        "pairs": [{"arms": arms, "outside": outside}, {"arms": arms, "outside": 0}],
        "held_out": 0.8,
        "checkpoints": {"last": 0.55, "best": 0.62, "single": [0.55, 0.62]},
    }


def test_a_pair_counts_as_nearer_only_where_the_person_wins():
    records = [record(0.7, 0.4), record(0.4, 0.7)]

    assert nearer(records, "full") == 2


def test_the_scale_runs_from_the_stranger_to_a_held_out_photo():
    assert scale_of(record(0.2, 0.9), "full") == pytest.approx(0.0)
    assert scale_of(record(0.8, 0.1), "full") == pytest.approx(1.0)
    assert scale_of(record(0.5, 0.5), "full") == pytest.approx(0.5)


def test_the_summary_has_the_promised_form():
    found = summary([record(0.7, 0.4), record(0.5, 0.6, outside=3)])

    assert found["pairs"] == 4
    assert found["nearer_to_person"] == 2
    assert found["arms"]["full"] == {"person": 0.6, "template": 0.5}
    assert (found["last"], found["best"]) == (0.55, 0.62)
    assert found["outside_max_difference"] == 3


def test_a_difference_between_arms_is_taken_person_by_person():
    found = difference([record(0.7, 0.4, lora=0.4), record(0.7, 0.4, lora=0.6)], "lora", "no_lora")

    assert found.mean == pytest.approx(0.2)
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.3)


def test_equal_persons_leave_no_room_in_the_interval():
    found = bootstrap([0.25, 0.25, 0.25])

    assert (found.mean, found.low, found.high) == (0.25, 0.25, 0.25)


def test_only_bytes_outside_the_mask_count_as_spilled_paint():
    template = np.zeros((2, 2, 3), np.uint8)
    changed = template.copy()
    changed[0, 0], changed[1, 1] = 200, 7
    mask = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)

    assert outside_difference(template, Image.fromarray(changed), mask) == 7


def test_a_template_shows_a_stranger_with_the_persons_skin_and_hair_colour():
    member = draw_member(0)
    stranger = member.templates[0].faces[0].identity

    assert member.seed == FIRST_PERSON
    assert stranger.seed == 1_100_000
    assert (stranger.skin, stranger.hair) == (member.identity.skin, member.identity.hair)
    assert stranger.nose_width != member.identity.nose_width


def test_checkpoints_are_judged_on_strangers_that_nothing_else_shows():
    members = [draw_member(index) for index in (0, 1)]

    seeds = [drawing.faces[0].identity.seed for member in members for drawing in judging_templates(member, 2)]

    assert seeds == [1_200_000, 1_200_001, 1_200_002, 1_200_003]


def test_the_bench_says_how_many_persons_it_needs(tmp_path: Path):
    app = EasyPhoto(Workspace(tmp_path))

    with pytest.raises(InputError, match="1 persons"):
        likeness.run(app, persons=1, first=500, progress=NullProgress(), say=lambda line: None)


def test_who_was_trained_on_other_weights_of_the_base_is_trained_and_measured_again(tmp_path: Path, monkeypatch):
    app, again = EasyPhoto(Workspace(tmp_path)), []
    monkeypatch.setattr(EasyPhoto, "base_model", lambda self: (MINIATURE, MINIATURE.folder))
    monkeypatch.setattr(likeness, "write_photos", lambda member, folder: ())
    monkeypatch.setattr(TrainPerson, "run", lambda self, app, context: again.append(self.name))
    for index, weights in ((1, base_fingerprint(MINIATURE, MINIATURE.folder)), (2, "0" * 64)):
        name = likeness.person_name(index)
        app.workspace.save_person(Person(name, name, "miniature", "2026-01-01T00:00:00Z", lora="lora.safetensors"))
        write_lora(app.workspace.person_folder(name) / "lora.safetensors", {}, {BASE_KEY: weights})
        write_json(likeness.bench_folder(app) / f"{name}.json", {})
        write_json(tmp_path / "bench" / "looks" / f"{name}.json", {})

    likeness.train_everybody(app, (1, 2, 3), NullProgress())

    assert again == ["bench-02", "bench-03"]
    assert [file.name for file in likeness.bench_folder(app).glob("*.json")] == ["bench-01.json"]
    assert [file.name for file in (tmp_path / "bench" / "looks").glob("*.json")] == ["bench-01.json"]
