"""Several ranks share the batch of a step, and make the step that one would make alone."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from easyphoto.architectures.base import Activations, Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sdxl import SDXL
from easyphoto.devices import groups_of
from easyphoto.errors import EasyPhotoError, MissingCapability, OutOfMemory, TrainerCrashed, TrainerKilled
from easyphoto.progress import NullProgress
from easyphoto.settings.training import TrainSettings
from easyphoto.training import budget, rank_processes
from easyphoto.training.budget import MemoryPlan, OffloadedNetworks, plan_training
from easyphoto.training.context import RunContext
from easyphoto.training.events import ErrorEvent, Warn, to_line
from easyphoto.training.loop import Learner
from easyphoto.training.rank_processes import RankLost, Seat, seated
from easyphoto.training.ranks import StepOutcome, shares
from easyphoto.training.run import RunFolder, TrainRun
from easyphoto.training.stepping import advance
from easyphoto.training.worker import prepare_torch
from tests.graphs import StandInRecorder

Open = Callable[..., Learner]


@dataclass
class OneOfTwo:
    """A rank whose neighbour's gradients the test adds, and whose neighbour's outcomes are written down."""

    rank: int
    others: list[StepOutcome] = field(default_factory=list)
    told: list[StepOutcome] = field(default_factory=list)
    count = 2

    def share(self, batch: int) -> slice:
        return shares(batch, 2)[self.rank]

    def agreed(self, outcome: StepOutcome) -> StepOutcome:
        self.told.append(outcome)
        other = self.others.pop(0) if self.others else StepOutcome(0)
        return StepOutcome(
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
    learner.ranks = OneOfTwo(0, others=[StepOutcome(1, is_short=True)])

    advance(context, learner)

    assert learner.footing == MemoryPlan(2, checkpointing=True)
    assert learner.ranks.told == [StepOutcome(0, is_plain=True), StepOutcome(1, is_plain=True)]
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


def test_a_device_plans_its_share_as_the_one_with_the_least_memory_does(
    open_learner: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processors share the machine's memory: 256 latent cells are 2 MB for each picture, of 18 MB half are there."""
    learner = open_learner()
    family = replace(MINIATURE, activations=Activations(8000, 4000, 0, 0))
    components = SimpleNamespace(family=family, networks=(learner.adapted.unet,))
    monkeypatch.setattr(budget, "free_memory", lambda device: 18_000_000)

    def planned(other: StepOutcome) -> tuple[MemoryPlan, str]:
        footing, plan = plan_training(
            learner.adapted, components, TrainSettings(), device="cpu", idle=OffloadedNetworks(),
            ranks=OneOfTwo(0, others=[other]),
        )  # fmt: skip
        return footing, plan.text

    footing, words = planned(StepOutcome(0))
    assert footing == MemoryPlan(2, False)
    assert "batch 4 on 2 devices, 2 on each, checkpointing off" in words
    assert planned(StepOutcome(2))[0] == MemoryPlan(1, True)


def test_a_rank_with_a_smaller_share_stays_at_its_last_plan(open_learner: Open, context: RunContext) -> None:
    """The other one goes down to a third of its share; this one has only one picture."""
    learner = open_learner(batch=1)
    learner.stand_on(MemoryPlan(1, checkpointing=False))
    learner.ranks = OneOfTwo(0, others=[StepOutcome(2, is_short=True), StepOutcome(2)])

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
    learner.ranks = OneOfTwo(0, others=[StepOutcome(0), StepOutcome(0, is_plain=True)])
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


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """The processes of two devices; `code` is what the other one runs."""
    for name in (
        *Seat(0, 2, tmp_path).environment,
        "CUDA_VISIBLE_DEVICES",
        "CUDA_DEVICE_ORDER",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
    ):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(rank_processes, "SECONDS_TO_NOTICE", 5.0)

    def opened(code: str, on_lost: Callable[[EasyPhotoError], None] = print) -> Any:
        begin = "import os, sys\nfrom pathlib import Path\nrun, meeting = map(Path, sys.argv[1:3])\n"
        monkeypatch.setattr(rank_processes, "PROGRAM", (sys.executable, "-c", begin + code))
        return seated(RunFolder(tmp_path), groups_of("cpu:0+cpu:1", ())[0], batch=4, on_lost=on_lost)

    return opened


def test_the_other_process_knows_its_place_and_ends_with_its_input(others: Callable[..., Any], tmp_path: Path) -> None:
    code = (
        "names = 'RANK', 'WORLD_SIZE', 'OMP_NUM_THREADS', 'CUDA_VISIBLE_DEVICES'\n"
        "meeting.write_text(' '.join(os.environ[name] for name in names))\n"
        "sys.stdin.read()\n"
        "(run.parent / 'ended').touch()"
    )
    with others(code) as seat:
        until = time.monotonic() + 20
        while not (seat.meeting.is_file() and seat.meeting.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
        assert seat.meeting.read_text() == "1 2 1 "
        assert (seat.rank, seat.count, os.environ["RANK"]) == (0, 2, "0")

    assert (tmp_path / "ended").is_file()
    assert not seat.meeting.exists()


OUT_OF_MEMORY = ErrorEvent("OutOfMemory", "The card is full.", "Close something.", True, 3)


def test_what_another_process_said_at_its_end_is_the_error_of_the_run(others: Callable[..., Any]) -> None:
    code = f"print({to_line(OUT_OF_MEMORY)!r}, flush=True)\nsys.exit(3)"
    with pytest.raises(OutOfMemory, match=r"On cpu:1: The card is full\. Close something\."), others(code):
        raise RankLost


def test_an_end_that_this_process_does_not_notice_is_told(
    others: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for its device, or makes test pictures."""
    monkeypatch.setattr(rank_processes, "SECONDS_TO_NOTICE", 0.1)
    told, heard = list[EasyPhotoError](), threading.Event()

    def on_lost(error: EasyPhotoError) -> None:
        told.append(error)
        heard.set()

    with others("os.kill(os.getpid(), 9)", on_lost):
        assert heard.wait(20)

    assert [type(error) for error in told] == [TrainerKilled]
    assert told[0].message.startswith("On cpu:1: The training process was killed from outside (signal 9)")


def test_devices_that_lose_each_other_while_all_live_say_what_they_heard(
    others: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_processes, "SECONDS_TO_NOTICE", 0.1)
    with pytest.raises(TrainerCrashed, match="lost each other: NCCL error"), others("sys.stdin.read()"):
        raise RankLost from RuntimeError("NCCL error.")


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
