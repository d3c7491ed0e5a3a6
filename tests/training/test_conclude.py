"""What becomes the LoRA: the merge that was elected, unless its own pictures fall behind the best checkpoint."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

from easyphoto.settings.training import TrainSettings
from easyphoto.training import conclude
from easyphoto.training.pictures import Picture

STEPS = (10, 20, 30, 40)
FOLDER = SimpleNamespace(checkpoint=lambda step: f"step-{step}")


def concluded(
    monkeypatch: pytest.MonkeyPatch, means: tuple[float, ...], *, merge: float, voters: int = 8
) -> tuple[conclude.Elected, list[str], list[tuple[int, ...]]]:
    """Four checkpoints with those means on two templates; `merge`: what every merge scores. Last come the merges of
    which pictures were drawn."""
    pairs = zip(STEPS, means, strict=True)
    pictures = [
        Picture(step, place, f"{step}-{place}", mean + place / 10 - 0.05) for step, mean in pairs for place in (0, 1)
    ]
    context = SimpleNamespace(run=SimpleNamespace(settings=TrainSettings(voters=voters), shows_face=True), notes=[])
    context.folder = FOLDER
    drawn: list[tuple[int, ...]] = []

    def draw(context: object, learner: object, judge: object, *, state: dict[int, float]) -> tuple[Picture, ...]:
        drawn.append(tuple(state))
        return (Picture(40, 0, "merged", merge),)

    monkeypatch.setattr(conclude, "_merged", lambda context, chosen: (dict(chosen.weights), 0.0))
    monkeypatch.setattr(conclude, "read_lora", lambda path: ({path: 1.0}, {}))
    monkeypatch.setattr(conclude, "_judge_merged", draw)
    return conclude.elected(context, SimpleNamespace(steps=40), None, pictures), context.notes, drawn


def test_a_merge_as_good_as_its_best_checkpoint_stands(monkeypatch: pytest.MonkeyPatch):
    elected, notes, drawn = concluded(monkeypatch, (0.44, 0.44, 0.445, 0.45), merge=0.445)

    assert elected.chosen.weights == ((10, 0.25), (20, 0.25), (30, 0.25), (40, 0.25))
    assert (elected.chosen.best_step, elected.chosen.best) == (40, pytest.approx(0.45))
    assert [picture.path for picture in elected.merged] == ["merged"]
    assert drawn == [(10, 20, 30, 40)]
    assert notes == []


def test_a_merge_that_is_expected_to_fall_behind_is_not_drawn_but_made_of_fewer_votes(monkeypatch: pytest.MonkeyPatch):
    # Eight votes are expected to score 0.375, four 0.447: within 0.01 of the best checkpoint's 0.45.
    elected, notes, drawn = concluded(monkeypatch, (0.3, 0.306, 0.444, 0.45), merge=0.449)

    assert elected.chosen.weights == ((30, 0.5), (40, 0.5))
    assert elected.chosen.expected == pytest.approx(0.447)
    assert drawn == [(30, 40)]
    assert notes == []


def test_where_no_merge_is_expected_to_keep_up_the_best_checkpoint_is_taken_with_the_pictures_that_it_has(
    monkeypatch: pytest.MonkeyPatch,
):
    elected, notes, drawn = concluded(monkeypatch, (0.1, 0.2, 0.3, 0.45), merge=0.1)

    assert elected.chosen.weights == ((40, 1.0),)
    assert elected.state == {"step-40": 1.0}
    assert [picture.path for picture in elected.merged] == ["40-0", "40-1"]
    assert drawn == []
    assert notes == []


def test_a_merge_whose_pictures_fall_behind_gives_way_to_the_best_checkpoint_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
):
    elected, notes, drawn = concluded(monkeypatch, (0.44, 0.44, 0.445, 0.45), merge=0.43)

    assert elected.chosen.weights == ((40, 1.0),)
    assert [picture.path for picture in elected.merged] == ["40-0", "40-1"]
    assert len(drawn) == 1
    assert notes == ["The merged checkpoints give less likeness than the best checkpoint alone: that one is taken."]


def test_one_voter_takes_the_best_checkpoint_and_nothing_is_drawn_again(monkeypatch: pytest.MonkeyPatch):
    elected, _, drawn = concluded(monkeypatch, (0.3, 0.5, 0.45, 0.4), merge=0.5, voters=1)

    assert elected.chosen.weights == ((20, 1.0),)
    assert drawn == []
