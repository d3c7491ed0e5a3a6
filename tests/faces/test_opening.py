"""Which engine serves which pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from easyphoto.architectures.base import models_folder
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.faces import opening
from easyphoto.faces.drawn_engine import DrawnEngine
from easyphoto.faces.engine import Domain
from easyphoto.faces.opening import choose_engine, open_engine
from easyphoto.model_cache import ModelCache
from easyphoto.progress import NullProgress, Progress
from easyphoto.settings.options import FaceSettings
from easyphoto.weights.catalog import YUNET
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.refusals import missing
from easyphoto.weights.store import WeightStore
from tests.fakes import FakeEngine
from tests.photographed import drawn, on_ground, photographed

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "photos"
STORE = WeightStore(Path("nowhere"), default_mirrors(), offline=True)
WITHOUT_YUNET = WeightStore(Path("nowhere"), offline=True)
Pictures = Callable[..., list[Path]]

SAY_PHOTOGRAPHS = "say so: --engine photographs (in the tab: Kind of pictures; in the API: options.engine)."


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    """Files of so many drawings and so many photographs."""

    def written(drawings: int, photographs: int, *, ground: tuple[int, int, int] | None = None) -> list[Path]:
        files = []
        for seed in range(drawings):
            files.append(tmp_path / f"drawn-{seed}.jpg")
            drawn(seed)[0].save(files[-1], quality=92)
        for seed in range(photographs):
            picture = photographed(seed)[0]
            files.append(tmp_path / f"photographed-{seed}.jpg")
            (picture if ground is None else on_ground(picture, seed, ground)).save(files[-1], quality=92)
        return files

    return written


@pytest.fixture
def yunet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of photographs is at hand; it sees faces as the drawn one does."""
    see = DrawnEngine(models_folder() / "miniature" / "faces").detect

    class Seeing(FakeEngine):
        def detect(self, picture: Image.Image):
            return see(picture)

    made = Seeing(id="photographs", domain=Domain.PHOTOGRAPHS, embedder=None)
    monkeypatch.setattr(opening, "open_photo_engine", lambda *_: made)
    monkeypatch.setattr(opening, "open_detector", lambda *_: made)


def chosen(files: list[Path], store: WeightStore = STORE) -> Any:
    return choose_engine(files, store, NullProgress())


def test_drawings_are_analysed_as_drawings_and_that_is_said(pictures: Pictures) -> None:
    engine = chosen(pictures(4, 1), WITHOUT_YUNET)

    assert engine.domain is Domain.DRAWINGS
    assert engine.decided == "4 of 5 faces look drawn"
    assert engine.notes == (
        f"Treated as drawings, because 4 of 5 faces look drawn. If they are photographs, {SAY_PHOTOGRAPHS}",
    )


@pytest.mark.usefixtures("yunet")
@pytest.mark.parametrize("ground", [None, (255, 255, 255), (128, 128, 128)], ids=["as it is", "on white", "on grey"])
def test_photographs_are_analysed_as_photographs_whatever_is_behind_the_faces(
    pictures: Pictures, ground: tuple[int, int, int] | None
) -> None:
    engine = chosen(pictures(1, 4, ground=ground))

    assert engine.domain is Domain.PHOTOGRAPHS
    assert engine.decided == "4 of 5 faces look photographed"
    assert engine.notes[0].startswith(
        "Treated as photographs, because 4 of 5 faces look photographed. If they are draw"
    )


def test_without_yunet_no_photograph_is_analysed_as_a_drawing(pictures: Pictures) -> None:
    with pytest.raises(WeightsMissing, match=r"EASYPHOTO_WEIGHTS_MIRROR.* 4 of 4 faces look photographed; if they are "
                       r"drawings, say so: --engine drawings"):  # fmt: skip
        chosen(pictures(0, 4), WITHOUT_YUNET)


def test_without_a_face_and_without_yunet_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")

    def absent(self: WeightStore, id: str, progress: object) -> Path:
        raise missing(YUNET, because="the test says so")

    monkeypatch.setattr(WeightStore, "require", absent)

    with pytest.raises(WeightsMissing, match=r"EASYPHOTO_WEIGHTS_MIRROR.* no drawn face was found"):
        choose_engine([tmp_path / "photo.png"], WeightStore(tmp_path), NullProgress())


@pytest.mark.usefixtures("yunet")
def test_what_was_asked_for_is_opened_without_a_look() -> None:
    engines: list[Any] = [open_engine(name, STORE, NullProgress()) for name in ("drawings", "photographs")]

    assert [engine.domain for engine in engines] == [Domain.DRAWINGS, Domain.PHOTOGRAPHS]
    assert [engine.decided for engine in engines] == ["it was chosen"] * 2
    assert engines[0].notes == ()


@pytest.mark.skipif(
    not PHOTOS.is_dir() or STORE.find("yunet") is None,
    reason="the shared photographs are not on this machine, or EASYPHOTO_WEIGHTS_MIRROR names no folder with YuNet",
)
@pytest.mark.parametrize("person", ["person-a", "person-b", "group"])
def test_real_photographs_are_taken_for_photographs_in_grey_as_well(tmp_path: Path, person: str) -> None:
    files = sorted((PHOTOS / person).glob("*.jpg"))
    grey = [tmp_path / file.name for file in files]
    for file, copy in zip(files, grey, strict=True):
        Image.open(file).convert("L").save(copy)

    assert chosen(files).decided == f"{len(files)} of {len(files)} faces look photographed"
    assert chosen(grey).decided == f"{len(files)} of {len(files)} faces look photographed"


def test_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="drawings, photographs"):
        open_engine("sculptures", STORE, NullProgress())


@pytest.mark.parametrize("size", [(4096, 512), (512, 4096)])
def test_a_drawn_face_on_a_banner_is_found(size: tuple[int, int]) -> None:
    picture, expected = drawn(3)
    banner = Image.new("RGB", size, (40, 60, 90))
    left, top = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
    banner.paste(picture, (left, top))

    (there,) = open_engine("drawings", WITHOUT_YUNET, NullProgress()).detect(banner)

    assert there.box.moved(-left, -top).intersection_over_union(expected.box) > 0.6


def test_a_parser_that_somebody_puts_into_a_folder_is_used_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache, at_hand, made = ModelCache(1 << 30), set[str](), []

    def opened(store: WeightStore, progress: Progress, faces: FaceSettings) -> FakeEngine:
        made.append(FakeEngine())
        return made[-1]

    monkeypatch.setattr(opening, "open_photo_engine", opened)
    monkeypatch.setattr(WeightStore, "find", lambda self, id, progress=None: Path(id) if id in at_hand else None)
    monkeypatch.setattr(FakeEngine, "weights", (), raising=False)

    for found in ((), (), ("bisenet",), ("bisenet",)):
        at_hand |= {*found}
        with cache.lease() as lease:
            open_engine("photographs", WITHOUT_YUNET, NullProgress(), models=lease)

    assert len(made) == 2
