"""What fits into the memory, and that doing a step with less of it gives the same step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from easyphoto.architectures.base import Activations, Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.components import Components
from easyphoto.backends.graphs import CudaRecorder
from easyphoto.backends.loading import load_components
from easyphoto.errors import InputError, OutOfMemory
from easyphoto.progress import NullProgress
from easyphoto.settings.training import TrainSettings
from easyphoto.training import budget, loop
from easyphoto.training.adapters import add_adapters
from easyphoto.training.arithmetic import precision, prepare_device
from easyphoto.training.budget import MemoryPlan, OffloadedNetworks, first_memory_plan, plan_training
from easyphoto.training.capture import NotCaptured, recorder_for
from easyphoto.training.data import cache_dataset, make_plan, read_entries
from easyphoto.training.events import MemoryPlanned, Warn, from_line, to_line
from easyphoto.training.loop import Learner
from easyphoto.training.noise import Noise
from easyphoto.training.run import TrainRun
from easyphoto.training.update import LossScale

Open = Callable[..., Learner]


@pytest.fixture
def open_learner(tiny_base: Path, tiny_sdxl: Path, dataset: Path) -> Open:
    """A learner of four photos a step, on either tiny family."""

    def opened(family: Family = MINIATURE, dtype: torch.dtype = torch.float32, *, text_learns: bool = True) -> Learner:
        base = tiny_sdxl if family.id == "sdxl" else tiny_base
        components = load_components(replace(family, resolution=64), base, dtype=dtype, device="cpu")
        cached = cache_dataset(components, read_entries(dataset), NullProgress(), flip=False, device="cpu")
        adapted = add_adapters(components, rank=4, alpha=2, seed=0, text_learns=text_learns)
        draw = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, parameter in adapted.parameters().items():
                if "lora_B" in name:
                    parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.05)
        noise = Noise.of(components.scheduler, "cpu")
        plan = make_plan(cached, 6, batch=4, timesteps=noise.timesteps, seed=0)
        settings = TrainSettings(batch=4)
        return Learner(adapted, cached, noise=noise, plan=plan, settings=settings, rates=(1e-3, 5e-4), device="cpu")

    return opened


def gradients(learner: Learner) -> tuple[float, torch.Tensor]:
    """Of the first step: loss and all gradients in a row."""
    learner.gradients()
    found = torch.cat(list(learner.adapted.weights.grads.values()))
    return loss_of(learner), found / learner.scale.factor


def loss_of(learner: Learner) -> float:
    learner.update()
    learner.read()
    return learner.losses[-1]


@pytest.mark.parametrize("family", [MINIATURE, SDXL], ids=["one encoder", "two encoders"])
@pytest.mark.parametrize("at_a_time", [1, 3])
def test_a_batch_in_parts_gives_the_loss_and_gradients_of_one_pass(
    open_learner: Open, family: Family, at_a_time: int
) -> None:
    loss, whole = gradients(open_learner(family))
    learner = open_learner(family)
    learner.stand_on(MemoryPlan(at_a_time, checkpointing=False))

    in_parts, found = gradients(learner)

    assert len(learner.parts()) == -(-4 // at_a_time)
    assert in_parts == pytest.approx(loss, rel=1e-5)
    assert float(whole.norm()) > 1e-3
    assert float((found - whole).norm() / whole.norm()) < 1e-5


@pytest.mark.parametrize("family", [MINIATURE, SDXL], ids=["one encoder", "two encoders"])
def test_checkpointing_gives_the_same_gradients_and_keeps_less(open_learner: Open, family: Family) -> None:
    kept: dict[bool, int] = {}
    found: dict[bool, tuple[float, torch.Tensor]] = {}
    for checkpointing in (False, True):
        learner = open_learner(family)
        learner.stand_on(MemoryPlan(4, checkpointing))
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda each, sizes=sizes: sizes.append(each.nbytes) or each, keep
        ):
            found[checkpointing] = gradients(learner)
        kept[checkpointing] = sum(sizes)

    assert kept[True] < 0.5 * kept[False]
    assert found[True][0] == found[False][0]
    assert float((found[True][1] - found[False][1]).abs().max()) < 1e-7


def keep(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def test_networks_with_dropout_are_not_put_into_training_mode(open_learner: Open) -> None:
    learner = open_learner()
    learner.adapted.text_encoders[0].config.attention_dropout = 0.1

    learner.stand_on(MemoryPlan(4, checkpointing=True))

    assert learner.adapted.unet.training
    assert not learner.adapted.text_encoders[0].training


def components_of(learner: Learner, family: Family) -> Components:
    unet, texts = learner.adapted.unet, learner.adapted.text_encoders
    nothing = torch.nn.Module()
    return Components(unet=unet, vae=nothing, text_encoders=texts, tokenizers=(), scheduler=None, family=family)


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (None, MemoryPlan(4, False)),
        (10_000_000_000, MemoryPlan(4, False)),
        (7_000_000, MemoryPlan(4, True)),
        (4_600_000, MemoryPlan(2, True)),
        (1_800_000, MemoryPlan(1, True)),
    ],
)
def test_the_first_of_the_ladder_that_fits_is_taken(
    open_learner: Open, monkeypatch: pytest.MonkeyPatch, free: int | None, expected: MemoryPlan
) -> None:
    """256 latent cells: 8.2 MB for four pictures, 4.1 MB with checkpointing, 0.3 MB for the adapters; 90 % may go."""
    learner = open_learner()
    family = replace(MINIATURE, activations=Activations(8000, 4000, 0, 0))
    monkeypatch.setattr(budget, "free_memory", lambda device: free)

    footing, plan = plan_training(
        learner.adapted, components_of(learner, family), TrainSettings(), device="cpu", idle=OffloadedNetworks()
    )

    assert footing == expected
    assert f"checkpointing {'on' if expected.checkpointing else 'off'}" in plan.text
    assert from_line(to_line(plan)) == plan


def test_where_nothing_fits_it_is_said_before_the_first_step(
    open_learner: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = open_learner()
    monkeypatch.setattr(budget, "free_memory", lambda device: 1000)

    with pytest.raises(OutOfMemory, match="batch 4 as 4×1, checkpointing on") as caught:
        plan_training(
            learner.adapted, components_of(learner, MINIATURE), TrainSettings(), device="cpu", idle=OffloadedNetworks()
        )
    assert "smaller resolution" in caught.value.advice


def test_what_the_settings_say_is_kept(open_learner: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = TrainSettings(micro_batch=3, checkpointing="on")
    assert first_memory_plan(asked) == MemoryPlan(3, True)
    assert first_memory_plan(TrainSettings(batch=2, micro_batch=8)) == MemoryPlan(2, False)
    assert MemoryPlan(4, False).below(TrainSettings(checkpointing="off")) == MemoryPlan(2, False)
    assert MemoryPlan(1, True).below(TrainSettings()) is None


class Wanderer(torch.nn.Linear):
    """A network of 1 MB on a device that this machine has not; remembers where it was sent."""

    def __init__(self) -> None:
        super().__init__(250_000, 1, bias=False)
        self.sent: list[str] = []

    def to(self, device: str) -> Wanderer:  # type: ignore[override]
        self.sent.append(device)
        return self


def test_what_idles_leaves_the_device_before_anything_is_divided(
    open_learner: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, idle = open_learner(), OffloadedNetworks((Wanderer(),), "cuda")
    family = replace(MINIATURE, activations=Activations(1000, 500, 0, 0))
    monkeypatch.setattr(budget, "free_memory", lambda device: 1_000_000)

    footing, plan = plan_training(
        learner.adapted, components_of(learner, family), TrainSettings(), device="cuda", idle=idle
    )

    assert footing == MemoryPlan(4, False, offload=True)
    assert "batch 4, checkpointing off, idle networks off the device" in plan.text
    assert OffloadedNetworks((Wanderer(),), "cpu").bytes == 0


def test_what_idles_comes_back_for_validation(open_learner: Open) -> None:
    learner, network = open_learner(), Wanderer()
    learner.idle = OffloadedNetworks((network,), "cuda")
    with learner.idle.at_hand():
        assert network.sent == []

    learner.stand_on(MemoryPlan(4, checkpointing=False, offload=True))
    with learner.idle.at_hand():
        assert network.sent == ["cpu", "cuda"]

    assert network.sent == ["cpu", "cuda", "cpu"]


@pytest.mark.parametrize("family", [MINIATURE, SDXL], ids=["one encoder", "two encoders"])
def test_encoders_that_do_not_learn_read_every_caption_once(open_learner: Open, family: Family) -> None:
    learner = open_learner(family, text_learns=False)
    learner.adapted.text_encoders[-1].register_forward_hook(lambda *_: read.append(1))
    read: list[int] = []

    for _ in range(3):
        learner.advance()
    learner.read()

    assert read == [1]
    assert all(loss == loss for loss in learner.losses)


def test_a_step_that_runs_out_of_memory_is_done_again_on_the_same_pictures(
    make_run: Callable[..., TrainRun], train_here: Callable[..., list[Any]], tmp_path: Path, monkeypatch: Any
) -> None:
    run = make_run(validations=1)
    train_here(run, tmp_path / "whole")
    healthy, tried = Learner.loss, []

    def loss(self: Learner, part: slice) -> torch.Tensor:
        tried.append((self.step, part))
        if self.step == 2 and not self.footing.checkpointing:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        if self.step == 4 and self.footing.at_a_time == 2:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes.")
        return healthy(self, part)

    monkeypatch.setattr(loop.Learner, "loss", loss)
    said = train_here(run, tmp_path / "short")

    warned = [event.detail for event in said if isinstance(event, Warn) and event.code == "oom-retry"]
    assert warned == [
        "memory ran out in step 3; from there: batch 2, checkpointing on",
        "memory ran out in step 5; from there: batch 2 as 2×1, checkpointing on",
    ]
    assert [part for step, part in tried if step == 4] == [slice(0, 2), slice(0, 1), slice(1, 2)]
    assert set(warned) <= set(said[-1].notes)
    short, whole = (
        torch.tensor(json.loads((tmp_path / name / "curves.json").read_text())["losses"]) for name in ("short", "whole")
    )
    assert torch.allclose(short, whole, rtol=1e-4)


def test_where_the_ladder_ends_the_error_is_named(
    make_run: Callable[..., TrainRun], train_here: Callable[..., list[Any]], tmp_path: Path, monkeypatch: Any
) -> None:
    def loss(self: Learner, part: slice) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(loop.Learner, "loss", loss)

    with pytest.raises(OutOfMemory, match="Memory ran out"):
        train_here(make_run(), tmp_path)


def test_the_plan_is_said_and_kept(
    make_run: Callable[..., TrainRun], train_here: Callable[..., list[Any]], tmp_path: Path
) -> None:
    said = train_here(make_run(micro_batch=1, checkpointing="on"), tmp_path)

    (plan,) = [event for event in said if isinstance(event, MemoryPlanned)]
    assert "at 128 px, batch 2 as 2×1, checkpointing on: about" in plan.text
    assert (plan.at_a_time, plan.checkpointing, plan.precision) == (1, True, "float32")
    assert said[-1].plan == plan.text
    assert said[-1].used[0]["sha256"]


def test_precision_follows_the_device() -> None:
    assert precision(TrainSettings(), "cpu") == torch.float32
    assert precision(TrainSettings(precision="bf16"), "cpu") == torch.bfloat16
    assert precision(TrainSettings(precision="fp16"), "cuda") == torch.float16
    with pytest.raises(InputError, match="fp16"):
        precision(TrainSettings(precision="fp16"), "cpu")


class Gpu:
    """Facts about a GPU in the place of `torch.cuda`'s own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, capability: tuple[int, int], hip: str | None = None) -> None:
        monkeypatch.setattr(torch.version, "hip", hip)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", self.with_conversion)
        self.computes = capability >= (8, 0) or hip is not None

    def with_conversion(self, including_emulation: bool = True) -> bool:
        return including_emulation or self.computes


@pytest.mark.parametrize(
    ("card", "capability", "taken"),
    [
        ("V100", (7, 0), torch.float32),
        ("RTX 2080", (7, 5), torch.float32),
        ("A100", (8, 0), torch.bfloat16),
        ("RTX 3060", (8, 6), torch.bfloat16),
        ("RTX 5090", (12, 0), torch.bfloat16),
    ],
)
@pytest.mark.parametrize("knows_emulation", [True, False], ids=["torch 2.5", "torch 2.1"])
def test_auto_takes_bf16_where_the_gpu_computes_in_it(
    monkeypatch: pytest.MonkeyPatch,
    card: str,
    capability: tuple[int, int],
    taken: torch.dtype,
    knows_emulation: bool,
) -> None:
    Gpu(monkeypatch, capability=capability)
    if not knows_emulation:
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)

    assert precision(TrainSettings(), "cuda") == taken
    # Who names it gets it, slow as it is.
    assert precision(TrainSettings(precision="bf16"), "cuda") == torch.bfloat16


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("gfx906:sramecc+:xnack-", torch.float32),
        ("gfx1030", torch.float32),
        ("gfx90a:sramecc+:xnack-", torch.bfloat16),
        ("gfx942", torch.bfloat16),
        ("gfx1100", torch.bfloat16),
        ("gfx1201", torch.bfloat16),
    ],
)
def test_torch_says_yes_to_all_of_amds_gpus(monkeypatch: pytest.MonkeyPatch, kind: str, taken: torch.dtype) -> None:
    Gpu(monkeypatch, capability=(9, 0), hip="6.2")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(gcnArchName=kind))

    assert precision(TrainSettings(), "cuda") == taken


@pytest.fixture
def arithmetic() -> Iterator[None]:
    """Leaves torch's settings as they were."""
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True


@pytest.mark.usefixtures("arithmetic")
@pytest.mark.parametrize(
    ("capability", "hip", "matmul"),
    [((7, 5), None, "highest"), ((8, 6), None, "high"), ((9, 0), None, "high"), ((9, 4), "6.2", "highest")],
    ids=["RTX 2080", "RTX 3060", "H100", "AMD"],
)
def test_float32_is_computed_in_tf32_where_a_gpu_has_it_and_by_kernels_that_repeat_themselves(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], hip: str | None, matmul: str
) -> None:
    Gpu(monkeypatch, capability=capability, hip=hip)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    prepare_device()

    assert torch.get_float32_matmul_precision() == matmul
    assert torch.are_deterministic_algorithms_enabled()
    # What cannot be repeated is still better than a run that ends.
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cudnn.benchmark


@pytest.mark.usefixtures("arithmetic")
def test_a_cpu_computes_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    prepare_device()

    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.are_deterministic_algorithms_enabled()


def test_only_nvidia_s_gpus_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorder_for("cpu") is None
    Gpu(monkeypatch, capability=(9, 0))
    assert isinstance(recorder_for("cuda"), CudaRecorder)
    Gpu(monkeypatch, capability=(9, 4), hip="6.2")
    with pytest.raises(NotCaptured, match="AMD"):
        recorder_for("cuda")


def test_a_16_bit_base_learns_in_32_bit_adapters(open_learner: Open) -> None:
    learner = open_learner(SDXL, torch.bfloat16)

    for _ in range(2):
        learner.advance()
    learner.read()

    assert all(loss == loss for loss in learner.losses)
    assert {each.dtype for each in learner.adapted.parameters().values()} == {torch.float32}


def test_the_loss_scale_falls_at_an_overflow_and_leaves_the_step_out(
    open_learner: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = open_learner()
    learner.scale = LossScale(torch.tensor(8.0), torch.tensor(0), is_used=True)
    healthy = Learner.loss

    def overflowing(self: Learner, part: slice) -> torch.Tensor:
        loss = healthy(self, part)
        if self.step == 0:
            loss.register_hook(lambda gradient: gradient * float("inf"))
        return loss

    monkeypatch.setattr(Learner, "loss", overflowing)
    before = torch.cat([each.detach().flatten().clone() for each in learner.adapted.parameters().values()])
    learner.advance()
    after = torch.cat([each.detach().flatten().clone() for each in learner.adapted.parameters().values()])
    learner.advance()

    assert torch.equal(before, after)
    learner.read()
    assert (float(learner.scale.factor), learner.bad_steps) == (4.0, 0)
    assert not torch.equal(torch.cat([e.detach().flatten() for e in learner.adapted.parameters().values()]), after)
    assert learner.state()["scale"].tolist() == [4.0, 1.0]


def test_scaled_gradients_are_those_without_a_scale(open_learner: Open) -> None:
    _, plain = gradients(open_learner())
    learner = open_learner()
    learner.scale = LossScale.of(torch.float16, "cpu")

    _, scaled = gradients(learner)

    assert learner.scale.factor == 65536
    assert float((scaled - plain).norm() / plain.norm()) < 1e-5
