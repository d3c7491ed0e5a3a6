"""A step is a function of fixed tensors: nothing in it waits for the device, and it can be repeated by rote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.loading import load_components
from easyphoto.training import capture
from easyphoto.training.adapters import add_adapters
from easyphoto.training.arithmetic import RepeatableWork
from easyphoto.training.budget import MemoryPlan
from easyphoto.training.capture import CapturedWork, NotCaptured
from easyphoto.training.data import Cached
from easyphoto.training.loop import Learner
from easyphoto.training.noise import Noise
from easyphoto.training.step import StepInputs, StepLoss
from easyphoto.training.update import LossScale
from tests.graphs import HostReads, StandInRecorder

Open = Callable[..., Learner]
FAMILIES = pytest.mark.parametrize("family", [MINIATURE, SDXL], ids=["one encoder", "two encoders"])


def values_of(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: each.clone() for name, each in learner.adapted.weights.flat.items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@FAMILIES
@pytest.mark.parametrize("text_learns", [True, False], ids=["text learns", "text is frozen"])
@pytest.mark.parametrize("footing", [MemoryPlan(4, False), MemoryPlan(3, True)], ids=["at once", "in parts"])
def test_a_step_reads_nothing_back(
    open_learner: Open, family: Family, footing: MemoryPlan, *, text_learns: bool
) -> None:
    learner = open_learner(family, text_learns=text_learns)
    learner.stand_on(footing)

    with HostReads(refuse=True):
        learner.advance()
        learner.advance()

    learner.read()
    assert len(learner.losses) == 2


@pytest.mark.parametrize("batch", [1, 4])
def test_neither_does_one_in_float16_nor_one_that_is_bad(open_learner: Open, batch: int) -> None:
    """With fewer photos in a step than captions, too."""
    learner = open_learner(batch=batch)
    learner.scale = LossScale.of(torch.float16, "cpu")
    with HostReads(refuse=True):
        learner.advance()
        learner.adapted.weights.flat["unet"][0].fill_(float("nan"))
        learner.advance()

    learner.read()
    assert learner.skipped == [2]


def test_a_reading_step_would_be_noticed() -> None:
    with HostReads(refuse=True), pytest.raises(RuntimeError, match="not permitted"):
        float(torch.ones(()))
    with HostReads(refuse=True), pytest.raises(RuntimeError, match="not permitted"):
        torch.unique(torch.ones(3))


@FAMILIES
def test_replayed_steps_are_the_plain_steps(open_learner: Open, family: Family) -> None:
    plain, captured = open_learner(family), open_learner(family)
    recorder = captured.recorder = StandInRecorder()
    for _ in range(4):
        plain.advance()
        captured.advance()

    assert same(values_of(captured), values_of(plain))
    assert captured.state()["losses"].tolist() == plain.state()["losses"].tolist()
    assert captured.is_captured
    assert not plain.is_captured
    # Once for the comparison, and once for each step.
    assert (recorder.recordings, recorder.launches) == (1, 1 + 4)


def test_what_a_replay_reads_is_the_present_step_s(open_learner: Open) -> None:
    """The photos, the noise, and what the adapters have become."""
    learner = open_learner()
    learner.recorder = StandInRecorder()
    for _ in range(3):
        learner.advance()
    learner.read()

    assert len(set(learner.losses)) == 3
    assert learner.is_captured


def refusals(learner: Learner) -> list[str]:
    found: list[str] = []
    learner.on_plain = found.append
    return found


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA error: operation not permitted when stream is capturing\nCompile with …"),
         "the device refused: CUDA error: operation not permitted when stream is capturing"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), "there is not enough memory for it"),
    ],
)  # fmt: skip
def test_a_capture_that_fails_is_said_once_and_the_steps_are_the_plain_ones(
    open_learner: Open, error: Exception, reason: str
) -> None:
    plain, refused = open_learner(), open_learner()
    refused.recorder, said = StandInRecorder(failure=error), refusals(refused)
    for _ in range(3):
        plain.advance()
        refused.advance()

    assert said == [reason]
    assert not refused.is_captured
    assert same(values_of(refused), values_of(plain))


class Wrong(StandInRecorder):
    """Launches something that is a little off."""

    def recorded(self, call: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        launch, result = super().recorded(call)
        gradients = call.__self__.adapted.weights.grads["unet"]  # type: ignore[attr-defined]

        def launch_wrongly() -> None:
            launch()
            gradients.mul_(1.002)

        return launch_wrongly, result


def test_a_replay_that_computes_something_else_is_not_trusted(open_learner: Open) -> None:
    plain, refused = open_learner(), open_learner()
    refused.recorder, said = Wrong(), refusals(refused)
    for _ in range(2):
        plain.advance()
        refused.advance()

    assert said == ["the captured step computed something else than the plain one"]
    assert same(values_of(refused), values_of(plain))


def test_memory_that_runs_out_in_the_plain_step_is_no_matter_of_the_capture(open_learner: Open) -> None:
    learner = open_learner()
    learner.recorder, said = StandInRecorder(), refusals(learner)
    learner._compute = scarce  # type: ignore[method-assign]

    with pytest.raises(MemoryError):
        learner.gradients()

    assert said == []
    assert learner.recorder is not None


def scarce() -> None:
    raise MemoryError


def test_steps_are_captured_anew_where_the_networks_were_moved_or_the_plan_is_another(open_learner: Open) -> None:
    plain, learner = open_learner(), open_learner()
    recorder = learner.recorder = StandInRecorder()
    learner.advance()
    weight = learner.adapted.unet.conv_in.weight
    weight.data = weight.data.clone()
    learner.advance()
    learner.stand_on(MemoryPlan(2, checkpointing=False))
    learner.advance()
    learner.advance()

    assert (recorder.recordings, recorder.launches) == (3, 3 + 4)
    plain.advance()
    plain.advance()
    plain.stand_on(MemoryPlan(2, checkpointing=False))
    plain.advance()
    plain.advance()
    assert same(values_of(learner), values_of(plain))


def test_a_capture_gives_way_only_where_memory_is_short(open_learner: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds 5 bytes."""
    reserved, free = iter([7, 12, 7, 12]), 5
    monkeypatch.setattr(capture, "_reserved_bytes", lambda device: next(reserved))
    monkeypatch.setattr(capture, "_unreserved_bytes", lambda device: free)
    learner = open_learner()
    learner.recorder = StandInRecorder()
    learner.advance()
    learner.make_room()
    assert learner.is_captured

    free = 4
    learner.make_room()
    assert not learner.is_captured
    learner.advance()
    assert learner.is_captured


def test_a_capture_gives_way_when_the_run_is_over(open_learner: Open) -> None:
    learner = open_learner(steps=1)
    learner.recorder = StandInRecorder()
    learner.advance()
    learner.make_room()

    assert not learner.is_captured


def test_steps_that_compute_activations_twice_are_not_captured(open_learner: Open) -> None:
    learner = open_learner()
    learner.recorder = StandInRecorder()
    learner.stand_on(MemoryPlan(4, checkpointing=True))

    learner.advance()

    assert not learner.is_captured


@pytest.mark.parametrize("is_captured", [False, True], ids=["plain", "captured"])
def test_a_text_encoder_that_has_had_its_share_stays_as_it_is(open_learner: Open, *, is_captured: bool) -> None:
    """A quarter of twelve steps are three."""
    learner, whole = open_learner(share=0.25), open_learner()
    if is_captured:
        learner.recorder = StandInRecorder()
    for _ in range(3):
        learner.advance()
        whole.advance()
    at_its_share = values_of(learner)
    assert same(at_its_share, values_of(whole))
    read: list[int] = []
    learner.adapted.text_encoders[0].register_forward_hook(lambda *_: read.append(1))
    for _ in range(3):
        learner.advance()

    after = values_of(learner)
    assert torch.equal(after["text_encoder"], at_its_share["text_encoder"])
    assert not torch.equal(after["unet"], at_its_share["unet"])
    # All captions once, with what it has learned.
    assert read == [1]
    assert learner.is_captured == is_captured
    learner.read()
    assert all(loss == loss for loss in learner.losses)


@pytest.mark.parametrize("stopped_at", [1, 3, 4])
def test_a_run_that_went_on_is_the_run_that_was_not_stopped(open_learner: Open, stopped_at: int) -> None:
    """Before, at, and after the text encoder's share."""
    whole, first, second = (open_learner(share=0.25) for _ in range(3))
    for _ in range(6):
        whole.advance()
    for _ in range(stopped_at):
        first.advance()
    second.restore({name: each.clone() for name, each in first.state().items()})
    for _ in range(6 - stopped_at):
        second.advance()

    assert same(values_of(second), values_of(whole))
    kept, expected = second.state(), whole.state()
    assert kept.keys() == expected.keys()
    assert all(torch.equal(kept[name], expected[name]) for name in expected)


def test_a_run_that_goes_on_after_the_share_with_networks_aside_leaves_the_text_encoder(open_learner: Open) -> None:
    first, second = open_learner(share=0.25), open_learner(share=0.25)
    for _ in range(4):
        first.advance()
    second.restore({name: each.clone() for name, each in first.state().items()})
    second.stand_on(MemoryPlan(4, checkpointing=False, offload=True))
    for learner in (first, second):
        learner.advance()

    assert same(values_of(second), values_of(first))


@pytest.mark.parametrize("share", [0.0, 0.04])
def test_a_share_of_no_step_leaves_the_text_encoder(open_learner: Open, share: float) -> None:
    learner = open_learner(share=share)
    before = values_of(learner)
    learner.advance()

    assert torch.equal(values_of(learner)["text_encoder"], before["text_encoder"])


def test_the_noise_of_a_seed_is_what_it_was(open_learner: Open) -> None:
    learner = open_learner()
    learner.advance()
    learner.gradients()

    draw = torch.Generator().manual_seed(int(learner.plan.noise_seeds[1]))
    shape = (4, *learner.cached.mean.shape[1:])
    inputs = learner._loss.inputs
    assert torch.equal(inputs.spread, torch.randn(shape, generator=draw))
    assert torch.equal(inputs.noise, torch.randn(shape, generator=draw))
    assert torch.equal(inputs.rows, learner.plan.indices[1])
    assert torch.equal(inputs.timesteps, learner.plan.timesteps[1])


class SameDevice(TorchDispatchMode):
    """Fails at an operator with a tensor of another device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device, self.operators = device, 0

    def __torch_dispatch__(self, operator: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        found = operator(*arguments, **(options or {}))
        self.operators += 1
        for each in tree_iter((arguments, options, found)):
            if isinstance(each, torch.Tensor):
                assert each.device.type == self.device, f"{operator} takes a tensor of the {each.device}"
        return found


@FAMILIES
def test_nothing_in_a_step_comes_from_the_host(tiny_base: Path, tiny_sdxl: Path, family: Family) -> None:
    """A graph would copy what lay there when it was captured. The meta device stands for any that is not the CPU."""
    base = tiny_sdxl if family.id == "sdxl" else tiny_base
    components = load_components(replace(family, resolution=64), base, dtype=torch.float32, device="cpu")
    for network in components.networks:
        network.to("meta")
    adapted = add_adapters(components, rank=4, alpha=2, seed=0, text_learns=True)
    length = min(encoder.config.max_position_embeddings for encoder in adapted.text_encoders)
    latents, tokens = torch.zeros(5, 4, 8, 8, device="meta"), torch.zeros(2, length, dtype=torch.int64, device="meta")
    cached = Cached(
        latents, latents, latents[:, :1], torch.zeros(5, dtype=torch.int64), (tokens,) * len(adapted.text_encoders), 5,
        torch.zeros(5, 6, device="meta") if family.pools else None,
    )  # fmt: skip
    noise = Noise.of(components.scheduler, "meta")
    loss = StepLoss(adapted, cached, noise, StepInputs.of(cached, 4), gamma=5.0)

    with SameDevice("meta") as watch:
        adapted.weights.clear()
        loss().backward()
        adapted.weights.gather()

    assert watch.operators > 500


@pytest.mark.slow
def test_the_loss_is_one_graph_for_a_compiler(open_learner: Open) -> None:
    """No break: nothing in it depends on a value."""
    learner = open_learner()
    learner.gradients()
    plain = {name: each.clone() for name, each in learner.adapted.weights.grads.items()}
    loss = float(learner.loss().detach())
    compiled = torch.compile(learner.loss, backend="aot_eager", fullgraph=True)

    learner.adapted.weights.clear()
    found = compiled(slice(None))
    found.backward()
    learner.adapted.weights.gather()

    assert float(found.detach()) == pytest.approx(loss, rel=1e-6)
    for name, each in plain.items():
        assert float((learner.adapted.weights.grads[name] - each).norm() / each.norm()) < 1e-5


class Wavering:
    """Work whose result is off by one share more at every call."""

    def __init__(self, share: float) -> None:
        self.result, self._calls, self._share = torch.zeros(4), torch.zeros(()), share

    def __call__(self) -> None:
        self._calls.add_(1)
        self.result.copy_((1 + self._calls * self._share).expand(4))


@pytest.mark.parametrize(("share", "is_trusted"), [(0.0, True), (0.004, True), (0.05, False)])
def test_a_replay_may_differ_as_plain_steps_do_but_not_by_much(share: float, is_trusted: bool) -> None:
    work = Wavering(share)

    def captured() -> CapturedWork:
        return CapturedWork(work, StandInRecorder(), results=[work.result], fixed=[], device="cpu")

    if is_trusted:
        captured()
        return
    with pytest.raises(NotCaptured, match="something else"):
        captured()


@pytest.fixture
def asked_to_repeat() -> Iterator[None]:
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("asked_to_repeat")
def test_repeatable_kernels_are_insisted_on_until_an_operator_has_none() -> None:
    insisted = []

    def work() -> None:
        insisted.append(not torch.is_deterministic_algorithms_warn_only_enabled())
        if insisted[-1] and len(insisted) > 1:
            raise RuntimeError("attention_backward does not have a deterministic implementation")

    repeatable = RepeatableWork()
    for _ in range(3):
        repeatable(work)

    # The first time all have one; then one has not, and the work is run as it can be, now and from then on.
    assert insisted == [True, True, False, False]
    assert torch.is_deterministic_algorithms_warn_only_enabled()


def test_where_nobody_asked_for_repeatable_kernels_none_are_insisted_on() -> None:
    RepeatableWork()(lambda: None)

    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.usefixtures("asked_to_repeat")
def test_an_error_of_another_kind_is_the_work_s_own() -> None:
    def work() -> None:
        raise RuntimeError("CUDA out of memory.")

    with pytest.raises(RuntimeError, match="out of memory"):
        RepeatableWork()(work)


def test_the_means_of_adamw_are_there_before_the_steps_are_captured(open_learner: Open) -> None:
    learner = open_learner()
    learner.recorder = StandInRecorder()

    learner.gradients()

    moments = learner._update.moments()
    assert set(moments) == set(learner.adapted.weights.flat)
    assert all(float(each["exp_avg_sq"].abs().max()) == 0 and float(each["step"]) == 0 for each in moments.values())
