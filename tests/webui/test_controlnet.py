"""Units in the form of each web UI; one that was not applied is an error that says why."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.backends.base import Control
from easyphoto.errors import BackendError, InputError, MissingCapability
from easyphoto.progress import NullProgress
from easyphoto.webui import checkpoints, controlnet
from easyphoto.webui.backend import WebuiBackend
from tests.backends.contract import canny, drawn_picture, inpaint_request
from tests.fakes import RecordingProgress
from tests.webui.conftest import MakeHost
from tests.webui.fake_host import FLAVOURS, FakeHost


def opened() -> WebuiBackend:
    return WebuiBackend(checkpoints.require("plain"), SD15)


def tile(weight: float = 0.7) -> Control:
    return Control("tile", drawn_picture(), weight, start=0.1, end=0.6)


def units_of(fake: FakeHost) -> tuple[object, ...]:
    script = controlnet.script_in(fake.img2img)
    return fake.requests[-1].script_args[script.args_from : script.args_to]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_unit_says_everything_itself(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)

    opened().inpaint(inpaint_request(controls=(tile(),)), NullProgress())

    unit, *rest = units_of(fake)
    assert unit.enabled is True
    assert unit.module == ("None" if flavour in ("forge", "reforge") else "none")
    assert unit.model == "control_v11f1e_sd15_tile" + ("" if flavour == "reforge" else " [a371b31b]")
    assert (unit.weight, unit.guidance_start, unit.guidance_end) == (0.7, 0.1, 0.6)
    assert (unit.resize_mode, unit.control_mode) == ("Just Resize", "Balanced")
    assert [other.enabled for other in rest] == [False, False]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_picture_is_wrapped_as_the_host_wants_it(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)

    opened().inpaint(inpaint_request(controls=(tile(),)), NullProgress())

    image = units_of(fake)[0].image
    if flavour == "reforge":
        assert set(image) == {"image", "mask"}
        assert not image["mask"].any()
        image = image["image"]
    assert (image == np.asarray(drawn_picture())).all()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_model_that_cannot_be_loaded_is_an_error_with_the_hosts_words(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)
    fake.models.broken |= {name for name in fake.models.listed if "tile" in name}

    with pytest.raises(BackendError, match=r"tile.*was not applied: Recognizing Control Model failed"):
        opened().inpaint(inpaint_request(controls=(tile(),)), NullProgress())

    assert "ControlNet 0" in fake.requests[-1].extra_generation_params


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_is_noticed_at_the_first_step_and_not_after_the_last(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)
    fake.models.broken |= set(fake.models.listed)
    progress = RecordingProgress()

    with pytest.raises(BackendError):
        opened().inpaint(inpaint_request(steps=20, controls=(canny(),)), progress)

    assert progress.steps == []
    assert fake.steps_made == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_units_that_the_extension_does_not_see_are_an_error(
    host: MakeHost, flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host(flavour)
    monkeypatch.setattr(controlnet, "_COMMON", {**controlnet._COMMON, "enabled": False})

    with pytest.raises(BackendError, match=r"canny.*was not applied; the web UI does not say why"):
        opened().inpaint(inpaint_request(controls=(canny(),)), NullProgress())


def test_a_preprocessor_that_fails_is_an_error(host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host()
    monkeypatch.setattr(controlnet, "NONE", "canny")

    with pytest.raises(BackendError, match="preprocessor's file could not be fetched"):
        opened().inpaint(inpaint_request(controls=(canny(),)), NullProgress())


def test_a_class_that_raises_says_so_before_the_host_is_asked(host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = host("a1111")
    monkeypatch.setattr(controlnet, "_COMMON", {**controlnet._COMMON, "resize_mode": 1})

    with pytest.raises(BackendError, match="no mode"):
        opened().inpaint(inpaint_request(controls=(canny(),)), NullProgress())

    assert fake.requests == []
    assert not fake.lock.is_held


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_without_the_extension_every_kind_has_a_reason(host: MakeHost, flavour: str) -> None:
    host(flavour, controlnet=False)
    backend = opened()

    capabilities = backend.capabilities()
    assert capabilities.controls == ()
    assert set(capabilities.refused) == set(SD15.controls)
    assert "sd-webui-controlnet" in capabilities.refused["canny"]
    with pytest.raises(MissingCapability, match="sd-webui-controlnet"):
        backend.inpaint(inpaint_request(controls=(canny(),)), NullProgress())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_kind_without_a_model_names_the_file_to_get(host: MakeHost, flavour: str) -> None:
    host(flavour)

    refused = opened().capabilities().refused

    assert set(refused) == {"color"}
    assert "control_sd15_random_color.safetensors" in refused["color"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_model_that_was_put_there_meanwhile_is_found(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)
    fake.models.later.append("control_sd15_random_color [11111111]")

    result = opened().inpaint(inpaint_request(controls=(Control("color", drawn_picture()),)), NullProgress())

    assert result.applied_controls == ("color",)


def test_the_exact_name_goes_before_a_longer_one(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.insert(0, "control_v11p_sd15_canny_fp16 [b18e0966]")

    net = controlnet.open_controlnet()

    assert net is not None
    assert net.model("control_v11p_sd15_canny") == "control_v11p_sd15_canny [8694c0d2]"
    assert net.model("control_v11p_sd15_canny_fp") == "control_v11p_sd15_canny_fp16 [b18e0966]"


@pytest.mark.parametrize("flavour", ["a1111-446", "a1111"])
def test_more_controls_than_the_tab_has_units_are_applied_all_the_same(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)
    script = controlnet.script_in(fake.img2img)
    places = (script.args_from, script.args_to)
    controls = (canny(0.1), canny(0.2), canny(0.3), canny(0.4))

    result = opened().inpaint(inpaint_request(controls=controls), NullProgress())

    assert result.applied_controls == ("canny", "canny", "canny", "canny")
    (moved,) = (each for each in fake.requests[-1].scripts.alwayson_scripts if each.title() == "ControlNet")
    given = fake.requests[-1].script_args[moved.args_from : moved.args_to]
    assert [unit.weight for unit in given] == [0.1, 0.2, 0.3, 0.4]
    assert (script.args_from, script.args_to) == places
    assert fake.img2img.alwayson_scripts.count(script) == 1
    assert script.latest_network is None


@pytest.mark.parametrize("flavour", ["forge", "reforge"])
def test_more_controls_than_units_is_said_in_forge_with_the_setting_to_raise(host: MakeHost, flavour: str) -> None:
    host(flavour)
    controls = (canny(0.1), canny(0.2), canny(0.3), canny(0.4))

    with pytest.raises(MissingCapability, match=r"4 ControlNet units are needed, the web UI has 3.*unit number"):
        opened().inpaint(inpaint_request(controls=controls), NullProgress())


def test_a_weight_that_the_host_would_not_take_is_refused(host: MakeHost) -> None:
    host()

    with pytest.raises(InputError, match="up to 2"):
        opened().inpaint(inpaint_request(controls=(canny(3.0),)), NullProgress())


def test_the_users_own_units_take_no_part(host: MakeHost) -> None:
    fake = host()
    plain = opened().inpaint(inpaint_request(), NullProgress())
    script = controlnet.script_in(fake.img2img)
    unit = fake.img2img.inputs[script.args_from].value
    unit.enabled, unit.model, unit.image = True, fake.models.listed[0], np.zeros((8, 8, 3), np.uint8)

    again = opened().inpaint(inpaint_request(), NullProgress())

    assert again.image.tobytes() == plain.image.tobytes()
