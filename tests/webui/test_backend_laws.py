"""What the host would let pass in silence is an error, and everything of the host's is as it was afterwards."""

from __future__ import annotations

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.backends.base import Fill, InpaintRequest, Request, Sampler
from easyphoto.backends.conditions import LoraCondition
from easyphoto.errors import BackendError, HostBusy, MissingCapability, OutOfMemory
from easyphoto.progress import Cancelled, NullProgress, Progress
from easyphoto.webui import checkpoints
from easyphoto.webui.backend import WebuiBackend
from easyphoto.webui.generation import JOB
from easyphoto.webui.lending import LENT
from tests.backends.contract import canny, drawing_request, drawn_picture, inpaint_request, pixels
from tests.fakes import RecordingProgress
from tests.webui.conftest import MakeHost
from tests.webui.fake_host import FLAVOURS, FakeHost
from tests.webui.fake_host.loras import write_lora
from tests.webui.fake_host.scripts import Script


def opened(**changes: Any) -> WebuiBackend:
    return WebuiBackend(checkpoints.require("plain"), SD15, **changes)


def paint(backend: WebuiBackend, **changes: object) -> np.ndarray:
    return pixels(backend.inpaint(inpaint_request(**changes), NullProgress()).image)


class OtherScript(Script):
    """Of another extension, whose fold was saved as switched on; or our own, with somebody chosen."""

    def __init__(self, title: str) -> None:
        self._title = title
        self.seen: list[bool] = []

    def title(self) -> str:
        return self._title

    def setup(self, p: Any, enabled: bool, *_: Any) -> None:
        self.seen.append(enabled)

    process = postprocess_image = setup


def test_the_request_reaches_the_host_and_not_what_its_tab_shows(host: MakeHost) -> None:
    fake = host()

    opened().inpaint(
        inpaint_request(seed=77, steps=9, cfg=2.5, sampler=Sampler.EULER_A, fill=Fill.NOISE), NullProgress()
    )

    asked = fake.requests[-1]
    assert (asked.seed, asked.steps, asked.cfg_scale) == (77, 9, 2.5)
    assert (asked.sampler_name, asked.scheduler) == ("Euler a", "Automatic")
    assert (asked.inpainting_fill, asked.mask_blur, type(asked.mask_blur)) == (2, 0, int)
    assert asked.closed


def test_a_denoise_makes_its_share_of_the_steps_whatever_the_host_is_set_to(host: MakeHost) -> None:
    fake = host()
    fake.options.data["img2img_fix_steps"] = True
    progress = RecordingProgress()

    opened().inpaint(inpaint_request(steps=10, denoise=0.5), progress)

    assert [done for done, _, _ in progress.steps] == [1, 2, 3, 4, 5, 6]


def test_a_single_step_is_not_made_by_the_form_that_fails_at_it(host: MakeHost) -> None:
    fake = host()
    asked = {"sampler": Sampler.DPMPP_2M_SDE_KARRAS, "denoise": 0.4}

    one = opened().inpaint(inpaint_request(steps=2, **asked), NullProgress())
    two = opened().inpaint(inpaint_request(steps=5, **asked), NullProgress())

    assert [request.sampler_name for request in fake.requests] == ["DPM++ 2M", "DPM++ 2M SDE"]
    assert one.notes == ("With one step, DPM++ 2M Karras is used instead of its SDE form.",)
    assert two.notes == ()


def test_a_soft_mask_reaches_the_host_unrounded_and_nothing_is_laid_over_the_picture_twice(host: MakeHost) -> None:
    fake = host()
    before = pixels(drawn_picture()).astype(int)

    change = np.abs(paint(opened(), denoise=1.0).astype(int) - before)

    asked = fake.requests[-1]
    assert asked.mask_round is False
    assert asked.mask.getpixel((14, 10)) == 128
    assert asked.override_settings["overlay_inpaint"] is False
    assert 0 < change[8:24, 14:16].mean() < 0.6 * change[8:24, 17:31].mean()


def test_the_first_picture_is_taken_and_neither_grid_nor_mask(host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = host()
    plain = paint(opened())
    fake.options.data["return_mask"] = True
    monkeypatch.setattr(fake, "forces_grid", True)

    assert (paint(opened()) == plain).all()
    assert fake.saved == []


def test_an_unknown_checkpoint_is_refused_and_the_host_not_asked(host: MakeHost) -> None:
    fake = host()

    with pytest.raises(MissingCapability, match="a-model-nobody-has"):
        paint(opened(), checkpoint="a-model-nobody-has")

    assert fake.requests == []


def test_a_checkpoint_that_the_host_did_not_take_is_an_error(host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = host()
    backend = WebuiBackend(checkpoints.require("other"), SD15)
    monkeypatch.setattr(fake.checkpoints, "select", lambda: fake.checkpoints.aliases["plain"])

    with pytest.raises(BackendError, match=r"painted with plain\.safetensors, not with other\.safetensors"):
        paint(backend)


def test_another_checkpoint_makes_another_picture_and_is_loaded_once_for_many(host: MakeHost) -> None:
    fake = host()
    plain, other = opened(), WebuiBackend(checkpoints.require("other"), SD15)
    first = paint(plain)

    again = [paint(other) for _ in range(3)]

    assert (again[0] != first).any()
    assert fake.checkpoints.loads == ["other.safetensors"]


def test_closing_loads_what_the_user_had_chosen(host: MakeHost) -> None:
    fake = host()
    backend = WebuiBackend(checkpoints.require("other"), SD15)
    paint(backend)

    backend.close()

    assert fake.checkpoints.loads == ["other.safetensors", "plain.safetensors"]


def test_what_the_user_sets_meanwhile_stays(host: MakeHost) -> None:
    fake = host()
    fake.options.data["CLIP_stop_at_last_layers"] = 1
    chosen = {"CLIP_stop_at_last_layers": 2, "sd_vae": "fine.vae.pt"}
    fake.denoiser_callbacks.append(lambda _: fake.options.data.update(chosen))

    paint(opened())

    assert {key: fake.options.data[key] for key in chosen} == chosen


@pytest.mark.parametrize("end", ["success", "error", "cancel"])
def test_the_users_last_prompt_is_not_ours(host: MakeHost, end: str) -> None:
    fake, seen = host(), []
    flags = sys.modules["modules.shared"].cmd_opts
    flags.no_prompt_history = False
    fake.denoiser_callbacks.append(lambda _: seen.append(flags.no_prompt_history))

    _end(fake, opened(), end)

    assert set(seen) <= {True}
    assert flags.no_prompt_history is False


def test_a_checkpoint_that_cannot_be_loaded_again_does_not_cost_the_pictures(
    host: MakeHost, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host()
    backend = opened()
    paint(backend)
    monkeypatch.setattr(sys.modules["modules.sd_models"], "reload_model_weights", lambda: 1 / 0)

    backend.close()

    assert "could not load its chosen checkpoint" in caplog.text


def test_closing_loads_nothing_where_nothing_is_loaded_or_the_device_is_lent(
    host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = host()
    models, shared = sys.modules["modules.sd_models"], sys.modules["modules.shared"]
    backend = WebuiBackend(checkpoints.require("other"), SD15)
    paint(backend)
    fake.checkpoints.loads.clear()

    monkeypatch.setattr(models, "model_data", SimpleNamespace(sd_model=None), raising=False)
    backend.close()
    monkeypatch.setattr(models, "model_data", SimpleNamespace(sd_model=fake.sd_model))
    monkeypatch.setattr(shared, LENT, "the training of anna", raising=False)
    backend.close()

    assert fake.checkpoints.loads == []
    assert not fake.lock.is_held


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("end", ["success", "error", "cancel"])
def test_options_are_as_they_were_saved_or_not(host: MakeHost, flavour: str, end: str) -> None:
    fake = host(flavour)
    # What this host forgets to put back, and what every host does where nothing was saved.
    fake.never_restores |= {"return_mask"}
    fake.options.data["return_mask"] = True
    del fake.options.data["sd_model_checkpoint"]
    before = dict(fake.options.data)
    backend = WebuiBackend(checkpoints.require("other"), SD15, vae="fine.vae.pt")

    _end(fake, backend, end)

    assert fake.options.data == before


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("end", ["success", "error", "cancel"])
def test_a_drawing_with_another_checkpoint_puts_the_hosts_own_back(host: MakeHost, flavour: str, end: str) -> None:
    fake = host(flavour)
    backend, before = opened(), dict(fake.options.data)

    _end(fake, backend, end, drawing_request(checkpoint="other"))
    fake.raises = None
    backend.close()
    paint(backend)

    assert fake.options.data == before
    assert fake.checkpoints.loads == ["other.safetensors", "plain.safetensors"]
    drawn, painted = (asked.override_settings["sd_model_checkpoint"] for asked in fake.requests)
    assert (drawn.split(" [")[0], painted.split(" [")[0]) == ("other.safetensors", "plain.safetensors")


def test_a_drawing_asks_the_host_for_a_pose_and_two_loras(host: MakeHost, tmp_path: Path) -> None:
    fake = host()
    loras = [write_lora(tmp_path / f"{name}.safetensors", salt=name) for name in ("anna", "room")]
    asked = drawing_request(
        controls=(canny(0.5),), conditions=(LoraCondition(loras[0], 0.25), LoraCondition(loras[1], 0.8))
    )

    result = opened().generate(asked, NullProgress())

    p = fake.requests[-1]
    assert re.fullmatch(
        r"a face <lora:easyphoto-anna-[0-9a-f]{10}:0\.25> <lora:easyphoto-room-[0-9a-f]{10}:0\.8>", p.prompt
    )
    assert (type(p).__name__, p.width, p.height, p.steps, p.seed) == ("Txt2Img", 48, 32, 3, 5)
    assert result.applied_controls == ("canny",)
    assert result.applied_conditions == ("anna.safetensors", "room.safetensors")


@pytest.mark.parametrize("end", ["success", "error", "cancel"])
def test_the_queue_is_ours_for_the_call_and_free_after_it(host: MakeHost, end: str) -> None:
    fake = host()

    _end(fake, opened(), end)

    assert fake.lock.taken == 1
    assert not fake.lock.is_held
    assert fake.state.begun == [JOB]
    assert (fake.state.job, fake.state.job_count) == ("", 0)
    assert fake.denoiser_callbacks == []


@pytest.mark.parametrize("end", ["success", "error", "cancel"])
def test_a_picture_within_a_picture_leaves_the_outer_one_as_it_was(host: MakeHost, end: str) -> None:
    fake = host()
    fake.state.begin(job="the user's own")
    fake.state.job_no, fake.state.sampling_steps, fake.state.textinfo = 3, 20, "outer"
    before = fake.state.snapshot()

    with fake.lock:
        _end(fake, opened(lock=nullcontext()), end)

    assert fake.state.snapshot() == before
    assert fake.lock.taken == 1


def test_who_stops_the_inner_picture_stops_the_outer_one(host: MakeHost) -> None:
    fake = host()
    fake.state.begin(job="the user's own")
    fake.pressed_at = 1

    with fake.lock, pytest.raises(Cancelled):
        paint(opened(lock=nullcontext()))

    assert fake.state.interrupted


def test_an_outer_picture_that_was_stopped_gets_no_inner_one(host: MakeHost) -> None:
    fake = host()
    fake.state.begin(job="the user's own")
    fake.state.interrupt()

    with fake.lock, pytest.raises(Cancelled):
        paint(opened(lock=nullcontext()))

    assert fake.requests == []


def test_a_cancel_holds_though_another_event_of_the_page_clears_the_hosts_flags(host: MakeHost) -> None:
    fake = host()
    cleared: list[int] = []

    class Cancelling(RecordingProgress):
        def check(self) -> None:
            if fake.steps_made >= 2:
                raise Cancelled

    def clear_once(_: Any) -> None:
        if fake.state.interrupted and not cleared:
            cleared.append(fake.steps_made)
            fake.state.interrupted = False

    fake.clears = clear_once
    with pytest.raises(Cancelled):
        opened().inpaint(inpaint_request(steps=30, denoise=1.0), Cancelling())

    assert cleared == [2]
    assert fake.steps_made == 4


@pytest.mark.parametrize("step", [0, 2])
def test_interrupt_in_the_web_ui_cancels_and_gives_no_half_picture(host: MakeHost, step: int) -> None:
    fake = host()
    fake.pressed_at = step

    with pytest.raises(Cancelled):
        paint(opened())


@pytest.mark.parametrize("title", ["EasyPhoto", "ADetailer"])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_no_other_script_than_controlnet_has_a_part_in_our_pictures(host: MakeHost, flavour: str, title: str) -> None:
    fake, script = host(flavour), OtherScript(title)
    fake.add_script(script, (True, "somebody"))
    fake.img2img.callback_map = before = {"script_process": (3, [script])}

    result = opened().inpaint(inpaint_request(controls=(canny(),)), NullProgress())

    assert script.seen == []
    assert result.applied_controls == ("canny",)
    assert fake.requests[-1].scripts.callback_map == {}
    assert (fake.img2img.callback_map, script in fake.img2img.alwayson_scripts) == (before, True)


def test_a_script_without_a_fold_belongs_to_the_host_and_fits_its_networks_to_our_pictures(host: MakeHost) -> None:
    fake, fitted = host(), []

    class Fitting(Script):
        def process(self, p: Any, *_: Any) -> None:
            fitted.append((p.width, p.height))

        def title(self) -> str:
            return "Hypertile"

    fake.add_script(Fitting(), ())
    request = inpaint_request()

    opened().inpaint(request, NullProgress())

    assert fitted == [request.image.size]


def test_a_host_without_memory_says_so_by_name(host: MakeHost) -> None:
    fake = host()
    fake.raises = RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    with pytest.raises(OutOfMemory):
        paint(opened())


def test_what_another_extension_failed_at_is_a_note(host: MakeHost) -> None:
    def failing(_: Any) -> None:
        raise ValueError("no such thing")

    fake = host()
    fake.denoiser_callbacks.append(failing)

    result = opened().inpaint(inpaint_request(), NullProgress())

    assert result.notes == ("Meanwhile the web UI reported: no such thing",)


def test_while_the_device_is_lent_nobody_paints(host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = host()
    monkeypatch.setattr(sys.modules["modules.shared"], LENT, "the training of anna", raising=False)

    with pytest.raises(HostBusy, match="anna"):
        paint(opened())

    assert fake.requests == []
    assert not fake.lock.is_held


def test_preparing_lends_the_device_and_releasing_gives_it_back(host: MakeHost) -> None:
    host()
    said: list[str] = []

    class Lent:
        def __init__(self, what_for: str) -> None:
            said.append(what_for)

        def __enter__(self) -> None:
            said.append("lent")

        def __exit__(self, *_: object) -> None:
            said.append("back")

    backend = opened(lend=Lent)
    backend.prepare()
    with pytest.raises(HostBusy):
        paint(backend)
    backend.release()

    assert said == ["a training", "lent", "back"]


def test_an_unknown_vae_is_refused(host: MakeHost) -> None:
    host()

    with pytest.raises(MissingCapability, match="nobody-has"):
        opened(vae="a-vae-nobody-has")


def test_samplers_that_the_host_lacks_are_neither_said_nor_replaced(host: MakeHost) -> None:
    fake = host()
    del fake.samplers["LCM"]
    backend = opened()

    assert Sampler.LCM not in backend.capabilities().samplers
    with pytest.raises(MissingCapability, match="LCM"):
        paint(backend, sampler=Sampler.LCM)


def test_a_host_before_schedulers_has_them_in_the_samplers_name(host: MakeHost, monkeypatch: Any) -> None:
    fake = host()
    monkeypatch.setitem(sys.modules, "modules.sd_schedulers", None)
    fake.samplers["DPM++ 2M Karras"] = fake.samplers["DPM++ 2M"]

    paint(opened())

    assert fake.requests[-1].sampler_name == "DPM++ 2M Karras"
    assert fake.requests[-1].scheduler is None
    assert Sampler.EULER_TRAILING not in opened().capabilities().samplers


def test_the_record_names_checkpoint_and_controls(host: MakeHost) -> None:
    host()
    backend = opened()

    paint(backend, controls=(canny(),))

    used = {weight.id: (weight.file, weight.sha256) for weight in backend.weights}
    assert used == {
        "plain.safetensors": ("plain.safetensors", "ab" * 32),
        "control_v11p_sd15_canny": ("control_v11p_sd15_canny [8694c0d2]", ""),
    }


def test_previews_come_every_fifth_step(host: MakeHost) -> None:
    host()
    progress = RecordingProgress()

    opened().inpaint(inpaint_request(steps=12, denoise=1.0), progress)

    assert len(progress.previews) == 2


def _end(fake: FakeHost, backend: WebuiBackend, end: str, request: Request | None = None) -> None:
    asked = inpaint_request() if request is None else request

    def run(progress: Progress) -> None:
        if isinstance(asked, InpaintRequest):
            backend.inpaint(asked, progress)
        else:
            backend.generate(asked, progress)

    if end == "success":
        run(NullProgress())
    elif end == "error":
        fake.raises = RuntimeError("something broke")
        with pytest.raises(BackendError, match="something broke"):
            run(NullProgress())
    else:
        with pytest.raises(Cancelled):
            run(RecordingProgress(cancel_at=2))


def test_a_lora_file_that_is_not_there_is_refused_before_anything(host: MakeHost) -> None:
    fake = host()

    with pytest.raises(MissingCapability, match=r"none\.safetensors"):
        paint(opened(), conditions=(LoraCondition(Path("/nowhere/none.safetensors")),))

    assert fake.requests == []
