"""Conditions in the local backend: which requests share a pass, and which condition acts in which step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.base import Fill, GenerateRequest, InpaintRequest, Sampler
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.controls import ActiveControl, ControlNets
from easyphoto.backends.latents import decoded
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import LocalBackend
from easyphoto.backends.local_conditions import Column, conditions_applied
from easyphoto.backends.lora_apply import loras_applied
from easyphoto.backends.networks import Networks
from easyphoto.backends.prompts import encode_prompts
from easyphoto.backends.requests import alike
from easyphoto.backends.sampling import make_schedule
from easyphoto.geometry import Size
from easyphoto.model_cache import no_models
from easyphoto.progress import NullProgress
from tests.backends.contract import HEIGHT, WIDTH, Smell, canny, drawn_picture, inpaint_request, middle_mask, pixels

STEPS, SEED, CFG = 4, 5, 3.0
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def components(tiny_base: Path) -> Components:
    return load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")


@pytest.fixture
def local(components: Components) -> LocalBackend:
    return LocalBackend(components)


def weights(components: Components) -> Any:
    return torch.cat([each.detach().flatten() for network in components.networks for each in network.parameters()])


@torch.no_grad()
def reference(components: Components, spans: Sequence[tuple[LoraCondition, Sequence[bool]]]) -> np.ndarray:
    """A plain loop: before each step the LoRAs that act in it are laid on, then words are encoded and noise taken."""
    schedule = make_schedule(components.scheduler.config, Sampler.DDIM, steps=STEPS, strength=1.0, device=CPU)
    shape = (1, components.unet.config.in_channels, HEIGHT // 8, WIDTH // 8)
    latents = schedule.loudest * torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    for step, timestep in enumerate(schedule.scheduler.timesteps):
        acting = [lora for lora, on in spans if on[step]]
        with loras_applied(components, acting) if acting else nullcontext():
            words = encode_prompts(components, ["blurry", "a face"]).states
            guess = components.unet(torch.cat([latents, latents]), timestep, encoder_hidden_states=words).sample
        without, with_words = guess.chunk(2)
        latents = schedule.scheduler.step(without + CFG * (with_words - without), timestep, latents).prev_sample
    return decoded(components.vae, latents)[0]


def generated(local: LocalBackend, *conditions: LoraCondition) -> np.ndarray:
    request = GenerateRequest(
        Size(WIDTH, HEIGHT), prompt="a face", negative="blurry", conditions=conditions, seed=SEED, steps=STEPS, cfg=CFG,
        sampler=Sampler.DDIM,
    )  # fmt: skip
    return pixels(local.generate(request, NullProgress()).image)


@pytest.mark.parametrize(
    ("start", "end", "on"),
    [
        (0.0, 1.0, (True, True, True, True)),
        (0.25, 0.75, (False, True, True, False)),
        (0.0, 0.5, (True, True, False, False)),
        (0.5, 1.0, (False, False, True, True)),
        (0.3, 0.6, (False, True, False, False)),
    ],
)
def test_a_lora_acts_in_the_steps_of_its_span_and_in_no_other(
    local: LocalBackend, components: Components, tiny_lora: Path, start: float, end: float, *, on: tuple[bool, ...]
) -> None:
    lora = LoraCondition(tiny_lora, 0.9, start, end)

    ours = generated(local, lora)

    assert (ours == reference(components, [(lora, on)])).all()
    # The other way round is another picture, so the steps do count.
    assert (ours != reference(components, [(lora, tuple(not each for each in on))])).any()


def test_two_loras_come_and_go_by_themselves(local: LocalBackend, components: Components, tiny_lora: Path) -> None:
    first, second = LoraCondition(tiny_lora, 0.9, 0.0, 0.5), LoraCondition(tiny_lora, -0.7, 0.25, 1.0)
    before = weights(components)

    ours = generated(local, first, second)

    plain = reference(components, [(first, (True, True, False, False)), (second, (False, True, True, True))])
    assert (ours == plain).all()
    assert torch.equal(weights(components), before)


def test_a_lora_between_two_steps_is_noted_and_not_listed(local: LocalBackend, tiny_lora: Path) -> None:
    request = inpaint_request(steps=2, denoise=1.0, conditions=(LoraCondition(tiny_lora, end=0.1),))

    result = local.inpaint(request, NullProgress())

    assert result.applied_conditions == ()
    assert result.notes == (
        f"The lora {tiny_lora.name} begins and ends between two of the 2 steps, so it has no effect.",
    )
    assert (pixels(result.image) == pixels(local.inpaint(replace(request, conditions=()), NullProgress()).image)).all()


def test_words_are_encoded_once_for_each_set_of_loras_that_acts(
    local: LocalBackend, components: Components, tiny_lora: Path
) -> None:
    asked: list[int] = []
    hook = components.text_encoders[0].register_forward_hook(lambda *_: asked.append(1))

    generated(local, LoraCondition(tiny_lora, 0.9, 0.25, 0.75))
    hook.remove()

    assert len(asked) == 2


def test_a_failing_step_takes_the_lora_off(local: LocalBackend, components: Components, tiny_lora: Path) -> None:
    before = weights(components)

    def fail(*_: object) -> None:
        raise ValueError("no more")

    hook = components.unet.register_forward_hook(fail)
    with pytest.raises(ValueError, match="no more"):
        generated(local, LoraCondition(tiny_lora, 0.9))
    hook.remove()

    assert torch.equal(weights(components), before)


# What may differ between two pictures of one pass, and what may not. `checkpoint` names what is open in any case.
OF_A_PICTURE: dict[str, object] = {
    "image": drawn_picture(9), "mask": 1 - middle_mask(), "prompt": "a dog", "negative": "dull", "seed": 8,
}  # fmt: skip
OF_ALL: dict[str, object] = {
    "controls": (canny(0.5),), "conditions": (LoraCondition(Path("a.safetensors")),), "steps": 5, "cfg": 4.0,
    "sampler": Sampler.EULER_A, "denoise": 0.7, "fill": Fill.NOISE,
}  # fmt: skip


def test_every_field_of_a_request_has_its_place_in_the_law() -> None:
    assert {each.name for each in fields(InpaintRequest)} == {*OF_A_PICTURE, *OF_ALL, "checkpoint"}


@pytest.mark.parametrize("name", list(OF_A_PICTURE))
def test_pictures_that_differ_in_this_share_a_pass(name: str) -> None:
    requests = inpaint_request(), inpaint_request(**{name: OF_A_PICTURE[name]})

    assert alike(requests) == [[0, 1]]


@pytest.mark.parametrize("name", list(OF_ALL))
def test_pictures_that_differ_in_this_do_not(name: str) -> None:
    requests = inpaint_request(), inpaint_request(**{name: OF_ALL[name]}), inpaint_request(seed=9)

    assert alike(requests) == [[0, 2], [1]]


def test_pictures_of_two_sizes_do_not_share_a_pass() -> None:
    wide = inpaint_request(image=drawn_picture().resize((64, 32)), mask=np.ones((32, 64), np.float32))

    assert alike((inpaint_request(), wide)) == [[0], [1]]


@pytest.mark.parametrize(
    "change",
    [{"path": Path("b.safetensors")}, {"weight": 0.9}, {"start": 0.1}, {"end": 0.9}],
    ids=["file", "weight", "start", "end"],
)
def test_nothing_of_a_lora_may_differ_within_a_pass(change: dict[str, Any]) -> None:
    lora = LoraCondition(Path("a.safetensors"))
    requests = inpaint_request(conditions=(lora,)), inpaint_request(conditions=(replace(lora, **change),))

    assert alike(requests) == [[0], [1]]


@dataclass
class Recorder:
    """What would be a kind's own part of the networks."""

    controls: Sequence[ActiveControl] = ()
    columns: list[Column] = field(default_factory=list)
    switched: list[list[int]] = field(default_factory=list)
    is_left: bool = False

    @contextmanager
    def apply(self, networks: Networks, columns: Sequence[Column]) -> Iterator[Recorder]:
        self.columns = list(columns)
        yield self
        self.is_left = True

    def switch(self, on: Collection[int]) -> None:
        self.switched.append(sorted(on))


def test_a_kind_whose_values_differ_by_picture_gets_those_of_each(components: Components) -> None:
    """As tokens of two people's faces will: they share a pass, and each picture has its own."""
    networks = Networks(components, ControlNets(MINIATURE, None, dtype=torch.float32, device=CPU), no_models())
    anna, bert = Smell(name="anna"), Smell(name="bert")
    late = Smell(name="late", start=0.5)
    recorder = Recorder()

    assert alike([inpaint_request(conditions=(each,)) for each in (anna, bert)]) == [[0, 1]]
    batch = [(anna, late), (bert, late)]
    with conditions_applied(networks, batch, appliers={"smell": recorder.apply}) as active:
        for progress in (0.25, 0.75):
            active.switch(active.on_at(progress))

    assert recorder.columns == [(anna, bert), (late, late)]
    assert recorder.switched == [[0], [0, 1]]
    assert recorder.is_left
