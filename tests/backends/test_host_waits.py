"""How often the processor waits for the device while a picture is painted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from easyphoto.backends.base import Sampler
from easyphoto.backends.controls import ActiveControl
from easyphoto.backends.latents import Preview
from easyphoto.backends.sampling import Denoiser, Repaint, make_schedule, sample
from easyphoto.progress import NullProgress, Progress
from tests.backends.contract import drawn_picture
from tests.backends.test_sampling_laws import config, drawn, generators
from tests.fakes import RecordingProgress
from tests.far_device import FAR, FarDevice, FarTensor, far
from tests.tiny_family import POOLED_WIDTH, make_controlnet, make_unet, make_unet_xl

STEPS = 20


class Network:
    """A UNet on the device that predicts the same in every step."""

    conv_in = torch.nn.Conv2d(4, 4, 1)

    def __init__(self) -> None:
        self.said = far(drawn(2))

    def __call__(self, latents: torch.Tensor, timestep: torch.Tensor, **told: Any) -> tuple[torch.Tensor]:
        assert timestep.device == FAR
        return (self.said,)


def waits_of(sampler: Sampler, progress: Progress) -> tuple[Counter[str], Counter[str]]:
    """Before the first step, and in `STEPS` steps with a mask and previews."""
    mask = torch.zeros(2, 1, 4, 6)
    mask[..., 3:] = 1
    with FarDevice() as device:
        schedule = make_schedule(config(), sampler, steps=STEPS, strength=1.0, device=FAR)
        before = Counter(device.waits)
        old = far(drawn(3))
        sample(
            Denoiser(Network(), far(torch.zeros(2, 3, 5)), 1.0, ()), schedule, progress, latents=far(drawn(1)),
            noise=far(drawn(2)), generators=generators(), repaint=Repaint(old, far(mask)),
            preview=Preview(old, drawn_picture()),
        )  # fmt: skip
        return before, device.waits - before


@pytest.mark.parametrize(
    ("sampler", "uploads"),
    [
        (Sampler.DPMPP_2M_KARRAS, 0),
        # All the noise of its steps at once.
        (Sampler.DPMPP_2M_SDE_KARRAS, 1),
        (Sampler.DDIM, 0),
        (Sampler.DDIM_TRAILING, 0),
        (Sampler.EULER_TRAILING, 0),
        # diffusers draws their noise itself, step by step; LCM's last step has none.
        (Sampler.EULER_A, STEPS),
        (Sampler.LCM, STEPS - 1),
    ],
)
def test_no_step_waits_for_the_device_but_for_noise_that_diffusers_draws(sampler: Sampler, uploads: int) -> None:
    before, meanwhile = waits_of(sampler, NullProgress())

    assert before == {"upload": 1}
    assert meanwhile == ({"upload": uploads} if uploads else {})


def test_a_preview_is_read_back_only_where_it_is_shown() -> None:
    progress = RecordingProgress()

    _, meanwhile = waits_of(Sampler.DPMPP_2M_KARRAS, progress)

    # Four previews, and once the latents that the colours are fitted to.
    assert len(progress.previews) == STEPS // 5
    assert meanwhile == {"download": 5}


class FarNetwork:
    """A network whose weights lie on the device."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network
        self._weights = {name: far(each.detach()) for name, each in network.state_dict().items()}
        self.conv_in = network.conv_in

    def __call__(self, *inputs: Any, **more: Any) -> Any:
        return torch.func.functional_call(self._network, self._weights, inputs, more)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_a_call_of_unet_and_controlnets_neither_reads_nor_uploads_so_that_it_can_be_recorded(family: str) -> None:
    """Also with masks, as InstantID's ControlNet has them."""
    torch.manual_seed(0)
    unet = (make_unet if family == "sd15" else make_unet_xl)().eval()
    control = make_controlnet(unet).eval()
    control.controlnet_cond_embedding = torch.nn.Identity()
    width = unet.config.cross_attention_dim
    words, latents, seen = torch.randn(2, 7, width), torch.randn(1, 4, 8, 8), torch.randn(1, 32, 8, 8)
    pooled = {"text_embeds": torch.randn(2, POOLED_WIDTH), "time_ids": torch.ones(2, 6)}
    added = pooled if family == "sdxl" else None

    def said(put: Any, one: Any, other: Any) -> torch.Tensor:
        masks = put(torch.ones(1, 64, 64))
        controls = (
            ActiveControl("canny", other, put(seen), 0.5, 0, 1),
            ActiveControl("face", other, put(seen), 0.7, 0, 1, words=put(words), masks=masks),
        )
        told = added and {name: put(each) for name, each in added.items()}
        return Denoiser(one, put(words), 3.0, controls, told)(put(latents), put(torch.tensor(500)), 0.5)

    with torch.no_grad():
        expected = said(lambda tensor: tensor, unet, control)
        with FarDevice() as device:
            made = said(far, FarNetwork(unet), FarNetwork(control))

    assert device.waits == {}
    assert isinstance(made, FarTensor)
    assert torch.allclose(made.near, expected, atol=1e-5)
