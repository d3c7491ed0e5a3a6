"""The remote backend over a web UI of our own: the contract, and what is done about all that a web UI swallows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.base import Control, GenerateRequest, Sampler
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.published import published_name
from easyphoto.backends.remote import RemoteBackend, open_remote, steps_made
from easyphoto.backends.remote_client import RequestLimits, WebUi, address_from
from easyphoto.errors import BackendError, BackendUnreachable, InputError, MissingCapability, OutOfMemory
from easyphoto.geometry import Size
from easyphoto.progress import Cancelled, NullProgress
from tests.backends.contract import (
    BackendContract,
    canny,
    drawing_request,
    drawn_picture,
    inpaint_request,
    middle_mask,
    pixels,
)
from tests.backends.sdapi_server import CONTROLS, HostState, Served, png, serving
from tests.fakes import RecordingProgress

HASTE = RequestLimits(
    connect_seconds=5, read_seconds=5, paint_seconds=20, pause_seconds=0.01, poll_seconds=0.01, dead_polls=3,
    stop_seconds=2,
)  # fmt: skip
IMG2IMG, TXT2IMG = "/sdapi/v1/img2img", "/sdapi/v1/txt2img"


@pytest.fixture
def host() -> Iterator[Served]:
    with serving() as served:
        yield served


def opened(host: Served, base: str | None = None, *, proves: bool = False, auth: str | None = None) -> RemoteBackend:
    return open_remote(WebUi(address_from(host.url, auth), HASTE), SD15, base, proves=proves)


@pytest.fixture
def remote(host: Served) -> RemoteBackend:
    return opened(host)


def lora_of(host: Served, folder: Path, name: str = "any") -> Path:
    """A file of ours, and the web UI's copy of it under the published name."""
    path = folder / f"{name}.safetensors"
    path.write_bytes(b"")
    host.state.loras[published_name(path)] = {}
    return path


class TestRemoteBackend(BackendContract):
    @pytest.fixture
    def backend(self, host: Served) -> RemoteBackend:
        return opened(host, proves=True)

    @pytest.fixture
    def lora(self, host: Served, tmp_path: Path) -> Path:
        return lora_of(host, tmp_path)

    @pytest.fixture
    def second_lora(self, host: Served, tmp_path: Path) -> Path:
        return lora_of(host, tmp_path, "second")


def test_a_request_says_everything_a_web_ui_would_guess(host: Served, remote: RemoteBackend) -> None:
    remote.inpaint(inpaint_request(controls=(canny(0.7, end=0.6),)), NullProgress())

    sent = host.state.last(IMG2IMG)
    (unit,) = sent["alwayson_scripts"]["controlnet"]["args"]
    assert {key: unit[key] for key in ("enabled", "module", "model", "weight", "guidance_end")} == {
        "enabled": True, "module": "none", "model": "control_v11p_sd15_canny [d14c016b]", "weight": 0.7,
        "guidance_end": 0.6,
    }  # fmt: skip
    assert (sent["sampler_name"], sent["scheduler"], sent["mask_blur"]) == ("DPM++ 2M", "Karras", 0)
    assert (sent["inpainting_fill"], sent["inpaint_full_res"], sent["save_images"]) == (1, False, False)
    assert sent["override_settings"] == {}


def test_a_web_ui_before_schedulers_is_asked_with_their_names_joined() -> None:
    with serving(HostState(schedulers=False)) as host:
        backend = opened(host)

        backend.inpaint(inpaint_request(sampler=Sampler.DPMPP_2M_SDE_KARRAS), NullProgress())

        assert host.state.last(IMG2IMG)["sampler_name"] == "DPM++ 2M SDE Karras"
        assert Sampler.EULER_TRAILING not in backend.capabilities().samplers
        with pytest.raises(MissingCapability, match="Euler trailing"):
            backend.inpaint(inpaint_request(sampler=Sampler.EULER_TRAILING), NullProgress())


def test_what_is_missing_is_known_before_anything_is_painted() -> None:
    controls = {"control_v11p_sd15_canny [d14c016b]": "canny"}
    with serving(HostState(controls=controls)) as host:
        backend = opened(host)

        capabilities = backend.capabilities()
        assert capabilities.controls == ("canny",)
        assert capabilities.refused["openpose"] == (
            "the web UI lacks its model: put control_v11p_sd15_openpose.safetensors into its models/ControlNet"
        )
        assert capabilities.checkpoints == ("first.safetensors [aaaaaaaaaa]", "second.safetensors [bbbbbbbbbb]")
        assert (capabilities.upscalers, capabilities.restorers) == (("Big 2x",), ("CodeFormer", "GFPGAN"))
        assert capabilities.free_memory == 123
        with pytest.raises(MissingCapability, match=r"control_v11f1e_sd15_tile\.safetensors into its folder"):
            backend.inpaint(inpaint_request(controls=(Control("tile", drawn_picture()),)), NullProgress())
        assert host.state.times(IMG2IMG) == 0


def test_a_web_ui_without_controlnet_is_told_apart() -> None:
    with serving(HostState(controls=None)) as host:
        backend = opened(host)

        assert backend.capabilities().controls == ()
        assert set(backend.capabilities().refused.values()) == {
            "the web UI has no ControlNet (extension sd-webui-controlnet)"
        }
        with pytest.raises(MissingCapability, match="Install the extension sd-webui-controlnet"):
            backend.inpaint(inpaint_request(controls=(canny(),)), NullProgress())


def test_more_controls_than_the_web_ui_takes_are_refused(host: Served) -> None:
    host.state.units = 1
    backend = opened(host)

    with pytest.raises(MissingCapability, match="allows 1 controls at once; 2 are needed"):
        backend.inpaint(inpaint_request(controls=(canny(), canny(0.5))), NullProgress())


def test_a_control_that_was_not_applied_is_an_error(host: Served) -> None:
    host.state.unfit.add("control_v11p_sd15_canny [d14c016b]")

    with pytest.raises(MissingCapability, match=r"control_v11p_sd15_canny .* does not apply it"):
        opened(host, proves=True).inpaint(inpaint_request(controls=(canny(),)), NullProgress())
    assert host.state.times(IMG2IMG) == 0


def test_a_control_that_the_infotext_does_not_name_is_an_error(host: Served, remote: RemoteBackend) -> None:
    host.state.units = 0

    with pytest.raises(BackendError, match="without the controls control_v11p_sd15_canny"):
        remote.inpaint(inpaint_request(controls=(canny(),)), NullProgress())


def test_a_lora_that_was_not_applied_is_an_error(host: Served, tmp_path: Path) -> None:
    lora = lora_of(host, tmp_path)
    host.state.unfit.add(published_name(lora))

    with pytest.raises(MissingCapability, match=r"any\.safetensors\) but does not apply it"):
        opened(host, proves=True).inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())


def test_each_thing_is_proved_once(host: Served, tmp_path: Path) -> None:
    backend = opened(host, proves=True)
    request = inpaint_request(controls=(canny(),), conditions=(LoraCondition(lora_of(host, tmp_path)),))

    for _ in range(3):
        backend.inpaint(request, NullProgress())

    # Twice without anything, once with the control, once with the LoRA.
    assert host.state.times(TXT2IMG) == 4
    assert host.state.times(IMG2IMG) == 3


def test_a_lora_that_lies_there_since_a_moment_is_found_by_one_refresh(
    host: Served, remote: RemoteBackend, tmp_path: Path
) -> None:
    lora = lora_of(host, tmp_path)
    host.state.unlisted, host.state.loras = host.state.loras, {}

    result = remote.inpaint(inpaint_request(conditions=(LoraCondition(lora, 0.9),)), NullProgress())

    assert result.applied_conditions == ("any.safetensors",)
    assert host.state.last(IMG2IMG)["prompt"] == "a face <lora:easyphoto-any-e3b0c44298:0.9>"
    assert host.state.times("/sdapi/v1/refresh-loras") == 1


def test_a_lora_that_is_not_there_is_named_with_the_name_it_needs(remote: RemoteBackend, tmp_path: Path) -> None:
    lora = tmp_path / "anna" / "lora.safetensors"
    lora.parent.mkdir()
    lora.write_bytes(b"")

    with pytest.raises(MissingCapability) as refused:
        remote.inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())

    assert str(lora) in refused.value.advice
    assert "easyphoto-anna-e3b0c44298.safetensors" in refused.value.advice


def test_a_file_of_the_same_name_counts_unless_it_holds_other_tensors(
    host: Served, remote: RemoteBackend, tmp_path: Path
) -> None:
    lora = tmp_path / "mine.safetensors"
    save_file({"x": np.zeros(2, np.float32)}, lora, metadata={"sshs_model_hash": "aa"})
    request = inpaint_request(conditions=(LoraCondition(lora),))

    host.state.loras["mine"] = {"sshs_model_hash": "bb"}
    with pytest.raises(MissingCapability):
        remote.inpaint(request, NullProgress())
    host.state.loras["mine"] = {"sshs_model_hash": "aa"}
    assert remote.inpaint(request, NullProgress()).applied_conditions == ("mine.safetensors",)


def test_nobodys_lora_is_taken_for_a_persons(host: Served, remote: RemoteBackend, tmp_path: Path) -> None:
    (tmp_path / "lora.safetensors").write_bytes(b"")
    host.state.loras["lora"] = {}

    with pytest.raises(MissingCapability):
        remote.inpaint(inpaint_request(conditions=(LoraCondition(tmp_path / "lora.safetensors"),)), NullProgress())


@pytest.mark.parametrize("name", ["second", "second.safetensors", "bbbbbbbbbb", "/elsewhere/second.safetensors"])
def test_a_checkpoint_is_used_for_one_picture_and_put_back(host: Served, name: str) -> None:
    backend = opened(host, name)

    backend.inpaint(inpaint_request(), NullProgress())

    assert host.state.last(IMG2IMG)["override_settings"] == {"sd_model_checkpoint": "second.safetensors [bbbbbbbbbb]"}
    assert host.state.last(IMG2IMG)["override_settings_restore_afterwards"] is True
    assert host.state.options["sd_model_checkpoint"] == "first.safetensors [aaaaaaaaaa]"
    assert backend.weights[0].file == "second.safetensors"


@pytest.mark.parametrize("end", ["success", "error", "cancel"])
def test_a_drawing_with_another_checkpoint_puts_the_web_uis_own_back(
    host: Served, remote: RemoteBackend, end: str
) -> None:
    request = drawing_request(checkpoint="second")

    if end == "success":
        remote.generate(request, NullProgress())
    elif end == "error":
        del host.state.checkpoints["second.safetensors [bbbbbbbbbb]"]
        with pytest.raises(BackendError, match=r"painted with first instead of second\.safetensors"):
            remote.generate(request, NullProgress())
    else:
        host.state.step_seconds = 0.05
        with pytest.raises(Cancelled):
            remote.generate(replace(request, steps=400), CancelWhenPainting(host.state))
    host.state.step_seconds = 0
    remote.inpaint(inpaint_request(), NullProgress())

    asked = host.state.last(TXT2IMG)
    assert asked["override_settings"] == {"sd_model_checkpoint": "second.safetensors [bbbbbbbbbb]"}
    assert asked["override_settings_restore_afterwards"] is True
    assert host.state.options["sd_model_checkpoint"] == "first.safetensors [aaaaaaaaaa]"
    assert host.state.last(IMG2IMG)["override_settings"] == {}


def test_a_drawing_asks_for_a_pose_and_two_loras_as_a_web_ui_takes_them(
    host: Served, remote: RemoteBackend, tmp_path: Path
) -> None:
    host.state.controls = {**CONTROLS, "control_v11p_sd15_openpose [cab727d4]": "openpose"}
    loras = LoraCondition(lora_of(host, tmp_path), 0.25), LoraCondition(lora_of(host, tmp_path, "room"), 0.8)
    pose = Control("openpose", drawn_picture(), 0.5)

    result = opened(host).generate(drawing_request(controls=(pose,), conditions=loras), NullProgress())

    sent = host.state.last(TXT2IMG)
    (unit,) = sent["alwayson_scripts"]["controlnet"]["args"]
    assert sent["prompt"] == "a face <lora:easyphoto-any-e3b0c44298:0.25> <lora:easyphoto-room-e3b0c44298:0.8>"
    assert (unit["model"], unit["weight"]) == ("control_v11p_sd15_openpose [cab727d4]", 0.5)
    assert (sent["width"], sent["height"], sent["steps"], sent["seed"]) == (48, 32, 3, 5)
    assert "denoising_strength" not in sent
    assert result.applied_controls == ("openpose",)
    assert result.applied_conditions == ("any.safetensors", "room.safetensors")


def test_a_base_that_only_this_machine_has_is_noted(host: Served) -> None:
    result = opened(host, "/home/me/mine.safetensors").inpaint(inpaint_request(), NullProgress())

    assert result.notes == (
        "The web UI has no /home/me/mine.safetensors, so it used first.safetensors [aaaaaaaaaa]. "
        "Choose another with --base.",
    )


def test_a_name_that_the_web_ui_does_not_know_is_refused(host: Served) -> None:
    with pytest.raises(MissingCapability, match=r"no checkpoint 'third'.*first, second"):
        opened(host, "third")
    with pytest.raises(MissingCapability, match="cannot make pictures with Miniature"):
        open_remote(WebUi(address_from(host.url), HASTE), MINIATURE)


def test_a_checkpoint_that_could_not_be_loaded_is_an_error(host: Served) -> None:
    backend = opened(host, "second")
    del host.state.checkpoints["second.safetensors [bbbbbbbbbb]"]

    with pytest.raises(BackendError, match=r"painted with first instead of second\.safetensors"):
        backend.inpaint(inpaint_request(), NullProgress())


def test_only_what_the_owner_changed_is_overridden(host: Served, remote: RemoteBackend) -> None:
    host.state.options |= {"img2img_fix_steps": True, "samples_format": "jpg"}
    before = dict(host.state.options)

    remote.inpaint(inpaint_request(), NullProgress())

    assert host.state.last(IMG2IMG)["override_settings"] == {"img2img_fix_steps": False, "samples_format": "png"}
    assert host.state.options == before


def test_another_familys_models_are_not_taken_for_ours(host: Served) -> None:
    backend = open_remote(WebUi(address_from(host.url), HASTE), SDXL)

    assert backend.family == "sdxl"
    assert backend.capabilities().controls == ()


@pytest.mark.parametrize(
    ("steps", "denoise", "made"), [(50, 0.45, 23), (20, 0.3, 7), (4, 1.0, 4), (1, 0.1, 1)], ids=str
)
def test_the_steps_that_a_web_ui_makes_of_those_asked_for(steps: int, denoise: float, made: int) -> None:
    assert steps_made(inpaint_request(steps=steps, denoise=denoise)) == made


def test_previews_come_while_it_paints(host: Served, remote: RemoteBackend) -> None:
    host.state.step_seconds = 0.1
    progress = RecordingProgress()

    remote.inpaint(inpaint_request(steps=6, denoise=1.0), progress)

    assert progress.previews
    assert progress.previews[0].size == (8, 8)
    assert [done for done, _, _ in progress.steps] == [1, 2, 3, 4, 5, 6]


class CancelWhenPainting(RecordingProgress):
    def __init__(self, state: HostState) -> None:
        super().__init__()
        self.state = state

    def check(self) -> None:
        if self.state.painting.is_set():
            raise Cancelled("stop")


@pytest.mark.parametrize("tells_tasks", [True, False], ids=["with its page", "without"])
def test_cancel_interrupts_the_host(host: Served, remote: RemoteBackend, tells_tasks: bool) -> None:
    host.state.step_seconds, host.state.tells_tasks = 0.05, tells_tasks

    with pytest.raises(Cancelled):
        remote.inpaint(inpaint_request(steps=400, denoise=1.0), CancelWhenPainting(host.state))

    assert host.state.interrupts >= 1
    assert host.state.step < 400


def test_somebody_elses_picture_is_not_interrupted(host: Served, remote: RemoteBackend) -> None:
    host.state.painting.set()
    host.state.task = "task(somebody's)"
    with host.state.queue, pytest.raises(Cancelled):
        remote.inpaint(inpaint_request(), CancelWhenPainting(host.state))

    assert host.state.interrupts == 0


def test_a_picture_that_was_interrupted_there_is_said(host: Served, remote: RemoteBackend) -> None:
    host.state.answers[IMG2IMG] = (200, {}, b'{"images": [], "info": "{}"}')

    with pytest.raises(BackendError, match="sent no picture"):
        remote.inpaint(inpaint_request(), NullProgress())


def test_a_host_that_dies_while_it_paints_is_noticed_and_not_asked_again(host: Served, remote: RemoteBackend) -> None:
    host.state.step_seconds = 10
    watcher = threading.Thread(target=lambda: (host.state.painting.wait(10), host.vanish()))
    watcher.start()

    with pytest.raises(BackendUnreachable, match="stopped answering while it painted"):
        remote.inpaint(inpaint_request(), NullProgress())

    watcher.join()
    assert host.state.times(IMG2IMG) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_picture_is_never_asked_for_twice(host: Served, remote: RemoteBackend, status: int) -> None:
    host.state.answers[IMG2IMG] = (status, {}, b'{"detail": "it broke"}')

    with pytest.raises(BackendError):
        remote.inpaint(inpaint_request(), NullProgress())

    assert host.state.times(IMG2IMG) == 1


def test_a_host_out_of_memory_is_told_as_that(host: Served, remote: RemoteBackend) -> None:
    words = b'{"error": "OutOfMemoryError", "detail": "", "body": "", "errors": "CUDA out of memory."}'
    host.state.answers[IMG2IMG] = (500, {}, words)

    with pytest.raises(OutOfMemory, match="ran out of memory"):
        remote.inpaint(inpaint_request(), NullProgress())


@pytest.mark.parametrize("images", ['["bm90IGEgcGljdHVyZQ=="]', '["%%%"]', "[7]", '"text"', "null"])
def test_an_answer_that_is_no_picture_is_refused(host: Served, remote: RemoteBackend, images: str) -> None:
    host.state.answers[IMG2IMG] = (200, {}, f'{{"images": {images}, "info": "{{}}"}}'.encode())

    with pytest.raises(BackendError, match=r"sent no picture|cannot be read as a picture"):
        remote.inpaint(inpaint_request(), NullProgress())


def test_a_picture_of_another_size_is_refused(host: Served, remote: RemoteBackend) -> None:
    generated = remote.generate(GenerateRequest(Size(64, 64), prompt="a face"), NullProgress())
    answer = f'{{"images": ["{png(generated.image)}"], "info": "{{}}"}}'.encode()
    host.state.answers[IMG2IMG] = (200, {}, answer)

    with pytest.raises(BackendError, match="64×64 pixels; 48×32 were asked for"):
        remote.inpaint(inpaint_request(), NullProgress())


def test_a_soft_mask_is_sent_whole_and_blended_here(host: Served, remote: RemoteBackend) -> None:
    hard = np.where(middle_mask() > 0, 1, 0).astype(np.float32)

    soft_picture = pixels(remote.inpaint(inpaint_request(denoise=1.0), NullProgress()).image).astype(int)
    hard_picture = pixels(remote.inpaint(inpaint_request(denoise=1.0, mask=hard), NullProgress()).image).astype(int)

    ground, half = pixels(drawn_picture()).astype(int), middle_mask() == 0.5
    between = (ground[half] + hard_picture[half]) / 2
    assert np.abs(soft_picture[half] - between).max() <= 1


def test_a_control_heavier_than_a_web_ui_takes_is_refused(remote: RemoteBackend) -> None:
    with pytest.raises(InputError, match="at most 2"):
        remote.inpaint(inpaint_request(controls=(canny(2.5),)), NullProgress())
