"""A template keeps its colours: its own numbers where nothing was painted, its profile, its greys, its transparency."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import BadPicture
from easyphoto.images.originals import Original, greys_of, read_original
from easyphoto.images.pictures import read_picture, write_picture
from tests import icc

P3 = icc.rgb_profile(icc.DISPLAY_P3, icc.SRGB_CURVE, "Display P3")
ADOBE_CURVE = icc.gamma(2.19921875)
ADOBE = icc.rgb_profile(icc.ADOBE_RGB, ADOBE_CURVE, "Adobe RGB")
SRGB = icc.rgb_profile(icc.SRGB, icc.SRGB_CURVE, "sRGB")
GREY = icc.grey_profile(icc.gamma(2.2), "Grey 2.2")
# Higher than what is converted at a time, so that strips meet.
HEIGHT, WIDTH = 600, 60

NOISE = np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
GREYS = np.random.default_rng(8).integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16)
ALPHA = np.random.default_rng(9).integers(0, 256, (HEIGHT, WIDTH, 1)).astype(np.uint8)


def feather() -> np.ndarray:
    """A mask with a long edge, from 0 at the top to 1 at the bottom, and a column that nothing touches."""
    mask = np.clip((np.arange(HEIGHT) - 100) / 400, 0, 1).astype(np.float32)[:, None].repeat(WIDTH, 1)
    mask[:, :10] = 0
    return mask


def with_paint(view: Image.Image, colour: tuple[int, int, int], mask: np.ndarray) -> Image.Image:
    """As the pipeline does it: blended in sRGB."""
    ground = np.asarray(view).astype(np.float32)
    mixed = np.rint(ground * (1 - mask[..., None]) + np.array(colour, np.float32) * mask[..., None])
    return Image.fromarray(mixed.astype(np.uint8))


def saved(name: str, picture: Image.Image, **words: object) -> Callable[[Path], Path]:
    def save(folder: Path) -> Path:
        picture.save(folder / name, **words)
        return folder / name

    return save


def rgb(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels)


TEMPLATES = {
    "no profile": saved("a.png", rgb(NOISE)),
    "sRGB": saved("a.png", rgb(NOISE), icc_profile=SRGB),
    "Display P3": saved("a.png", rgb(NOISE), icc_profile=P3),
    "Adobe RGB JPEG": saved("a.jpg", rgb(NOISE), icc_profile=ADOBE, quality=90),
    "greys": saved("a.png", rgb(NOISE[..., 0])),
    "greys of gamma 2.2": saved("a.png", rgb(NOISE[..., 0]), icc_profile=GREY),
    "greys of 16 bits": saved("a.png", rgb(GREYS)),
    "greys of 16 bits and gamma 2.2": saved("a.tif", rgb(GREYS), icc_profile=GREY),
    "greys in RGB": saved("a.png", rgb(NOISE[..., :1].repeat(3, 2) // 2 + NOISE % 3), icc_profile=P3),
    "transparent": saved("a.png", rgb(np.dstack([NOISE, ALPHA])), icc_profile=P3),
    "transparent greys": saved("a.png", Image.merge("LA", [rgb(NOISE[..., 0]), rgb(ALPHA[..., 0])])),
    "palette": saved("a.png", rgb(NOISE).quantize(32)),
}


def held(path: Path) -> tuple[np.ndarray, Image.Image]:
    """The numbers of a file as Pillow decodes them, and the file."""
    with Image.open(path) as opened:
        opened.load()
    plain = opened if opened.mode != "P" else opened.convert("RGB")
    return np.asarray(plain), opened


@pytest.mark.parametrize("name", TEMPLATES)
def test_where_nothing_was_painted_every_number_of_the_template_stays(tmp_path: Path, name: str) -> None:
    file, mask = TEMPLATES[name](tmp_path), feather()
    original = read_original(file)

    made = original.painted(with_paint(original.picture, (190, 120, 90), mask), mask)
    write_picture(tmp_path / "made.png", made, {"seed": 1}, profile=original.profile and original.profile.content)

    before, opened = held(file)
    after, written = held(tmp_path / "made.png")
    assert (after[mask == 0] == before[mask == 0]).all()
    assert (after[mask == 1] != before[mask == 1]).any()
    assert written.info.get("icc_profile") == opened.info.get("icc_profile")
    # Pillow before 10.3 calls 16 bits I in a PNG.
    assert written.mode.removesuffix(";16") == (opened.mode if opened.mode != "P" else "RGB").removesuffix(";16")


@pytest.mark.parametrize("name", TEMPLATES)
def test_where_nothing_changed_under_a_thin_edge_the_template_stays_to_a_step(tmp_path: Path, name: str) -> None:
    original = read_original(TEMPLATES[name](tmp_path))

    made = np.asarray(original.painted(original.picture, np.full((HEIGHT, WIDTH), 1 / 256, np.float32)))

    before = np.dstack([np.asarray(original.own), np.asarray(original.alpha)]) if original.alpha else original.own
    step = 257 if original.own.mode == "I;16" else 1
    assert np.abs(made.astype(int) - np.asarray(before).astype(int)).max() <= step


@pytest.mark.parametrize(
    ("profile", "corners", "curve"),
    [(P3, icc.DISPLAY_P3, icc.SRGB_CURVE), (ADOBE, icc.ADOBE_RGB, ADOBE_CURVE)],
    ids=["Display P3", "Adobe RGB"],
)
def test_the_paint_has_the_colour_that_was_painted(tmp_path: Path, profile, corners, curve) -> None:
    original = read_original(saved("a.png", rgb(NOISE), icc_profile=profile)(tmp_path))
    paint = np.random.default_rng(1).integers(60, 200, (HEIGHT, WIDTH, 3)).astype(np.uint8)

    made = np.asarray(original.painted(rgb(paint), np.ones((HEIGHT, WIDTH), np.float32)))

    wanted = icc.lab_of(paint, icc.SRGB, icc.SRGB_CURVE)
    off = np.linalg.norm(icc.lab_of(made, corners, curve) - wanted, axis=-1)
    kept = np.linalg.norm(icc.lab_of(paint, corners, curve) - wanted, axis=-1)
    assert off.max() < 1.5
    assert kept.mean() > 3


def test_colours_that_srgb_lacks_show_no_step_where_the_paint_begins(tmp_path: Path) -> None:
    vivid = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    vivid[..., 1] = 250
    original = read_original(saved("a.png", rgb(vivid), icc_profile=P3)(tmp_path))
    mask = feather()

    made = np.asarray(original.painted(with_paint(original.picture, (190, 120, 90), mask), mask))

    lab = icc.lab_of(made[:, 30], icc.DISPLAY_P3, icc.SRGB_CURVE)
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=-1)
    pressed = icc.lab_of(np.asarray(original.picture)[0, 0], icc.SRGB, icc.SRGB_CURVE)
    assert np.linalg.norm(lab[0] - pressed) > 15
    # 400 rows of ramp over a distance of about 150.
    assert steps.max() < 2.5


@pytest.mark.parametrize("name", ["greys", "greys of gamma 2.2", "greys of 16 bits", "greys in RGB"])
def test_a_grey_template_gets_a_grey_face_as_light_as_the_painted_one(tmp_path: Path, name: str) -> None:
    original = read_original(TEMPLATES[name](tmp_path))
    paint = Image.new("RGB", original.picture.size, (255, 0, 0))

    made = original.painted(paint, np.ones((HEIGHT, WIDTH), np.float32))

    write_picture(tmp_path / "made.png", made, profile=original.profile and original.profile.content)
    # The luminance of sRGB's red is 0.2126.
    assert set(np.unique(np.asarray(read_picture(tmp_path / "made.png")))) <= {126, 127, 128}
    assert set(np.unique(np.asarray(original.shown(paint)))) == {127}
    assert "The template is in shades of grey, and so is the result." in original.notes


def test_greys_stay_the_greys_they_are() -> None:
    steps = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)

    assert (greys_of(steps) == steps).all()


@pytest.mark.parametrize(("tint", "is_grey"), [((0, 0, 0), True), ((2, 0, 1), True), ((24, 8, 0), False)])
def test_grey_is_what_has_no_colour_anywhere_but_for_rounding(tmp_path: Path, tint, is_grey: bool) -> None:
    toned = NOISE[..., :1].repeat(3, 2) // 2 + np.array(tint, np.uint8)

    assert read_original(saved("a.png", rgb(toned))(tmp_path)).is_grey is is_grey


@pytest.mark.parametrize(("kind", "words"), [("JPEG", {"quality": 20}), ("WEBP", {"quality": 30})])
def test_compression_makes_no_colour_of_greys(tmp_path: Path, kind: str, words: dict[str, int]) -> None:
    smooth = cv2.GaussianBlur(NOISE[..., :1].repeat(3, 2), (0, 0), 3)

    assert read_original(saved("a", rgb(smooth), format=kind, **words)(tmp_path)).is_grey


def test_a_patch_of_colour_is_colour(tmp_path: Path) -> None:
    signed = NOISE[..., :1].repeat(3, 2)
    signed[5:9, 5:9] = (200, 30, 30)

    assert not read_original(saved("a.png", rgb(signed))(tmp_path)).is_grey


def test_a_template_that_shines_through_looks_on_white_as_it_was_painted(tmp_path: Path) -> None:
    half = np.dstack([NOISE // 2 + 60, np.full((HEIGHT, WIDTH), 170, np.uint8)])
    original = read_original(saved("a.png", rgb(half))(tmp_path))
    mask = feather()
    image = with_paint(original.picture, (200, 150, 130), mask)

    write_picture(tmp_path / "made.png", original.painted(image, mask))

    assert np.abs(np.asarray(read_picture(tmp_path / "made.png")).astype(int) - np.asarray(image)).max() <= 1
    assert "The template's transparency was kept." in original.notes


def test_what_is_not_seen_at_all_keeps_its_numbers_under_paint(tmp_path: Path) -> None:
    original = read_original(TEMPLATES["transparent"](tmp_path))
    paint = Image.new("RGB", original.picture.size, (200, 150, 130))

    made = np.asarray(original.painted(paint, np.ones((HEIGHT, WIDTH), np.float32)))

    assert (made[ALPHA[..., 0] == 0][:, :3] == NOISE[ALPHA[..., 0] == 0]).all()


def test_a_face_under_transparency_is_said() -> None:
    cut_out = np.full((20, 20), 255, np.uint8)
    cut_out[:, :10] = 0
    original = Original(Image.new("RGB", (20, 20)), Image.new("RGB", (20, 20)), Image.fromarray(cut_out))
    left, right = np.zeros((20, 20), np.float32), np.zeros((20, 20), np.float32)
    left[5:15, 2:8], right[5:15, 12:18] = 1, 1

    assert original.hides(left)
    assert not original.hides(right)


def test_a_channel_that_hides_nothing_is_no_transparency(tmp_path: Path) -> None:
    opaque = np.dstack([NOISE, np.full((HEIGHT, WIDTH), 255, np.uint8)])

    original = read_original(saved("a.png", rgb(opaque))(tmp_path))

    assert original.alpha is None
    assert original.notes == ()


@pytest.mark.parametrize(
    ("save", "said"),
    [
        (
            saved("a.tif", rgb(NOISE).convert("CMYK"), icc_profile=icc.cmyk_profile("Press")),
            "The template is a CMYK picture for print (Press); the result is in sRGB.",
        ),
        (
            saved("a.tif", rgb(NOISE).convert("CMYK")),
            "The template is a CMYK picture for print without a colour profile; the result is in sRGB, with "
            "approximate colours.",
        ),
        (
            saved("a.png", rgb(NOISE), icc_profile=icc.scanner_profile("Flatbed")),
            "The template's colour profile (Flatbed) can only be read, not written; the result is in sRGB.",
        ),
        (
            saved("a.png", rgb(NOISE).quantize(32)),
            "The template has a palette of at most 256 colours; the result has all colours.",
        ),
        (
            saved("a.png", rgb(NOISE), icc_profile=b"junk"),
            "The template: its colour profile was ignored, because it is broken.",
        ),
    ],
    ids=["CMYK", "CMYK without profile", "one way", "palette", "broken profile"],
)
def test_what_cannot_be_kept_is_said(tmp_path: Path, save: Callable[[Path], Path], said: str) -> None:
    original = read_original(save(tmp_path))

    assert original.notes == (said,)
    assert original.profile is None
    mask = feather()
    made = np.asarray(original.painted(with_paint(original.picture, (9, 9, 9), mask), mask))
    assert (made[mask == 0] == np.asarray(read_picture(save(tmp_path)))[mask == 0]).all()


def test_bits_that_are_lost_are_said(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), NOISE.astype(np.uint16) * 257)

    assert read_original(tmp_path / "a.png").notes == ("The template has 16 bits for each colour; the result has 8.",)


def test_greys_keep_their_16_bits(tmp_path: Path) -> None:
    original = read_original(TEMPLATES["greys of 16 bits"](tmp_path))
    mask = feather()

    made = original.painted(with_paint(original.picture, (200, 200, 200), mask), mask)

    assert made.mode == "I;16"
    assert (np.asarray(made)[mask == 1] == 200 * 257).all()


@pytest.mark.parametrize("name", TEMPLATES)
def test_an_enlarged_result_keeps_profile_greys_and_transparency(tmp_path: Path, name: str) -> None:
    original = read_original(TEMPLATES[name](tmp_path))
    larger = original.picture.resize((2 * WIDTH, 2 * HEIGHT), Image.Resampling.BICUBIC)

    made = original.painted(larger, np.zeros((2 * HEIGHT, 2 * WIDTH), np.float32))

    assert made.size == (2 * WIDTH, 2 * HEIGHT)
    assert made.mode == original.own.mode + ("A" if original.alpha else "")


def test_an_enlarged_result_keeps_the_colours_that_srgb_lacks(tmp_path: Path) -> None:
    vivid = np.zeros((40, 60, 3), np.uint8)
    vivid[..., 1] = 250
    original = read_original(saved("a.png", rgb(vivid), icc_profile=P3)(tmp_path))
    mask = np.zeros((80, 120), np.float32)
    mask[20:60, 40:80] = 1
    image = with_paint(original.picture.resize((120, 80)), (190, 120, 90), mask)

    made = np.asarray(original.painted(image, mask))

    assert (made[mask == 0] == (0, 250, 0)).all()
    paint = icc.lab_of(made[40, 60], icc.DISPLAY_P3, icc.SRGB_CURVE)
    assert np.linalg.norm(paint - icc.lab_of(np.array([190, 120, 90]), icc.SRGB, icc.SRGB_CURVE)) < 1


def test_a_plain_template_is_the_result_of_the_pipeline_itself(tmp_path: Path) -> None:
    original = read_original(TEMPLATES["no profile"](tmp_path))
    image = with_paint(original.picture, (1, 2, 3), feather())

    assert original.picture is original.own
    assert original.painted(image, feather()) is image
    assert original.shown(image) is image


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("dear diary")

    with pytest.raises(BadPicture, match=r"a\.png"):
        read_original(tmp_path / "a.png")
