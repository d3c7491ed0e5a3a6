"""The laws every backend keeps. A test module subclasses `BackendContract` and gives the fixture `backend`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from easyphoto.backends.base import Backend, Control, Fill, GenerateRequest, InpaintRequest, Sampler
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.face_condition import FACE_KINDS, FaceCondition, FaceInputs, FaceModels
from easyphoto.backends.guides import draw_guide
from easyphoto.errors import BackendError, InputError, MissingCapability
from easyphoto.geometry import Size
from easyphoto.progress import Cancelled, NullProgress
from tests.fakes import RecordingProgress

WIDTH, HEIGHT = 48, 32


def drawn_picture(seed: int = 0) -> Image.Image:
    """Blocks of colour under a little noise."""
    random = np.random.default_rng(seed)
    blocks = np.kron(random.integers(40, 215, (4, 6, 3)), np.ones((8, 8, 1)))
    return Image.fromarray((blocks + random.integers(-9, 9, (HEIGHT, WIDTH, 3))).astype(np.uint8))


def middle_mask() -> np.ndarray:
    """A hard block with a soft column on its left."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[8:24, 16:32] = 1
    mask[8:24, 14:16] = 0.5
    return mask


def inpaint_request(**changes: object) -> InpaintRequest:
    request = InpaintRequest(
        drawn_picture(), middle_mask(), prompt="a face", negative="blurry", seed=5, steps=4, denoise=0.8, cfg=3.0
    )
    return replace(request, **changes)  # type: ignore[arg-type]


def drawing_request(**changes: object) -> GenerateRequest:
    request = GenerateRequest(Size(WIDTH, HEIGHT), prompt="a face", negative="blurry", seed=5, steps=3, cfg=3.0)
    return replace(request, **changes)  # type: ignore[arg-type]


def canny(weight: float = 1.0, **changes: float) -> Control:
    return Control("canny", draw_guide("canny", drawn_picture()), weight, **changes)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.uint8)


@dataclass(frozen=True)
class Smell:
    """A kind of condition that nobody applies."""

    kind: ClassVar[str] = "smell"
    name: str = "a smile"
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    files: tuple[Path, ...] = ()

    @property
    def batch_key(self) -> Hashable:
        return self.kind, self.weight, self.start, self.end


def nobody(kind: str, **changes: object) -> FaceCondition:
    """A face condition whose files lie nowhere."""
    return FaceCondition(kind, FaceModels(Path("/nowhere/any.safetensors")), FaceInputs(), **changes)  # type: ignore[arg-type]


class BackendContract:
    second_control = "tile"
    """A kind of control beside canny, or canny again where there is no other."""

    @pytest.fixture
    def backend(self) -> Backend:
        raise NotImplementedError

    @pytest.fixture
    def face(self) -> Callable[[str, int], FaceCondition]:
        """(kind, seed) → a condition that the backend can apply; the seed says whose face it is. A backend that applies
        no faces is given files that lie nowhere."""
        return lambda kind, seed: nobody(kind)

    @pytest.fixture
    def lora(self, tmp_path: Path) -> Path:
        """A LoRA file the backend can apply."""
        path = tmp_path / "any.safetensors"
        path.write_bytes(b"")
        return path

    @pytest.fixture
    def second_lora(self, tmp_path: Path) -> Path:
        """Another LoRA file the backend can apply."""
        path = tmp_path / "second.safetensors"
        path.write_bytes(b"other")
        return path

    def paint(self, backend: Backend, **changes: object) -> np.ndarray:
        return pixels(backend.inpaint(inpaint_request(**changes), NullProgress()).image)

    def draw(self, backend: Backend, **changes: object) -> np.ndarray:
        return pixels(backend.generate(drawing_request(**changes), NullProgress()).image)

    def test_says_what_it_can(self, backend: Backend) -> None:
        capabilities = backend.capabilities()

        assert capabilities.families == (backend.family,)
        assert "canny" in capabilities.controls
        assert Sampler.DPMPP_2M_KARRAS in capabilities.samplers
        assert capabilities.device

    def test_only_the_mask_is_repainted(self, backend: Backend) -> None:
        painted = self.paint(backend)

        before, outside = pixels(drawn_picture()), middle_mask() == 0
        assert painted.shape == before.shape
        assert (painted[outside] == before[outside]).all()
        assert (painted[~outside] != before[~outside]).any()

    def test_denoise_zero_gives_the_picture_back(self, backend: Backend) -> None:
        assert (self.paint(backend, denoise=0.0) == pixels(drawn_picture())).all()

    def test_an_empty_mask_gives_the_picture_back(self, backend: Backend) -> None:
        nothing = np.zeros((HEIGHT, WIDTH), np.float32)

        assert (self.paint(backend, mask=nothing) == pixels(drawn_picture())).all()

    @pytest.mark.parametrize("sampler", list(Sampler))
    def test_a_seed_decides_every_byte(self, backend: Backend, sampler: Sampler) -> None:
        first = self.paint(backend, sampler=sampler)

        assert (self.paint(backend, sampler=sampler) == first).all()
        assert (self.paint(backend, sampler=sampler, seed=6) != first).any()

    def test_the_result_tells_its_seed_and_time(self, backend: Backend) -> None:
        result = backend.inpaint(inpaint_request(seed=77), NullProgress())

        assert result.seed == 77
        assert result.seconds >= 0

    @pytest.mark.parametrize("changes", [{"prompt": "a dog"}, {"negative": "dull"}, {"cfg": 9.0}, {"denoise": 1.0}])
    def test_what_is_asked_matters(self, backend: Backend, changes: dict[str, object]) -> None:
        assert (self.paint(backend, **changes) != self.paint(backend)).any()

    def test_noise_may_fill_the_mask(self, backend: Backend) -> None:
        painted = self.paint(backend, fill=Fill.NOISE)

        assert (painted[middle_mask() == 0] == pixels(drawn_picture())[middle_mask() == 0]).all()

    def test_a_control_changes_the_picture_and_is_listed(self, backend: Backend) -> None:
        plain = self.paint(backend)

        result = backend.inpaint(inpaint_request(controls=(canny(),)), NullProgress())

        assert (pixels(result.image) != plain).any()
        assert result.applied_controls == ("canny",)

    def test_a_control_of_weight_zero_is_no_control(self, backend: Backend) -> None:
        result = backend.inpaint(inpaint_request(controls=(canny(0.0),)), NullProgress())

        assert (pixels(result.image) == self.paint(backend)).all()
        assert result.applied_controls == ()

    def test_controls_add_up(self, backend: Backend) -> None:
        tile = Control("tile", draw_guide("tile", drawn_picture()), 0.7, end=0.6)

        result = backend.inpaint(inpaint_request(controls=(canny(), tile)), NullProgress())

        assert result.applied_controls == ("canny", "tile")
        assert (pixels(result.image) != self.paint(backend, controls=(canny(),))).any()

    def test_a_lora_changes_the_picture_and_is_listed(self, backend: Backend, lora: Path) -> None:
        plain = self.paint(backend)

        result = backend.inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())

        assert (pixels(result.image) != plain).any()
        assert result.applied_conditions == (lora.name,)
        assert (self.paint(backend) == plain).all()

    def test_a_lora_of_weight_zero_is_no_lora(self, backend: Backend, lora: Path) -> None:
        result = backend.inpaint(inpaint_request(conditions=(LoraCondition(lora, 0.0),)), NullProgress())

        assert (pixels(result.image) == self.paint(backend)).all()
        assert result.applied_conditions == ()

    @pytest.mark.parametrize(
        "changes",
        [
            {"controls": (Control("smell", drawn_picture()),)},
            {"conditions": (LoraCondition(Path("/nowhere/none.safetensors")),)},
            {"checkpoint": "a-model-nobody-has"},
        ],
        ids=["control", "lora", "checkpoint"],
    )
    def test_what_it_cannot_apply_is_refused_by_name(self, backend: Backend, changes: dict[str, object]) -> None:
        with pytest.raises(MissingCapability):
            backend.inpaint(inpaint_request(**changes), NullProgress())

    @pytest.mark.parametrize(
        "changes",
        [
            {"image": drawn_picture().resize((47, 32)), "mask": np.ones((32, 47), np.float32)},
            {"mask": np.ones((WIDTH, HEIGHT), np.float32)},
            {"mask": np.full((HEIGHT, WIDTH), np.nan, np.float32)},
            {"mask": np.full((HEIGHT, WIDTH), 2, np.float32)},
            {"denoise": 1.5},
            {"denoise": float("nan")},
            {"cfg": float("inf")},
            {"steps": 0},
            {"seed": -1},
            {"controls": (Control("canny", drawn_picture().resize((16, 16))),)},
            {"controls": (Control("canny", drawn_picture(), float("nan")),)},
            {"controls": (Control("canny", drawn_picture(), start=0.7, end=0.2),)},
            {"conditions": (LoraCondition(Path("any.safetensors"), float("nan")),)},
            {"conditions": (LoraCondition(Path("any.safetensors"), start=0.7, end=0.2),)},
            {"conditions": (LoraCondition(Path("any.safetensors"), end=1.2),)},
            {"conditions": (nobody("faceid", weight=float("nan")),)},
            {"conditions": (nobody("faceid", start=0.7, end=0.2),)},
            {"conditions": (nobody("instantid", control_weight=-1.0),)},
            {"conditions": (nobody("instantid", control_image=drawn_picture().resize((16, 16))),)},
            {"conditions": (nobody("faceid", mask=np.ones((WIDTH, HEIGHT), np.float32)),)},
            {"conditions": (nobody("faceid", mask=np.full((HEIGHT, WIDTH), 2, np.float32)),)},
            {"conditions": (replace(nobody("faceid"), face=FaceInputs(np.full(512, np.nan, np.float32))),)},
        ],
    )
    def test_what_does_not_fit_is_refused(self, backend: Backend, changes: dict[str, object]) -> None:
        with pytest.raises(InputError):
            backend.inpaint(inpaint_request(**changes), NullProgress())

    def test_it_says_which_conditions_it_applies_and_refuses_others_by_name(self, backend: Backend) -> None:
        capabilities = backend.capabilities()

        assert "lora" in capabilities.conditions
        assert set(capabilities.timed_conditions) <= set(capabilities.conditions)
        with pytest.raises(MissingCapability, match=r"a smile \(smell\) cannot"):
            backend.inpaint(inpaint_request(conditions=(Smell(),)), NullProgress())

    def test_a_lora_for_some_of_the_steps_is_applied_there_or_refused(self, backend: Backend, lora: Path) -> None:
        half = inpaint_request(conditions=(LoraCondition(lora, end=0.5),))

        if "lora" in backend.capabilities().timed_conditions:
            painted = pixels(backend.inpaint(half, NullProgress()).image)
            assert (painted != self.paint(backend)).any()
            assert (painted != self.paint(backend, conditions=(LoraCondition(lora),))).any()
        else:
            with pytest.raises(
                MissingCapability, match=r"any\.safetensors can only be used in all steps, not from 0 to 0\.5"
            ):
                backend.inpaint(half, NullProgress())

    @pytest.mark.parametrize("kind", FACE_KINDS)
    def test_a_face_is_applied_and_listed_or_refused_by_its_kind(
        self, backend: Backend, face: Callable[[str, int], FaceCondition], kind: str
    ) -> None:
        anna, bert = face(kind, 1), face(kind, 2)
        if kind not in backend.capabilities().conditions:
            with pytest.raises(MissingCapability, match=rf"\({kind}\) cannot"):
                backend.inpaint(inpaint_request(conditions=(anna,)), NullProgress())
            return
        plain = self.paint(backend)

        results = backend.inpaint_many([inpaint_request(conditions=(each,)) for each in (anna, bert)], NullProgress())

        for one, result in zip((anna, bert), results, strict=True):
            alone = self.paint(backend, conditions=(one,)).astype(int)
            assert result.applied_conditions == (one.name,)
            assert (alone != plain).any()
            assert np.abs(pixels(result.image) - alone).max() <= 1
        assert (pixels(results[0].image) != pixels(results[1].image)).any()
        assert (self.paint(backend) == plain).all()

    @pytest.mark.parametrize("kind", FACE_KINDS)
    def test_a_face_without_weight_or_place_is_no_face(
        self, backend: Backend, face: Callable[[str, int], FaceCondition], kind: str
    ) -> None:
        if kind not in backend.capabilities().conditions:
            with pytest.raises(MissingCapability, match=rf"\({kind}\) cannot"):
                backend.inpaint(inpaint_request(conditions=(nobody(kind, weight=0.0),)), NullProgress())
            return
        plain, one = self.paint(backend), face(kind, 1)
        nowhere = replace(one, mask=np.zeros((HEIGHT, WIDTH), np.float32))

        off = backend.inpaint(inpaint_request(conditions=(replace(one, weight=0.0),)), NullProgress())

        assert off.applied_conditions == ()
        assert (pixels(off.image) == plain).all()
        assert (self.paint(backend, conditions=(nowhere,)) == plain).all()

    def test_many_are_painted_as_each_alone(self, backend: Backend, lora: Path) -> None:
        with_lora = inpaint_request(conditions=(LoraCondition(lora),), seed=6)
        requests = (inpaint_request(), with_lora, inpaint_request(seed=7))

        results = backend.inpaint_many(requests, NullProgress())

        assert [result.seed for result in results] == [5, 6, 7]
        assert [result.applied_conditions for result in results] == [(), (lora.name,), ()]
        for request, result in zip(requests, results, strict=True):
            alone = pixels(backend.inpaint(request, NullProgress()).image).astype(int)
            assert np.abs(pixels(result.image) - alone).max() <= 1

    def test_every_step_is_reported(self, backend: Backend) -> None:
        progress = RecordingProgress()

        backend.inpaint(inpaint_request(denoise=1.0), progress)

        assert [done for done, _, _ in progress.steps] == [1, 2, 3, 4]
        assert {total for _, total, _ in progress.steps} == {4}

    def test_cancel_stops_it_and_leaves_it_usable(self, backend: Backend, lora: Path) -> None:
        plain = self.paint(backend)
        progress = RecordingProgress(cancel_at=2)

        with pytest.raises(Cancelled):
            backend.inpaint(inpaint_request(conditions=(LoraCondition(lora),)), progress)

        assert progress.checks == 2
        assert (self.paint(backend) == plain).all()

    @pytest.mark.parametrize("sampler", [Sampler.DPMPP_2M_KARRAS, Sampler.DPMPP_2M_SDE_KARRAS, Sampler.EULER_A])
    def test_words_alone_make_a_picture(self, backend: Backend, sampler: Sampler) -> None:
        first = self.draw(backend, sampler=sampler)

        assert first.shape == (HEIGHT, WIDTH, 3)
        assert (self.draw(backend, sampler=sampler) == first).all()
        assert (self.draw(backend, sampler=sampler, seed=2) != first).any()

    @pytest.mark.parametrize("changes", [{"prompt": "a dog"}, {"negative": "dull"}, {"cfg": 9.0}])
    def test_what_is_asked_of_a_drawing_matters(self, backend: Backend, changes: dict[str, object]) -> None:
        assert (self.draw(backend, **changes) != self.draw(backend)).any()

    def test_a_drawing_follows_its_controls(self, backend: Backend) -> None:
        second = Control(self.second_control, draw_guide("tile", drawn_picture()), 0.7, end=0.6)
        plain, alone = self.draw(backend), self.draw(backend, controls=(canny(),))

        both = backend.generate(drawing_request(controls=(canny(), second)), NullProgress())
        off = backend.generate(drawing_request(controls=(canny(0.0),)), NullProgress())

        assert both.applied_controls == ("canny", self.second_control)
        assert (alone != plain).any()
        assert (pixels(both.image) != alone).any()
        assert (self.draw(backend, controls=(canny(0.5),)) != alone).any()
        assert off.applied_controls == ()
        assert (pixels(off.image) == plain).all()

    def test_a_drawing_takes_several_loras_each_with_its_weight(
        self, backend: Backend, lora: Path, second_lora: Path
    ) -> None:
        person, scene = LoraCondition(lora, 0.25), LoraCondition(second_lora, 0.8)
        plain, alone = self.draw(backend), self.draw(backend, conditions=(person,))

        both = backend.generate(drawing_request(conditions=(person, scene)), NullProgress())
        one_off = backend.generate(drawing_request(conditions=(person, replace(scene, weight=0.0))), NullProgress())

        assert both.applied_conditions == (lora.name, second_lora.name)
        assert (alone != plain).any()
        assert (pixels(both.image) != alone).any()
        assert (self.draw(backend, conditions=(person, replace(scene, weight=0.4))) != pixels(both.image)).any()
        assert one_off.applied_conditions == (lora.name,)
        assert (pixels(one_off.image) == alone).all()
        assert (self.draw(backend) == plain).all()

    def test_a_drawing_takes_controls_and_loras_together(self, backend: Backend, lora: Path) -> None:
        asked = {"controls": (canny(0.5),), "conditions": (LoraCondition(lora),)}

        result = backend.generate(drawing_request(**asked), NullProgress())

        assert (result.applied_controls, result.applied_conditions) == (("canny",), (lora.name,))
        for kind in asked:
            assert (self.draw(backend, **{kind: asked[kind]}) != pixels(result.image)).any()

    @pytest.mark.parametrize("kind", FACE_KINDS)
    def test_a_drawing_takes_a_face_or_refuses_it_by_its_kind(
        self, backend: Backend, face: Callable[[str, int], FaceCondition], kind: str
    ) -> None:
        anna, bert = face(kind, 1), face(kind, 2)
        if kind not in backend.capabilities().conditions:
            with pytest.raises(MissingCapability, match=rf"\({kind}\) cannot"):
                backend.generate(drawing_request(conditions=(anna,)), NullProgress())
            return
        plain = self.draw(backend)

        result = backend.generate(drawing_request(conditions=(anna,)), NullProgress())

        assert result.applied_conditions == (anna.name,)
        assert (pixels(result.image) != plain).any()
        assert (self.draw(backend, conditions=(bert,)) != pixels(result.image)).any()
        assert (self.draw(backend) == plain).all()

    @pytest.mark.parametrize(
        "changes",
        [
            {"controls": (Control("smell", drawn_picture()),)},
            {"controls": (canny(), Control("smell", drawn_picture()))},
            {"conditions": (LoraCondition(Path("/nowhere/none.safetensors")),)},
            {"conditions": (Smell(),)},
            {"checkpoint": "a-model-nobody-has"},
        ],
        ids=["control", "second-control", "lora", "condition", "checkpoint"],
    )
    def test_what_a_drawing_cannot_be_given_is_refused_by_name(
        self, backend: Backend, changes: dict[str, object]
    ) -> None:
        with pytest.raises(MissingCapability):
            backend.generate(drawing_request(**changes), NullProgress())

    @pytest.mark.parametrize(
        "changes",
        [
            {"size": Size(WIDTH - 1, HEIGHT)},
            {"size": Size(0, HEIGHT)},
            {"steps": 0},
            {"cfg": float("nan")},
            {"controls": (Control("canny", drawn_picture().resize((HEIGHT, WIDTH))),)},
            {"controls": (canny(float("nan")),)},
            {"conditions": (LoraCondition(Path("any.safetensors"), 11.0),)},
            {"conditions": (nobody("faceid", mask=np.ones((WIDTH, HEIGHT), np.float32)),)},
        ],
    )
    def test_a_drawing_that_cannot_be_is_refused(self, backend: Backend, changes: dict[str, object]) -> None:
        with pytest.raises(InputError):
            backend.generate(drawing_request(**changes), NullProgress())

    def test_a_drawing_reports_its_steps_and_stops_at_a_cancel(self, backend: Backend, lora: Path) -> None:
        plain, progress = self.draw(backend), RecordingProgress()

        backend.generate(drawing_request(), progress)
        with pytest.raises(Cancelled):
            backend.generate(drawing_request(conditions=(LoraCondition(lora),)), RecordingProgress(cancel_at=2))

        assert [(done, total) for done, total, _ in progress.steps] == [(1, 3), (2, 3), (3, 3)]
        assert (self.draw(backend) == plain).all()

    def test_a_lent_device_refuses_and_comes_back(self, backend: Backend) -> None:
        plain = self.paint(backend)

        backend.prepare()
        with pytest.raises(BackendError):
            backend.inpaint(inpaint_request(), NullProgress())
        with pytest.raises(BackendError):
            backend.generate(drawing_request(), NullProgress())
        backend.release()

        assert (self.paint(backend) == plain).all()
