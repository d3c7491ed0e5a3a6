"""Several ranks share the batch of a step, and make the step that one would make alone."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sdxl import SDXL
from easyphoto.devices import groups_of
from easyphoto.errors import MissingCapability
from easyphoto.progress import NullProgress
from easyphoto.training.budget import MemoryPlan
from easyphoto.training.context import RunContext
from easyphoto.training.events import Warn
from easyphoto.training.loop import Learner
from easyphoto.training.rank_processes import seated
from easyphoto.training.ranks import Outcome, shares
from easyphoto.training.run import RunFolder, TrainRun
from easyphoto.training.stepping import advance
from easyphoto.training.worker import prepare_torch
from tests.graphs import StandInRecorder

Open = Callable[..., Learner]


@dataclass
class OneOfTwo:
    """A rank whose neighbour's gradients the test adds, and whose neighbour's outcomes are written down."""

    rank: int
    others: list[Outcome] = field(default_factory=list)
    told: list[Outcome] = field(default_factory=list)
    count = 2

    def share(self, batch: int) -> slice:
        return shares(batch, 2)[self.rank]

    def agreed(self, outcome: Outcome) -> Outcome:
        self.told.append(outcome)
        other = self.others.pop(0) if self.others else Outcome(0)
        return Outcome(
            max(outcome.rung, other.rung),
            outcome.is_short or other.is_short,
            outcome.is_plain or other.is_plain,
        )

    def add_up(self, tensors: Any) -> None:
        pass

    def part(self) -> None:
        pass


def advance_together(pair: tuple[Learner, Learner]) -> None:
    for learner in pair:
        learner.gradients()
    one, other = ([each._value, *each.adapted.weights.grads.values()] for each in pair)
    for mine, theirs in zip(one, other, strict=True):
        both = mine + theirs
        mine.copy_(both)
        theirs.copy_(both)
    for learner in pair:
        learner.update()


def flat(learner: Learner) -> torch.Tensor:
    return torch.cat(list(learner.adapted.weights.flat.values()))


def pair_of(open_learner: Open, **named: Any) -> tuple[Learner, Learner]:
    pair = open_learner(**named), open_learner(**named)
    for rank, learner in enumerate(pair):
        learner.ranks = OneOfTwo(rank)
    return pair


def test_a_share_is_even_and_the_first_ranks_take_what_is_left_over() -> None:
    assert shares(4, 2) == (slice(0, 2), slice(2, 4))
    assert shares(5, 3) == (slice(0, 2), slice(2, 4), slice(4, 5))
    assert shares(3, 1) == (slice(0, 3),)


@pytest.mark.parametrize("family", [MINIATURE, SDXL], ids=["one encoder", "two encoders"])
@pytest.mark.parametrize("how", ["plain", "captured", "in parts", "computed twice"])
def test_uneven_shares_make_the_step_of_the_whole_batch(open_learner: Open, family: Family, how: str) -> None:
    """Three and two pictures of five, over the step at which the text encoder has had its share."""
    alone = open_learner(family, batch=5, steps=4, share=0.5)
    pair = pair_of(open_learner, family=family, batch=5, steps=4, share=0.5)
    for learner in pair:
        if how == "captured":
            learner.recorder = StandInRecorder()
        elif how != "plain":
            learner.stand_on(MemoryPlan(2 if how == "in parts" else 5, checkpointing=how == "computed twice"))
    before = flat(alone)
    for _ in range(4):
        alone.advance()
        advance_together(pair)
    for learner in (alone, *pair):
        learner.read()

    assert [len(learner.parts()) for learner in pair] == ([2, 1] if how == "in parts" else [1, 1])
    assert pair[0].is_captured == (how == "captured")
    assert pair[0].losses == pair[1].losses == pytest.approx(alone.losses, abs=1e-6)
    assert torch.equal(flat(pair[0]), flat(pair[1]))
    moved = float((flat(alone) - before).norm())
    assert float((flat(pair[0]) - flat(alone)).norm()) < 1e-4 * moved


def test_a_step_that_is_bad_in_one_rank_is_left_out_in_all(open_learner: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = pair_of(open_learner)
    before = flat(pair[0])
    healthy = pair[1].loss
    monkeypatch.setattr(pair[1], "loss", lambda part: healthy(part) * math.nan)
    advance_together(pair)
    for learner in pair:
        learner.read()

    assert [learner.skipped for learner in pair] == [[1], [1]]
    assert all(torch.equal(flat(learner), before) for learner in pair)


@pytest.fixture
def context(make_run: Callable[..., TrainRun], tmp_path: Path) -> RunContext:
    said: list[Any] = []
    context = RunContext(make_run(batch=4), RunFolder(tmp_path), said.append, NullProgress())
    context.said = said  # type: ignore[attr-defined]
    return context


def notes(context: RunContext) -> list[str]:
    return [each.detail for each in context.said if isinstance(each, Warn)]  # type: ignore[attr-defined]


def test_a_step_for_which_another_rank_lacks_memory_is_repeated_by_a_smaller_plan(
    open_learner: Open, context: RunContext
) -> None:
    learner = pair_of(open_learner)[0]
    learner.stand_on(MemoryPlan(2, checkpointing=False))
    learner.ranks = OneOfTwo(0, others=[Outcome(1, is_short=True)])

    advance(context, learner)

    assert learner.footing == MemoryPlan(2, checkpointing=True)
    assert learner.ranks.told == [Outcome(0, is_plain=True), Outcome(1, is_plain=True)]
    assert learner.step == 1
    assert notes(context) == ["memory ran out in step 1; from there: batch 4 on 2 devices, 2 on each, checkpointing on"]


def test_a_rank_that_lacks_memory_tells_the_others(
    open_learner: Open, context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = pair_of(open_learner)[0]
    learner.stand_on(MemoryPlan(2, checkpointing=False))
    compute = learner._compute

    def scarce() -> None:
        if learner.footing.at_a_time > 1:
            raise MemoryError
        compute()

    monkeypatch.setattr(learner, "_compute", scarce)

    advance(context, learner)

    assert learner.footing == MemoryPlan(1, checkpointing=True)
    told = learner.ranks.told  # type: ignore[attr-defined]
    assert [(each.rung, each.is_short) for each in told] == [(1, True), (2, True), (2, False)]


def test_a_rank_with_a_smaller_share_stays_at_its_last_plan(open_learner: Open, context: RunContext) -> None:
    """The other one goes down to a third of its share; this one has only one picture."""
    learner = open_learner(batch=1)
    learner.stand_on(MemoryPlan(1, checkpointing=False))
    learner.ranks = OneOfTwo(0, others=[Outcome(2, is_short=True), Outcome(2)])

    advance(context, learner)

    assert (learner.footing, learner.step) == (MemoryPlan(1, checkpointing=True), 1)


def test_memory_that_no_plan_saves_ends_the_run(
    open_learner: Open, context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = pair_of(open_learner)[0]
    learner.stand_on(MemoryPlan(1, checkpointing=True))

    def scarce() -> None:
        raise MemoryError

    monkeypatch.setattr(learner, "_compute", scarce)
    with pytest.raises(MemoryError):
        advance(context, learner)


def test_all_ranks_run_plainly_where_one_cannot_capture(open_learner: Open, context: RunContext) -> None:
    learner = pair_of(open_learner)[0]
    learner.stand_on(MemoryPlan(2, checkpointing=False))
    learner.recorder, said = StandInRecorder(), list[str]()
    learner.on_plain = said.append
    learner.ranks = OneOfTwo(0, others=[Outcome(0), Outcome(0, is_plain=True)])
    advance(context, learner)
    assert learner.is_captured
    advance(context, learner)

    assert not learner.is_captured
    assert said == ["another device of the training cannot capture them"]
    assert learner.step == 2


def test_a_step_of_one_picture_needs_one_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.setenv(name, "7")
    devices = groups_of("cpu:0+cpu:1", ())[0]

    with seated(RunFolder(tmp_path), devices, batch=1, on_lost=lambda error: None) as seat:
        assert seat is None

    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize(("limit", "threads"), [("1", 1), ("8", 2), ("", 2)])
def test_a_run_uses_no_more_threads_than_its_environment_allows(
    make_run: Callable[..., TrainRun], monkeypatch: pytest.MonkeyPatch, limit: str, threads: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    before = torch.get_num_threads()
    try:
        prepare_torch(replace(make_run(), threads=2), None)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_a_card_that_torch_cannot_use_is_named(make_run: Callable[..., TrainRun]) -> None:
    with pytest.raises(MissingCapability, match=r"torch cannot use cuda:0\+cuda:1"):
        prepare_torch(make_run(), groups_of("cuda:0+cuda:1", ())[0])
