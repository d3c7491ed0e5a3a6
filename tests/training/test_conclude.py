"""Who is elected into the LoRA: the merge of the votes, unless it falls behind the best checkpoint."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

from easyphoto.settings.training import TrainSettings
from easyphoto.training import conclude
from easyphoto.training.pictures import Picture

STEPS = (10, 20, 30, 40)


def run_election(monkeypatch: pytest.MonkeyPatch, merge_scores: dict[int, float]) -> tuple[conclude.Elected, list[str]]:
    """Four checkpoints that grow better on two templates; `merge_scores`: what a merge of n checkpoints scores."""
    pictures = [Picture(step, place, "p", step / 100 + place / 10) for step in STEPS for place in (0, 1)]
    context = SimpleNamespace(run=SimpleNamespace(settings=TrainSettings(voters=8), shows_face=True), notes=[])

    def drawn(context: object, learner: object, judge: object, *, state: object, chosen: conclude.Selection) -> tuple:
        return (Picture(40, 0, "merged", merge_scores[len(chosen.weights)]),)

    monkeypatch.setattr(conclude, "_merged", lambda context, chosen: ({}, 0.0))
    monkeypatch.setattr(conclude, "_judge_merged", drawn)
    elected = conclude.elect(context, SimpleNamespace(steps=40), None, pictures)
    return elected, context.notes


def test_a_merge_as_good_as_its_best_checkpoint_stands(monkeypatch: pytest.MonkeyPatch):
    elected, notes = run_election(monkeypatch, {4: 0.445})

    assert elected.chosen.weights == ((10, 0.25), (20, 0.25), (30, 0.25), (40, 0.25))
    assert elected.chosen.best == pytest.approx(0.45)
    assert notes == []


def test_a_merge_that_falls_behind_is_made_of_fewer_votes_and_that_is_said(monkeypatch: pytest.MonkeyPatch):
    elected, notes = run_election(monkeypatch, {4: 0.30, 2: 0.449})

    assert elected.chosen.weights == ((30, 0.5), (40, 0.5))
    assert notes == [
        "merging the checkpoints of 8 test pictures gives less likeness than the best checkpoint alone: "
        "fewer are merged"
    ]


def test_where_no_merge_keeps_up_the_best_checkpoint_is_taken(monkeypatch: pytest.MonkeyPatch):
    elected, notes = run_election(monkeypatch, {4: 0.1, 2: 0.1, 1: 0.45})

    assert elected.chosen.weights == ((40, 1.0),)
    assert len(notes) == 2
