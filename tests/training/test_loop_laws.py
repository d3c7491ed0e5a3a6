"""The course of the learning rate, of float16's loss scale, and what ends a run."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.loading import load_components
from easyphoto.errors import Diverged, InputError
from easyphoto.progress import NullProgress
from easyphoto.settings.training import TrainSettings
from easyphoto.training.adapters import add_adapters
from easyphoto.training.budget import MemoryPlan, OffloadedNetworks
from easyphoto.training.checkpoint import resume, save_resume
from easyphoto.training.data import cache_dataset, make_plan, read_entries
from easyphoto.training.loop import Learner
from easyphoto.training.lora import safetensors_bytes
from easyphoto.training.noise import Noise
from easyphoto.training.run import RunFolder
from easyphoto.training.update import LossScale, rate


@pytest.mark.parametrize(
    ("step", "steps", "share"),
    [
        (0, 200, 1 / 20),
        (9, 200, 10 / 20),
        (19, 200, 1.0),
        (20, 200, 1.0),
        (65, 200, 0.1 + 0.9 * (2 + math.sqrt(2)) / 4),
        (110, 200, 0.55),
        (155, 200, 0.1 + 0.9 * (2 - math.sqrt(2)) / 4),
        (200, 200, 0.1),
        (19, 2000, 1.0),
        (20, 2000, 1.0),
        (1010, 2000, 0.55),
        (0, 50, 1 / 5),
        (4, 50, 1.0),
        (0, 19, 1.0),
        (0, 1, 1.0),
        (1, 3, 1.0),
        (2, 3, 0.55),
    ],
)
def test_the_rate_rises_over_a_tenth_or_20_steps_and_falls_as_a_cosine_to_a_tenth(
    step: int, steps: int, share: float
) -> None:
    assert rate(step, steps) == pytest.approx(share)


GOOD, BAD, FINITE = torch.tensor(False), torch.tensor(True), torch.tensor(0.5)


def scale_of(factor: float, good_steps: int = 0) -> LossScale:
    return LossScale(torch.tensor(factor), torch.tensor(good_steps), is_used=True)


def test_a_loss_scale_is_for_float16_alone() -> None:
    scales = [LossScale.of(dtype, "cpu") for dtype in (torch.float32, torch.bfloat16, torch.float16)]

    assert [float(scale.factor) for scale in scales] == [1.0, 1.0, 65536.0]
    assert [scale.is_used for scale in scales] == [False, False, True]


def test_a_loss_scale_doubles_after_2000_good_steps_and_counts_anew_at_an_overflow() -> None:
    scale = LossScale.of(torch.float16, "cpu")
    for _ in range(1999):
        scale.judge(FINITE, GOOD)
    before = float(scale.factor)
    scale.judge(FINITE, GOOD)

    assert (before, float(scale.factor)) == (65536, 131072)
    assert not scale.judge(FINITE, BAD)
    assert scale.state().tolist() == [65536, 0]
    for _ in range(1999):
        scale.judge(FINITE, GOOD)
    assert scale.state().tolist() == [65536, 1999]


def test_a_loss_scale_is_lowered_down_to_one() -> None:
    scale = scale_of(4.0)

    assert [bool(scale.judge(FINITE, BAD)) for _ in range(3)] == [False, False, True]
    assert scale.factor == 1


def test_a_bad_step_that_is_no_overflow_does_not_count_as_a_good_one() -> None:
    scale = scale_of(1.0, good_steps=1999)

    assert scale.judge(FINITE, BAD)
    assert scale.state().tolist() == [1, 1999]


def test_without_float16_nothing_is_scaled() -> None:
    scale = LossScale.of(torch.float32, "cpu")
    for _ in range(2000):
        scale.judge(FINITE, GOOD)

    assert scale.factor == 1
    assert scale.judge(FINITE, BAD)
    assert scale.factor == 1


def opened(
    tiny_base: Path, dataset: Path, *, steps: int = 30, text_learns: bool = True, dtype: torch.dtype = torch.float32
) -> Learner:
    components = load_components(replace(MINIATURE, resolution=64), tiny_base, dtype=dtype, device="cpu")
    cached = cache_dataset(components, read_entries(dataset), NullProgress(), flip=False, device="cpu")
    adapted = add_adapters(components, rank=4, alpha=2, seed=0, text_learns=text_learns)
    noise = Noise.of(components.scheduler, "cpu")
    plan = make_plan(cached, steps, batch=2, timesteps=noise.timesteps, seed=0)
    settings = TrainSettings(batch=2)
    return Learner(adapted, cached, noise=noise, plan=plan, settings=settings, rates=(2e-3, 5e-4), device="cpu")


@pytest.fixture
def learner(tiny_base: Path, dataset: Path) -> Learner:
    torch.set_num_threads(1)
    return opened(tiny_base, dataset)


def adapters_of(learner: Learner) -> torch.Tensor:
    return torch.cat([each.detach().flatten().clone() for each in learner.adapted.parameters().values()])


def test_the_rate_that_is_told_is_the_unet_s_at_the_present_step(learner: Learner) -> None:
    told = []
    for _ in range(3):
        told.append(learner.learning_rate)
        learner.advance()
    learner.step = learner.steps

    assert told == pytest.approx([2e-3 / 3, 4e-3 / 3, 2e-3])
    assert learner.learning_rate == pytest.approx(2e-3 * rate(29, 30))


def test_a_run_is_over_after_its_last_step(tiny_base: Path, dataset: Path) -> None:
    learner = opened(tiny_base, dataset, steps=2)

    over = [learner.is_done]
    for _ in range(2):
        learner.advance()
        over.append(learner.is_done)

    assert over == [False, False, True]
    learner.read()
    assert len(learner.losses) == learner.step == 2


def with_loss(learner: Learner, monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """From now on the loss is so many times what it is."""
    healthy = Learner.loss
    monkeypatch.setattr(Learner, "loss", lambda self, part: healthy(self, part) * factor)


def with_gradients(learner: Learner, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """From now on one of the gradients is this value, whatever the loss is."""
    compute = Learner._compute

    def spoilt(self: Learner) -> None:
        compute(self)
        self.adapted.weights.grads["unet"][0] = value

    monkeypatch.setattr(Learner, "_compute", spoilt)


def test_a_loss_that_is_no_number_leaves_everything_and_the_25th_ends_the_run(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner.advance()
    before = {name: tensor.clone() for name, tensor in learner.state().items() if name.startswith(("value", "exp"))}
    with_loss(learner, monkeypatch, math.nan)
    for _ in range(24):
        learner.advance()
    learner.read()

    assert (learner.bad_steps, learner.step) == (24, 25)
    assert learner.skipped == list(range(2, 26))
    assert all(torch.equal(learner.state()[name], tensor) for name, tensor in before.items())
    learner.stop_if_diverged()
    with_loss(learner, monkeypatch, math.inf)
    learner.advance()
    learner.read()
    with pytest.raises(Diverged, match="not a number in 25 steps"):
        learner.stop_if_diverged()


@pytest.mark.parametrize("is_fused", [True, False], ids=["fused", "torch without a fused kernel for the CPU"])
def test_gradients_that_are_no_numbers_leave_everything_too(
    tiny_base: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch, *, is_fused: bool
) -> None:
    if not is_fused:
        without_fused_kernel(monkeypatch)
    learner = opened(tiny_base, dataset)
    learner.advance()
    before = adapters_of(learner)
    with_gradients(learner, monkeypatch, math.nan)
    learner.advance()
    learner.read()

    assert torch.equal(adapters_of(learner), before)
    assert (learner.bad_steps, learner.skipped) == (1, [2])
    assert math.isfinite(learner.losses[1])
    monkeypatch.undo()
    learner.advance()
    assert not torch.equal(adapters_of(learner), before)


def without_fused_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    adamw = torch.optim.AdamW

    def older(parameters: object, *, fused: bool = False, foreach: bool = False) -> torch.optim.Optimizer:
        if fused:
            raise RuntimeError("`fused=True` requires all the params to be CUDA, floating point Tensor")
        return adamw(parameters, foreach=foreach)

    monkeypatch.setattr(torch.optim, "AdamW", older)


def test_both_kernels_of_adamw_make_the_same_steps_and_go_on_from_each_other(
    tiny_base: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened(tiny_base, dataset)
    for _ in range(2):
        one.advance()
    kept = {name: tensor.clone() for name, tensor in one.state().items()}
    without_fused_kernel(monkeypatch)
    other, again = opened(tiny_base, dataset), opened(tiny_base, dataset)
    for _ in range(2):
        other.advance()
    again.restore(kept)
    for learner in (one, other, again):
        learner.advance()

    before = adapters_of(opened(tiny_base, dataset))
    moved = float((adapters_of(one) - before).norm())
    assert float((adapters_of(other) - adapters_of(one)).norm()) < 1e-4 * moved
    assert float((adapters_of(again) - adapters_of(one)).norm()) < 1e-4 * moved


def test_an_overflow_lowers_the_scale_and_is_no_bad_step(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    learner.scale = scale_of(8.0)
    before = adapters_of(learner)
    with_gradients(learner, monkeypatch, math.inf)
    learner.advance()
    learner.read()

    assert torch.equal(adapters_of(learner), before)
    assert (float(learner.scale.factor), learner.bad_steps, learner.step) == (4.0, 0, 1)


def test_a_loss_that_is_no_number_is_no_overflow(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    learner.scale = scale_of(8.0)
    with_loss(learner, monkeypatch, math.nan)
    learner.advance()
    learner.read()

    assert (float(learner.scale.factor), learner.bad_steps) == (8.0, 1)


def test_a_batch_goes_through_as_one_and_nothing_is_computed_twice_until_it_is_said(learner: Learner) -> None:
    assert learner.footing == MemoryPlan(2, checkpointing=False)
    assert learner.parts() == (slice(0, 2),)


def test_a_16_bit_base_computes_in_its_own_type(tiny_base: Path, dataset: Path) -> None:
    """float16, which is not what a CPU computes in where it is not told."""
    learner, seen = opened(tiny_base, dataset, dtype=torch.float16), set[torch.dtype]()
    middle = learner.adapted.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_out[0]
    middle.register_forward_hook(lambda module, given, said: seen.add(said.dtype))

    learner.gradients()

    assert seen == {torch.float16}


def test_a_step_leaves_no_gradient_for_the_next(learner: Learner) -> None:
    grads = learner.adapted.weights.grads
    learner.gradients()
    once = {name: each.clone() for name, each in grads.items()}
    learner.gradients()

    assert float(once["unet"].norm()) > 0
    assert all(torch.equal(grads[name], each) for name, each in once.items())
    used = [each for _, factors in learner.adapted.weights.factors() for each in factors.leaves]
    assert all(each.grad is None for each in used)


def test_what_is_kept_is_enough_to_go_on_bit_for_bit(tiny_base: Path, dataset: Path) -> None:
    one, other = opened(tiny_base, dataset), opened(tiny_base, dataset)
    for _ in range(3):
        one.advance()
    one.scale, one.bad_steps = scale_of(32.0, good_steps=11), 2
    kept = {name: tensor.clone() for name, tensor in one.state().items()}

    other.scale = scale_of(1.0)
    other.restore(kept)

    assert (other.step, other.bad_steps, other.losses) == (3, 2, one.losses)
    assert other.scale.state().tolist() == [32.0, 11]
    for _ in range(2):
        one.advance()
        other.advance()
    assert torch.equal(adapters_of(one), adapters_of(other))
    assert one.state()["losses"].tolist() == other.state()["losses"].tolist()


def test_a_run_kept_before_there_was_a_scale_goes_on_with_the_usual_one(tiny_base: Path, dataset: Path) -> None:
    one, other = opened(tiny_base, dataset), opened(tiny_base, dataset)
    one.advance()
    kept = {name: tensor for name, tensor in one.state().items() if name != "scale"}

    other.restore(kept)

    assert (other.step, float(other.scale.factor)) == (1, 1.0)


def test_layers_that_had_not_learned_yet_start_without_moments(tiny_base: Path, dataset: Path) -> None:
    """Runs that were kept when each layer had its own tensors lack those of layers without gradients."""
    one, other = opened(tiny_base, dataset), opened(tiny_base, dataset)
    one.advance()
    kept = {name: tensor.clone() for name, tensor in one.state().items()}
    (first, second, *_) = one.adapted.parameters()
    for key in ("exp_avg", "exp_avg_sq", "step"):
        del kept[f"{key}.{first}"]

    other.restore(kept)

    state = other.state()
    assert not state[f"exp_avg.{first}"].any()
    assert torch.equal(state[f"exp_avg.{second}"], kept[f"exp_avg.{second}"])
    assert {float(state[f"step.{name}"]) for name in (first, second)} == {1.0}


class Leaving:
    """An idle network that says when it is sent away."""

    def __init__(self, course: list[str]) -> None:
        self.course = course

    def to(self, device: str) -> None:
        self.course.append(f"to {device}")


@pytest.mark.parametrize(
    ("text_learns", "course"), [(False, ["encoded", "to cpu"]), (True, ["to cpu", "encoded", "encoded"])]
)
def test_words_that_do_not_learn_are_encoded_once_before_their_encoder_leaves(
    tiny_base: Path, dataset: Path, course: list[str], *, text_learns: bool
) -> None:
    learner, seen = opened(tiny_base, dataset, text_learns=text_learns), list[str]()
    learner.adapted.text_encoders[0].register_forward_hook(lambda *_: seen.append("encoded"))
    learner.idle = OffloadedNetworks((Leaving(seen),), "cpu")

    learner.stand_on(MemoryPlan(2, checkpointing=False, offload=True))
    learner.advance()
    learner.advance()

    assert seen == course


def test_nothing_is_sent_away_where_the_memory_suffices(learner: Learner) -> None:
    seen = list[str]()
    learner.idle = OffloadedNetworks((Leaving(seen),), "cpu")

    learner.stand_on(MemoryPlan(2, checkpointing=False, offload=False))

    assert seen == []


def test_a_network_s_dropout_goes_on_where_it_was(learner: Learner) -> None:
    """The global generator is kept for base models that draw from it."""
    torch.manual_seed(3)
    kept = learner.state()
    expected = torch.rand(4)
    torch.manual_seed(9)

    learner.restore(kept)

    assert torch.equal(torch.rand(4), expected)


def test_a_prediction_of_unknown_kind_is_refused() -> None:
    noise = Noise(torch.tensor([0.5]), "flow")

    with pytest.raises(ValueError, match="'flow'"):
        noise.target(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), torch.tensor([0]))


def test_a_run_that_began_with_pefts_layers_goes_on(tiny_base: Path, dataset: Path) -> None:
    """Its resume file has the values and AdamW's state under the names of PEFT's parameters."""
    name = "down_blocks.1.attentions.0.proj_in"
    old = opened(tiny_base, dataset)
    for _ in range(2):
        old.advance()
    state = {key: value.clone() for key, value in old.state().items()}

    new = opened(tiny_base, dataset)
    new.restore(state)

    assert {f"{key}.unet.{name}.lora_A.default.weight" for key in ("value", "step", "exp_avg", "exp_avg_sq")} <= set(
        state
    )
    assert tuple(state[f"exp_avg.unet.{name}.lora_B.default.weight"].shape) == (64, 4, 1, 1)
    assert old.advance() == new.advance()
    assert torch.equal(adapters_of(old), adapters_of(new))


@pytest.mark.parametrize("content", ["empty", "cut", "one tensor less"])
def test_a_damaged_resume_file_says_how_the_run_starts_over(learner: Learner, tmp_path: Path, content: str) -> None:
    folder = RunFolder(tmp_path)
    whole = save_resume(folder, learner, "as it was").read_bytes()
    state = learner.state()
    del state[next(name for name in state if name.startswith("value."))]
    damaged = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "one tensor less": safetensors_bytes(state, {"fingerprint": "as it was"}),
    }
    folder.resume.write_bytes(damaged[content])

    with pytest.raises(InputError, match=r"resume\.safetensors cannot be read") as refused:
        resume(folder, learner, "as it was")

    assert "Delete the run's checkpoints folder" in refused.value.advice
