"""Pictures on a device that is too small for them: what is given up, and in which order, and that they are the same.

The device is a stand-in: networks that are on it weigh, calls need room, and what does not fit raises what CUDA raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends import network_placement, picture_memory
from easyphoto.backends.base import Control, InpaintRequest, Result
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.guides import draw_guide
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import LocalBackend
from easyphoto.backends.picture_memory import PaintingPart, PictureMemory, PicturePlan, Work
from easyphoto.errors import OutOfMemory
from easyphoto.messages import Text
from easyphoto.progress import NullProgress
from tests.backends.contract import canny, drawing_request, drawn_picture, inpaint_request, pixels
from tests.fakes import RecordingProgress

HERE, ELSEWHERE = torch.device("cpu"), torch.device("meta")
CELLS = 6 * 4
"""Of the contract's picture; with guidance a step takes two rows of it."""
WEIGHTS = {"unet": 100, "vae": 40, "text_encoder": 60, "canny": 30, "tile": 30}


class SmallDevice:
    """A device of so many units of memory; a latent cell of a row or picture needs one."""

    def __init__(self, local: LocalBackend, components: Components, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 10**9
        self.calls: list[tuple[str, int]] = []
        """Network and number of its rows, of each call that was begun."""
        self.away: set[str] = set()
        self.greed: dict[str, int] = {}
        """How many units a cell needs in a network, where it is not one."""
        self._patch = monkeypatch.setattr
        monkeypatch.setattr(network_placement, "ASIDE", ELSEWHERE)
        controls = {each.kind: each for each in both_controls()}
        local.inpaint(inpaint_request(controls=tuple(controls.values())), NullProgress())  # loads them
        networks = {"unet": components.unet, "vae": components.vae, "text_encoder": components.text_encoders[0]}
        networks |= dict(zip(controls, (each.network for each in local._controls.loaded), strict=True))
        for name, network in networks.items():
            self._patch(network, "to", self._moving(name))
        for each in local._controls.loaded:
            self._patch(each.embedding, "to", lambda device: None)  # they weigh nothing
        for name, part in (("unet", components.unet), ("encode", components.vae.encoder),
                           ("decode", components.vae.decoder), ("words", components.text_encoders[0]),
                           *((kind, networks[kind]) for kind in controls)):  # fmt: skip
            self._patch(part, "forward", self._calling(name, part.forward))

    def _moving(self, name: str) -> Callable[[torch.device], None]:
        def to(device: torch.device) -> None:
            if device == ELSEWHERE:
                self.away.add(name)
            else:
                self.away.discard(name)
                self.need(0)

        return to

    def _calling(self, name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        network = {"encode": "vae", "decode": "vae", "words": "text_encoder"}.get(name, name)

        def call(*inputs: Any, **more: Any) -> Any:
            first = next(each for each in (*inputs, *more.values()) if isinstance(each, torch.Tensor))
            self.calls.append((name, len(first)))
            assert network not in self.away, f"{network} was called while it was away"
            sides = first.shape[-2:] if first.dim() == 4 else (1, 1)
            cells = sides[0] * sides[1] // (64 if name == "encode" else 1)
            self.need(len(first) * cells * self.greed.get(name, 1))
            return forward(*inputs, **more)

        return call

    def need(self, units: int) -> None:
        held = sum(weight for name, weight in WEIGHTS.items() if name not in self.away)
        if held + units > self.room:
            raise RuntimeError(f"CUDA out of memory. Tried to allocate {units} units.")

    def rows(self, name: str) -> list[int]:
        return [rows for called, rows in self.calls if called == name]


def both_controls() -> tuple[Control, ...]:
    return canny(0.6), Control("tile", draw_guide("tile", drawn_picture()), 0.5)


@pytest.fixture
def components(tiny_base: Path) -> Components:
    torch.set_num_threads(1)
    return load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")


@pytest.fixture
def local(components: Components, tiny_base: Path) -> LocalBackend:
    local = LocalBackend(components, tiny_base, owns=True)
    # The stand-in for a GPU is the CPU, from which nothing could be moved away.
    local._painter.memory.can_move = True
    return local


@pytest.fixture
def device(local: LocalBackend, components: Components, monkeypatch: pytest.MonkeyPatch) -> SmallDevice:
    return SmallDevice(local, components, monkeypatch)


def painted(local: LocalBackend, requests: Sequence[InpaintRequest]) -> list[Result]:
    return list(local.inpaint_many(requests, NullProgress()))


def codes(result: Result) -> list[str]:
    return [each.code for each in result.notes if isinstance(each, Text)]


def same(ones: Sequence[Result], others: Sequence[Result]) -> bool:
    """To the byte, or to the last bit of a byte where more or fewer pictures went through together."""
    pairs = zip(ones, others, strict=True)
    return all(np.abs(pixels(one.image).astype(int) - pixels(other.image)).max() <= 1 for one, other in pairs)


def four(**changes: Any) -> list[InpaintRequest]:
    return [replace(inpaint_request(**changes), seed=seed, image=drawn_picture(seed)) for seed in (1, 2, 3, 4)]


ALL = sum(WEIGHTS.values())


def test_a_batch_that_does_not_fit_goes_through_in_halves_and_that_is_said_once(
    local: LocalBackend, device: SmallDevice
) -> None:
    whole = painted(local, four())
    device.calls.clear()
    device.room = ALL + 2 * 2 * CELLS  # two pictures, with guidance

    halves = painted(local, four())

    assert same(halves, whole)
    assert [codes(each) for each in halves] == [["memory-batch"], [], [], []]
    # Eight rows failed at once; of 4 steps at a strength of 0.8 three are made, twice.
    assert device.rows("unet") == [8, *[4] * 6]
    assert device.away == set()


def test_what_did_not_fit_once_is_not_tried_again_in_a_series(local: LocalBackend, device: SmallDevice) -> None:
    device.room = ALL + 2 * CELLS
    painted(local, four())
    device.calls.clear()

    again = painted(local, four())

    assert device.rows("unet") == [2] * 12
    assert [codes(each) for each in again] == [[], [], [], []]


def test_every_part_of_a_divided_batch_counts_in_the_progress(local: LocalBackend, device: SmallDevice) -> None:
    device.room, progress = ALL + 2 * 2 * CELLS, RecordingProgress()

    local.inpaint_many(four(), progress)

    assert [(done, total) for done, total, _ in progress.steps] == [
        (33, 200), (67, 200), (100, 200), (133, 200), (167, 200), (200, 200)
    ]  # fmt: skip


# All networks weigh 260, and one picture with guidance needs 48 in a step.
@pytest.mark.parametrize(
    ("room", "greed", "told"),
    [
        (ALL + 48, 1, []),
        (ALL + 47, 1, ["memory-aside"]),
        (ALL + 4, 1, ["memory-aside"]),
        # Without the text encoder 64 are free, without the autoencoder 104, without ControlNets 164.
        (ALL + 4, 2, ["memory-aside", "memory-turns"]),
        (ALL + 4, 3, ["memory-aside", "memory-turns", "memory-visits"]),
    ],
)
def test_networks_leave_the_device_one_after_another_and_come_back(
    local: LocalBackend, device: SmallDevice, room: int, greed: int, told: list[str]
) -> None:
    request = inpaint_request(controls=both_controls(), seed=11)
    (plenty,) = painted(local, [request])
    device.room, device.greed = room, {"unet": greed}

    (scarce,) = painted(local, [request])
    (later,) = painted(local, [request])

    assert (pixels(scarce.image) == pixels(plenty.image)).all()
    assert (pixels(later.image) == pixels(plenty.image)).all()
    assert scarce.applied_controls == ("canny", "tile")
    assert (codes(scarce), codes(later)) == (told, [])
    assert device.away == set()


def test_the_autoencoder_takes_one_picture_at_a_time_before_anything_leaves(
    local: LocalBackend, device: SmallDevice
) -> None:
    # Without guidance, so that a step of four needs what the autoencoder needs for four.
    plenty = painted(local, four(cfg=1.0))
    device.calls.clear()
    device.greed = {"encode": 2, "decode": 2}
    device.room = ALL + 4 * CELLS

    scarce = painted(local, four(cfg=1.0))

    assert same(scarce, plenty)
    assert [codes(each) for each in scarce] == [["memory-alone"], [], [], []]
    assert device.rows("encode") == [4, 1, 1, 1, 1]
    assert device.rows("decode") == [1, 1, 1, 1]
    assert device.rows("unet") == [4, 4, 4]


def large(seed: int = 5) -> InpaintRequest:
    """A picture of 48×40 latent cells."""
    size = (384, 320)
    mask = np.zeros(size[::-1], np.float32)
    mask[80:240, 80:300] = 1
    return replace(inpaint_request(steps=2, seed=seed), image=drawn_picture().resize(size), mask=mask)


def test_what_not_even_alone_fits_the_autoencoder_goes_through_it_in_tiles(
    local: LocalBackend, components: Components, device: SmallDevice
) -> None:
    whole = pixels(local.inpaint(large(), NullProgress()).image).astype(int)
    # A tile of 24×24 cells fits, once the other networks are away, and 48×40 do not.
    device.greed = {"encode": 10, "decode": 10}
    device.room = 40 + 24 * 24 * 10

    first, second = (local.inpaint(large(seed), NullProgress()) for seed in (5, 6))

    assert codes(first) == ["memory-aside", "memory-turns", "memory-tiles"]
    # Every picture that is not quite what it would have been says so.
    assert codes(second) == ["memory-tiles"]
    differing = np.abs(pixels(first.image).astype(int) - whole)
    assert differing.max() > 1
    assert differing.mean() < 20
    assert (differing[large().mask == 0] == 0).all()
    vae = components.vae
    assert (vae.use_tiling, vae.tile_latent_min_size, vae.tile_sample_min_size) == (False, 8, 64)


def test_a_picture_that_is_not_larger_than_a_tile_is_whole(local: LocalBackend, device: SmallDevice) -> None:
    (plenty,) = painted(local, [inpaint_request()])
    device.greed, device.room = {"encode": 10, "decode": 10}, 40 + 24 * 24 * 10
    local.inpaint(large(), NullProgress())

    (small,) = painted(local, [inpaint_request()])

    assert codes(small) == []
    assert (pixels(small.image) == pixels(plenty.image)).all()


@pytest.mark.parametrize("greed", [{"unet": 4}, {"decode": 10}, {"words": 1000}])
def test_where_nothing_is_left_to_give_up_the_error_says_what_to_do_and_all_is_in_its_place(
    local: LocalBackend, device: SmallDevice, greed: dict[str, int]
) -> None:
    device.room, device.greed = ALL + 4, greed

    with pytest.raises(OutOfMemory, match="Choose a smaller resolution"):
        local.inpaint(inpaint_request(controls=both_controls()), NullProgress())

    device.room, device.greed = ALL + 48, {}
    (later,) = painted(local, [inpaint_request(controls=both_controls())])
    assert later.applied_controls == ("canny", "tile")
    assert device.away == set()


def test_loras_are_merged_and_taken_off_bit_for_bit_where_the_base_is_kept_in_main_memory(
    local: LocalBackend, components: Components, device: SmallDevice, tiny_lora: Path
) -> None:
    before = {name: each.clone() for name, each in components.unet.state_dict().items()}
    request = inpaint_request(conditions=(LoraCondition(tiny_lora, 0.9),))
    (plenty,) = painted(local, [request])
    local.close()
    device.room = ALL + 47

    (scarce,) = painted(local, [request])

    assert codes(scarce) == ["memory-aside"]
    assert (pixels(scarce.image) == pixels(plenty.image)).all()
    local.close()
    assert all(torch.equal(each, before[name]) for name, each in components.unet.state_dict().items())


def test_networks_that_somebody_else_trains_stay_where_they_are(
    components: Components, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = LocalBackend(components, tiny_base)
    device = SmallDevice(local, components, monkeypatch)
    moves: list[str] = []
    monkeypatch.setattr(device, "_moving", moves.append)
    device.room = ALL + 47

    with pytest.raises(OutOfMemory):
        local.inpaint(inpaint_request(), NullProgress())

    assert (device.away, moves) == (set(), [])


def test_a_drawing_gives_way_as_well(local: LocalBackend, device: SmallDevice) -> None:
    plenty = local.generate(drawing_request(), NullProgress())
    device.room = ALL + 47

    scarce = local.generate(drawing_request(), NullProgress())

    assert codes(scarce) == ["memory-aside"]
    assert (pixels(scarce.image) == pixels(plenty.image)).all()


def test_other_errors_pass_through(local: LocalBackend, components: Components, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(components.unet, "forward", refuse)

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        local.inpaint(inpaint_request(), NullProgress())


ONE_GB = 10**9


@pytest.mark.parametrize(
    ("family", "size", "pictures", "free", "steps", "autoencoder"),
    [
        # 4096 cells × 2 rows × 10,680 numbers × 2 bytes = 175 MB of 0.8 GB; 4096 × 49,156 × 2 = 403 MB.
        (SD15, 2, 16, ONE_GB, 4, 1),
        (SD15, 2, 16, 8 * ONE_GB, 8, 8),
        (SD15, 4, 16, ONE_GB, 2, 1),
        # 16,384 cells at 1024 pixels.
        (SDXL, 2, 16, 2 * ONE_GB, 3, 1),
        # One is tried however little there is, and a batch is no larger than what is asked for.
        (SDXL, 2, 16, 1, 1, 1),
        (SD15, 2, 3, 80 * ONE_GB, 3, 3),
        (SD15, 2, 100, None, 8, 8),
    ],
)
def test_as_many_pictures_go_through_as_the_free_memory_holds(
    components: Components, monkeypatch: pytest.MonkeyPatch, family: Any, size: int, pictures: int, free: int | None,
    steps: int, autoencoder: int,
) -> None:  # fmt: skip
    dtype = {2: torch.float16, 4: torch.float32}[size]
    for network in (components.unet, components.vae):
        network.to(dtype)
    monkeypatch.setattr(picture_memory, "free_memory", lambda device: free)
    side = family.resolution // 8
    memory = PictureMemory(replace(components, family=family), HERE, can_move=False, graphs=False)

    asked = Work(pictures, side, side, rows=2)

    assert memory.at_a_time(PaintingPart.STEPS, asked) == steps
    assert memory.at_a_time(PaintingPart.AUTOENCODER, asked) == autoencoder


def test_the_steps_recordings_are_given_up_first() -> None:
    plan = PicturePlan(graphs=True)

    assert plan.below(PaintingPart.STEPS, Work(4, 8, 8), can_move=True) == PicturePlan(graphs=False)
    assert plan.below(PaintingPart.AUTOENCODER, Work(4, 8, 8), can_move=True) == PicturePlan(graphs=False)


def test_a_capability_says_how_many_are_painted_together(local: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    # The miniature: 256 cells × 2 rows × 2,463 numbers × 4 bytes = 5 MB of 80 %.
    monkeypatch.setattr(picture_memory, "free_memory", lambda device: 32_000_000)

    assert local.capabilities().at_a_time == 5
