"""How fast the passes go: the family's own pace, or that of a LoRA made for few steps."""

from pathlib import Path

import pytest
from PIL import Image

from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.base import Capabilities, Sampler
from easyphoto.backends.conditions import LoraCondition
from easyphoto.inference.passes import Guides, controls_for, sampler_preset
from easyphoto.messages import text
from easyphoto.settings.inference import InferenceSettings

LORA = Path("lcm.safetensors")


def able(*samplers: Sampler) -> Capabilities:
    return Capabilities(("sd15",), (), samplers or tuple(Sampler), (), (), "fake", None)


def test_without_a_few_step_lora_the_family_decides():
    pace, notes = sampler_preset(InferenceSettings(), SD15, able())

    assert (pace.sampler, pace.cfg, pace.conditions, notes) == (Sampler.DPMPP_2M_SDE_KARRAS, 7.0, (), ())
    assert pace.steps(50, 0.45) == 50


def test_a_few_step_lora_brings_its_sampler_its_guidance_and_itself():
    pace, notes = sampler_preset(InferenceSettings(), SD15, able(), (SD15.few_steps["lcm"], LORA))

    assert (pace.sampler, pace.cfg) == (Sampler.LCM, 1.5)
    assert pace.conditions == (LoraCondition(LORA, 1.0),)
    assert notes == ()


@pytest.mark.parametrize(("denoise", "asked"), [(1.0, 8), (0.45, 18), (0.3, 27)])
def test_eight_steps_are_made_whatever_share_is_repainted(denoise: float, asked: int):
    pace, _ = sampler_preset(InferenceSettings(), SDXL, able(), (SDXL.few_steps["lightning"], LORA))

    assert pace.steps(40, denoise) == asked


def test_what_was_typed_goes_before_what_the_lora_wants():
    pace, _ = sampler_preset(InferenceSettings(cfg=2.0), SD15, able(), (SD15.few_steps["lcm"], LORA))

    assert pace.cfg == 2.0


def test_a_sampler_that_the_backend_lacks_is_said():
    pace, notes = sampler_preset(InferenceSettings(), SD15, able(Sampler.EULER_A), (SD15.few_steps["lcm"], LORA))

    assert pace.sampler is Sampler.EULER_A
    assert notes == ("The sampler LCM is not available here; Euler a is used.",)


def test_edges_and_pose_without_a_model_are_said_as_colours_are():
    refused = {kind: text("its model is missing: easyphoto weights get {id}", id=id) for kind, id in (
        ("canny", "control_v11p_sd15_canny"), ("openpose", "control_v11p_sd15_openpose"),
    )}  # fmt: skip
    able = Capabilities(("sd15",), (), tuple(Sampler), (), (), "fake", None, refused=refused)

    controls, notes = controls_for((("canny", 0.5), ("openpose", 0.5)), Guides(Image.new("RGB", (64, 64))), able)

    assert controls == ()
    assert notes == (
        "Control canny: left out, its model is missing: easyphoto weights get control_v11p_sd15_canny.",
        "Control openpose: left out, its model is missing: easyphoto weights get control_v11p_sd15_openpose.",
    )


def test_a_control_that_its_licence_forbids_is_named_with_the_licence_and_replaced():
    refused = {"color": "its model's licence (not stated) is not allowed by the licence setting commercial-safe"}
    picture = Image.new("RGB", (64, 64), "tan")

    able = Capabilities(("sd15",), ("tile",), tuple(Sampler), (), (), "fake", None, refused=refused)

    controls, notes = controls_for((("color", 0.85),), Guides(picture), able)

    assert [(control.kind, control.weight, control.end) for control in controls] == [("tile", 0.85, 0.5)]
    assert notes == (
        "Control color: its model's licence (not stated) is not allowed by the licence setting commercial-safe; "
        "tile is used instead for the first half of the steps.",
    )
