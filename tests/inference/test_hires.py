"""The second drawing: larger, nearly the same, with the scenes at half their weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.backends.base import Control, GenerateRequest, InpaintRequest, Result, Sampler
from easyphoto.backends.conditions import LoraCondition
from easyphoto.errors import OutOfMemory
from easyphoto.geometry import Size
from easyphoto.inference.hires import redrawn, second_request
from easyphoto.progress import NullProgress, Progress
from tests.fakes import FakeBackend

PERSON, ROOM, FAST = (LoraCondition(Path(f"{name}.safetensors"), weight) for name, weight in
                      (("anna", 0.25), ("room", 0.8), ("lcm", 1.0)))  # fmt: skip


SMALL = Size(64, 96)


def asked(size: Size = SMALL, **changes: object) -> GenerateRequest:
    said: dict[str, object] = {
        "prompt": "a room", "negative": "blurry", "seed": 7, "steps": 30, "cfg": 6.5, "sampler": Sampler.EULER_A,
        "checkpoint": "other", "conditions": (PERSON, ROOM, FAST), **changes,
    }  # fmt: skip
    return GenerateRequest(size, **said)  # type: ignore[arg-type]


def picture(size: Size = SMALL) -> Image.Image:
    return Image.new("RGB", (size.width, size.height), "teal")


def test_everything_is_drawn_again_at_one_and_a_half_times_the_size_with_a_fifth_of_the_noise() -> None:
    again = second_request(picture(), asked(), 8, (ROOM,))

    assert again.image.size == (96, 144)
    assert again.mask.shape == (144, 96)
    assert (again.mask == 1).all()
    assert (again.denoise, again.steps, again.cfg, again.seed) == (0.2, 30, 6.5, 7)
    assert (again.prompt, again.negative, again.sampler, again.checkpoint) == (
        "a room", "blurry", Sampler.EULER_A, "other",
    )  # fmt: skip


def test_scenes_weigh_half_and_nothing_else_does() -> None:
    again = second_request(picture(), asked(), 8, (ROOM,))

    assert again.conditions == (PERSON, LoraCondition(ROOM.path, 0.4), FAST)


def test_the_sides_stay_multiples_of_what_the_model_can_draw() -> None:
    size = Size(520, 776)

    again = second_request(picture(size), asked(size), 8)

    assert again.image.size == (784, 1168)
    assert second_request(picture(size), asked(size), 64).image.size == (768, 1152)


def test_the_pose_is_enlarged_with_the_picture() -> None:
    pose = Control("openpose", picture(), 0.5, end=0.8)

    (control,) = second_request(picture(), asked(controls=(pose,)), 8).controls

    assert control.image.size == (96, 144)
    assert (control.kind, control.weight, control.end) == ("openpose", 0.5, 0.8)


def test_a_drawing_of_few_steps_still_gets_four_in_the_second_go() -> None:
    assert second_request(picture(), asked(steps=8), 8).steps * 0.2 == 4


def test_the_backend_paints_it_and_its_result_says_what_was_applied(tmp_path: Path) -> None:
    lora = LoraCondition(tmp_path / "room.safetensors", 0.8)
    lora.path.write_bytes(b"")
    backend = FakeBackend()

    result = redrawn(backend, picture(), asked(conditions=(lora,), checkpoint=None), NullProgress(), scenes=(lora,))

    (request,) = backend.requests
    assert isinstance(request, InpaintRequest)
    assert request.conditions == (LoraCondition(lora.path, 0.4),)
    assert (result.image.size, result.applied_conditions, result.notes) == ((96, 144), ("room.safetensors",), ())


class WithoutMemory(FakeBackend):
    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        raise OutOfMemory("The device ran out of memory.", advice="Choose a smaller size.")


def test_where_the_memory_is_too_short_the_first_drawing_stays_and_that_is_said() -> None:
    drawn = picture()

    result = redrawn(WithoutMemory(), drawn, asked(), NullProgress(), scenes=(ROOM,))

    assert (np.asarray(result.image) == np.asarray(drawn)).all()
    assert result.applied_conditions == ("anna.safetensors", "room.safetensors", "lcm.safetensors")
    assert result.notes == (
        "The picture stays as large as it was drawn, 64×96: The device ran out of memory. Choose a smaller size.",
    )
