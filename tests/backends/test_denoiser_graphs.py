"""Denoising steps from a recording, by a stand-in for CUDA's recorder: when one is made, and that nobody sees it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends import local_painter
from easyphoto.backends.base import InpaintRequest, Result, Sampler
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.graphs import graphs_refused, recorder_for
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import LocalBackend
from easyphoto.messages import Text
from easyphoto.progress import NullProgress
from tests.backends.contract import canny, drawn_picture, inpaint_request, middle_mask, pixels
from tests.backends.face_files import faces_for
from tests.graphs import StandInRecorder

STEPS = 10
"""Eight of them are made at the contract's strength: as few as a recording is made for."""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> StandInRecorder:
    recorder = StandInRecorder()
    monkeypatch.setattr(local_painter, "recorder_for", lambda device: recorder)
    return recorder


def opened(family: Family, base: Path) -> Components:
    torch.set_num_threads(1)
    return load_components(family, base, dtype=torch.float32, device="cpu")


@pytest.fixture
def components(tiny_base: Path) -> Components:
    return opened(MINIATURE, tiny_base)


@pytest.fixture
def plain(components: Components, tiny_base: Path) -> LocalBackend:
    """The same networks without a recorder."""
    return LocalBackend(components, tiny_base)


@pytest.fixture
def local(components: Components, tiny_base: Path, recorder: StandInRecorder) -> LocalBackend:
    return LocalBackend(components, tiny_base, owns=True)


def painted(backend: LocalBackend, **changes: object) -> np.ndarray:
    return pixels(paint(backend, **changes).image)


def paint(backend: LocalBackend, **changes: object) -> Result:
    return backend.inpaint(asked(**changes), NullProgress())


def asked(**changes: object) -> InpaintRequest:
    return inpaint_request(**{"steps": STEPS, **changes})


@pytest.mark.parametrize("sampler", list(Sampler))
def test_a_picture_from_a_recording_is_the_same_to_the_byte(
    local: LocalBackend, plain: LocalBackend, recorder: StandInRecorder, sampler: Sampler
) -> None:
    made = painted(local, sampler=sampler, controls=(canny(0.7),))

    assert (made == painted(plain, sampler=sampler, controls=(canny(0.7),))).all()
    # The first step is made as written; the second is recorded and launched.
    assert (recorder.recordings, recorder.launches) == (1, 7)


def test_too_few_steps_are_made_as_written_until_enough_of_their_kind_came(
    local: LocalBackend, plain: LocalBackend, recorder: StandInRecorder
) -> None:
    assert (painted(local, steps=5) == painted(plain, steps=5)).all()
    assert recorder.recordings == 0

    assert (painted(local, steps=5, seed=9) == painted(plain, steps=5, seed=9)).all()

    # Four and four steps of one kind: the second four begin with one as written.
    assert (recorder.recordings, recorder.launches) == (1, 3)


def test_other_pictures_words_and_seeds_are_painted_from_the_same_recording(
    local: LocalBackend, plain: LocalBackend, recorder: StandInRecorder
) -> None:
    painted(local, controls=(canny(0.7),))
    other = {
        "image": drawn_picture(4), "mask": np.flip(middle_mask()).copy(), "prompt": "a dog", "negative": "dull",
        "seed": 8, "controls": (replace(canny(0.7), image=drawn_picture(5)),),
    }  # fmt: skip

    made = painted(local, **other)

    assert (made == painted(plain, **other)).all()
    assert (recorder.recordings, recorder.launches) == (1, 7 + 8)


@pytest.mark.parametrize(
    "changes", [{"cfg": 1.0}, {"cfg": 4.0}, {"controls": (canny(0.7),)}, {"sampler": Sampler.EULER_A}],
    ids=["no guidance", "more guidance", "a control", "times that are no whole numbers"],
)  # fmt: skip
def test_what_is_built_into_a_recording_gets_one_of_its_own(
    local: LocalBackend, plain: LocalBackend, recorder: StandInRecorder, changes: dict[str, object]
) -> None:
    painted(local)

    assert (painted(local, **changes) == painted(plain, **changes)).all()
    assert recorder.recordings == 2
    assert (painted(local) == painted(plain)).all()
    assert recorder.recordings == 2


def test_several_pictures_at_a_time_have_a_recording_of_their_own(
    local: LocalBackend, plain: LocalBackend, recorder: StandInRecorder
) -> None:
    painted(local)
    requests = [asked(seed=seed) for seed in (1, 2)]

    made = local.inpaint_many(requests, NullProgress())

    expected = plain.inpaint_many(requests, NullProgress())
    assert all((pixels(a.image) == pixels(b.image)).all() for a, b in zip(made, expected, strict=True))
    assert recorder.recordings == 2


def test_a_control_that_ends_on_the_way_makes_two_kinds_of_steps(
    local: LocalBackend, plain: LocalBackend, recorder: StandInRecorder
) -> None:
    changes = {"steps": 20, "denoise": 1.0, "controls": (canny(0.8, end=0.5),)}

    assert (painted(local, **changes) == painted(plain, **changes)).all()
    assert (recorder.recordings, recorder.launches) == (2, 9 + 9)


def test_loras_are_merged_in_place_and_painted_from_the_same_recording(
    local: LocalBackend, plain: LocalBackend, recorder: StandInRecorder, tiny_lora: Path
) -> None:
    without = painted(local)
    half = {"conditions": (LoraCondition(tiny_lora, 0.9, end=0.5),)}
    whole = {"conditions": (LoraCondition(tiny_lora, 0.9),)}

    made = [painted(local, **half), painted(local, **whole)]
    local.close()

    assert recorder.recordings == 1
    assert (made[0] == painted(plain, **half)).all()
    assert (made[1] == painted(plain, **whole)).all()
    assert (made[1] != without).any()


def test_a_face_that_changes_the_attention_drops_the_recording(
    local: LocalBackend, plain: LocalBackend, components: Components, recorder: StandInRecorder, tiny_base: Path,
    face_encoder: Path, tmp_path: Path,
) -> None:  # fmt: skip
    face = faces_for(components.unet, tmp_path, face_encoder, control=tiny_base / "controlnet" / "canny")
    masked = replace(face("instantid", 1), mask=middle_mask())
    painted(local)

    for one in (face("faceid", 1), face("faceid", 2), masked):
        assert (painted(local, conditions=(one,)) == painted(plain, conditions=(one,))).all()

    assert recorder.recordings == 4
    assert (painted(local) == painted(plain)).all()
    assert recorder.recordings == 5


def test_weights_that_moved_drop_the_recording(
    local: LocalBackend, plain: LocalBackend, components: Components, recorder: StandInRecorder
) -> None:
    painted(local)
    weight = components.unet.conv_out.weight
    weight.data = weight.data * 0.5

    assert (painted(local) == painted(plain)).all()
    assert recorder.recordings == 2


def test_a_series_that_ends_or_lends_the_device_forgets_its_recordings(
    local: LocalBackend, recorder: StandInRecorder
) -> None:
    for leave in (local.close, local.prepare, local.release):
        painted(local) if not local._lent else None
        leave()
        assert len(local._painter.graphs._recordings) == 0


def test_a_recording_that_fails_is_said_once_and_steps_are_made_as_written(
    local: LocalBackend, plain: LocalBackend, recorder: StandInRecorder
) -> None:
    recorder.failure = RuntimeError("operation not permitted when stream is capturing")

    first, second = paint(local), paint(local, seed=9)

    assert [str(each) for each in first.notes] == [
        "The steps were made without a CUDA graph, more slowly: operation not permitted when stream is capturing"
    ]
    assert [each.code for each in first.notes if isinstance(each, Text)] == ["graph-off"]
    assert second.notes == ()
    assert (pixels(first.image) == painted(plain)).all()
    recorder.failure = None
    painted(local)
    assert recorder.recordings == 0


def test_a_recording_that_does_not_fit_into_memory_is_left_out(
    local: LocalBackend, plain: LocalBackend, recorder: StandInRecorder
) -> None:
    recorder.failure = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    made = paint(local)

    assert (pixels(made.image) == painted(plain)).all()
    assert made.notes == ()


def test_sdxl_s_sizes_and_pooled_words_are_inputs_too(tiny_sdxl: Path, recorder: StandInRecorder) -> None:
    components = opened(SDXL, tiny_sdxl)
    local, plain = LocalBackend(components, tiny_sdxl, owns=True), LocalBackend(components, tiny_sdxl)
    painted(local, controls=(canny(),))

    made = painted(local, controls=(canny(),), prompt="a dog", seed=3)

    assert (made == painted(plain, controls=(canny(),), prompt="a dog", seed=3)).all()
    assert recorder.recordings == 1


def test_who_shares_the_networks_with_a_trainer_records_nothing(
    plain: LocalBackend, recorder: StandInRecorder, components: Components, tiny_base: Path
) -> None:
    painted(LocalBackend(components, tiny_base))

    assert recorder.recordings == 0


def test_without_an_nvidia_gpu_nothing_is_recorded_and_the_reason_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorder_for(torch.device("cpu")) is None
    assert graphs_refused("cpu") == "CUDA graphs need an NVIDIA GPU, and this is cpu."
    assert graphs_refused("cuda") is None
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert graphs_refused("cuda") == "CUDA graphs are used on NVIDIA GPUs alone, and this is an AMD GPU."
