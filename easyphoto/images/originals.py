"""Keeps a template as its file holds it, and converts faces painted on its sRGB view back into its own colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageChops

from easyphoto.images.decoding import Decoded, Place, decoded, places, put_together, turned
from easyphoto.images.pictures import as_picture, in_8_bits, numbers_of, on_white, usable_profile, way_to_srgb
from easyphoto.images.profiles import Conversion, Profile, UnusableProfile
from easyphoto.images.srgb import as_bytes, linear
from easyphoto.messages import Text, note, text

# Most difference between the channels of a grey picture, of 255. Of 241 public portraits the eight grey ones have at
# most 2 (seven of them 0), and the next, toned brown, has 18; JPEG of any quality adds nothing, WebP 1.
GREY_TOLERANCE = 4
# Rows converted at a time: floats of a whole picture of 100 megapixels would need gigabytes.
_STRIP = 256
_PER_STEP = 257
"""One 8-bit step in 16-bit values."""


@dataclass(frozen=True, eq=False)
class Original:
    """A template, upright. `painted` converts a result back into its own colours."""

    picture: Image.Image
    """The view that is analysed and painted on: RGB in sRGB, on white."""
    own: Image.Image
    """The file's own values: L, I;16 or RGB."""
    alpha: Image.Image | None = None
    profile: Profile | None = None
    """Colour profile of the file's own values; None means sRGB."""
    is_grey: bool = False
    notes: tuple[Text, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the view and the file's own values are the same."""
        moves = self.profile is not None and not self.profile.is_srgb
        return self.own.mode == "RGB" and not (moves or self.is_grey or self.alpha)

    def shown(self, image: Image.Image) -> Image.Image:
        """An sRGB result as the final picture will look: grey where the template is grey."""
        if not self.is_grey:
            return image
        values = numbers_of(image)
        for top in range(0, len(values), _STRIP):
            values[top : top + _STRIP] = greys_of(values[top : top + _STRIP])
        return as_picture(values)

    def painted(self, image: Image.Image, mask: np.ndarray) -> Image.Image:
        """The template with the painted faces, in the template's own colours and transparency.

        `image` is the view with faces painted on it; `mask`, (height, width) float32 in 0..1 of the image, says how
        much of each pixel was painted. Where it is 0, every value of the file stays. An `image` of another size is an
        enlargement, and all its pixels are new.
        """
        if self.is_plain:
            return image
        is_enlarged = image.size != self.own.size
        original = self._enlarged(image.size) if is_enlarged else self
        own = numbers_of(original.own)
        ways = _Ways.of(original)
        changed = np.ones(mask.shape, bool) if is_enlarged else mask > 0
        if original.alpha is not None:
            # The colour of a fully transparent pixel cannot be determined.
            changed &= np.asarray(original.alpha) > 0
        columns = np.flatnonzero(changed.any(axis=0))
        for top in range(0, len(own) if len(columns) else 0, _STRIP):
            part = slice(top, top + _STRIP), slice(columns[0], columns[-1] + 1)
            if changed[part].any():
                new = ways.repainted(own[part], original.picture, image, mask[part], part)
                own[part][changed[part]] = new[changed[part]]
        made = Image.fromarray(own)
        if original.alpha is None:
            return made
        made.putalpha(original.alpha)
        return made

    def hides(self, mask: np.ndarray) -> bool:
        """Whether a painted pixel is more than half transparent; `mask`: (height, width) float32 in 0..1."""
        if self.alpha is None or self.alpha.size != (mask.shape[1], mask.shape[0]):
            return False
        return bool(((mask > 0.5) & (np.asarray(self.alpha) < 128)).any())

    def _enlarged(self, size: tuple[int, int]) -> Original:
        own = cv2.resize(np.asarray(self.own), size, interpolation=cv2.INTER_CUBIC)
        alpha = None if self.alpha is None else self.alpha.resize(size, Image.Resampling.BICUBIC)
        larger = Image.fromarray(own)
        return replace(self, own=larger, alpha=alpha, picture=_view(larger, alpha, self.profile))


def read_original(source: Path) -> Original:
    """Read a template's file. Raises BadPicture as `read_picture` does."""
    with decoded(source, keeps_alpha=True) as held:
        profile, notes = usable_profile(held)
        remarks = [
            *(note("template-profile-ignored", "The template: {note}.", note=said) for said in notes),
            *_remarks(held),
        ]
        convert: Conversion = in_8_bits
        mode = "L" if held.mode == "I;16" else held.mode
        if held.mode == "I;16" and not held.is_clear:
            convert, mode = _as_it_is, "I;16"
        elif held.mode == "I;16":
            # PNG can hold both, but Pillow cannot write it.
            remarks.append(
                note(
                    "16-bits-with-transparency",
                    "The template has 16 bits for each grey and transparency; the result has 8.",
                )
            )
        if held.mode == "CMYK" or (profile is not None and not _knows_the_way_back(profile)):
            remarks.append(_one_way_words(held.mode, profile))
            convert, mode, profile = _out_of_8_bits(way_to_srgb(profile)), "RGB", None
        colours, alpha = _own_numbers(held, convert, mode)
    colours = turned(colours, held.turn)
    alpha = None if alpha is None else turned(alpha, held.turn)
    is_grey = mode != "RGB" or _is_grey(colours)
    if is_grey:
        remarks.append(note("template-grey", "The template is in shades of grey, and so is the result."))
    is_plain = mode == "RGB" and alpha is None and (profile is None or profile.is_srgb)
    picture = colours if is_plain else _view(colours, alpha, profile)
    return Original(picture, colours, alpha, profile, is_grey, tuple(remarks))


def _as_it_is(colours: Image.Image) -> Image.Image:
    return colours


def _out_of_8_bits(convert: Conversion) -> Conversion:
    return lambda colours: convert(in_8_bits(colours))


def _own_numbers(held: Decoded, convert: Conversion, mode: str) -> tuple[Image.Image, Image.Image | None]:
    """Colours of the whole picture and, where something is transparent, its alpha, not yet turned."""
    alpha = Image.new("L", held.raw.size) if held.is_clear else None

    def part(place: Place) -> Image.Image:
        colours, shining = held.parts(place)
        if alpha is not None and shining is not None:
            alpha.paste(shining, place[:2])
        return convert(colours)

    return put_together(held.raw.size, mode, part), alpha


def _remarks(held: Decoded) -> list[Text]:
    """Notes on how the result, a PNG, differs from the file."""
    remarks = []
    if held.kind == "palette":
        remarks.append(
            note("template-palette", "The template has a palette of at most 256 colours; the result has all colours.")
        )
    if held.kind == "1 bit":
        remarks.append(
            note("template-black-white", "The template is in black and white without greys; the result has greys.")
        )
    if held.kind == "Lab":
        remarks.append(note("template-lab", "The template is a Lab picture; the result is in sRGB."))
    kept = 16 if held.mode == "I;16" else 8
    if held.bits > kept:
        remarks.append(
            note(
                "template-bits",
                "The template has {bits} bits for each colour; the result has {kept}.",
                bits=held.bits,
                kept=kept,
            )
        )
    if held.is_clear:
        remarks.append(note("template-transparent", "The template's transparency was kept."))
    return remarks


def _one_way_words(mode: str, profile: Profile | None) -> Text:
    if mode == "CMYK":
        if profile is None:
            return note(
                "template-cmyk-without-profile",
                "The template is a CMYK picture for print without a colour profile; the result is in sRGB, with "
                "approximate colours.",
            )
        if not profile.name:
            return note("template-cmyk", "The template is a CMYK picture for print; the result is in sRGB.")
        return note(
            "template-cmyk-named",
            "The template is a CMYK picture for print ({name}); the result is in sRGB.",
            name=profile.name,
        )
    assert profile is not None
    return note(
        "template-profile-one-way",
        "The template's colour profile ({name}) can only be read, not written; the result is in sRGB.",
        name=profile.name or text("unnamed"),
    )


def _knows_the_way_back(profile: Profile) -> bool:
    try:
        profile.from_srgb()
    except UnusableProfile:
        return False
    return True


def _view(colours: Image.Image, alpha: Image.Image | None, profile: Profile | None) -> Image.Image:
    """The picture as sRGB on white."""
    convert = _out_of_8_bits(way_to_srgb(profile))

    def part(place: Place) -> Image.Image:
        picture = convert(colours.crop(place))
        return picture if alpha is None else on_white(picture, alpha.crop(place))

    return put_together(colours.size, "RGB", part)


def _is_grey(picture: Image.Image) -> bool:
    return all(_has_grey_alone(picture.crop(place)) for place in places(picture.size))


def _has_grey_alone(picture: Image.Image) -> bool:
    red, green, blue = picture.split()
    pairs = ((red, green), (green, blue), (red, blue))
    return all(_most(ImageChops.difference(one, other)) <= GREY_TOLERANCE for one, other in pairs)


def _most(channel: Image.Image) -> int:
    return max(number for number, count in enumerate(channel.histogram()) if count)


@dataclass(frozen=True, eq=False)
class _Ways:
    """Conversions between the template's own values and sRGB."""

    own: Image.Image
    alpha: np.ndarray | None
    is_grey: bool
    into: Callable[[Image.Image], Image.Image]
    back: Conversion | None

    @classmethod
    def of(cls, original: Original) -> _Ways:
        profile = original.profile
        moves = profile is not None and not profile.is_srgb
        back = profile.from_srgb() if profile is not None and moves else None
        alpha = None if original.alpha is None else np.asarray(original.alpha)

        into = _out_of_8_bits(way_to_srgb(profile))
        return cls(original.own, alpha, original.is_grey, into, back)

    def repainted(
        self, own: np.ndarray, before: Image.Image, after: Image.Image, mask: np.ndarray, part: tuple[slice, slice]
    ) -> np.ndarray:
        """A part of the template plus the change from `before` to `after`, both in sRGB on white.

        `own`: the part's own values, uint8 or uint16 (height, width) or (height, width, 3); `mask`: (height, width)
        float32 in 0..1. Returns an array like `own`.
        """
        rows, columns = part
        box = (columns.start, rows.start, columns.start + own.shape[1], rows.start + len(own))
        bare = np.asarray(self.into(Image.fromarray(own)))
        goal = np.asarray(after.crop(box).convert("RGB"))
        if self.alpha is not None:
            # On white a change is visible in proportion to the pixel's alpha.
            cover = np.maximum(self.alpha[part][..., None].astype(np.float32) / 255, 1 / 255)
            change = goal.astype(np.float32) - np.asarray(before.crop(box)).astype(np.float32)
            goal = np.clip(np.rint(bare + change / cover), 0, 255).astype(np.uint8)
        # What the template loses in the conversion to sRGB and back (colours outside sRGB, and rounding) fades out
        # under the paint: converting the painted pixels alone would show a step where the mask begins.
        paint = 1 - (mask if own.ndim == 2 else mask[..., None]).astype(np.float32)
        rest = own.astype(np.float32) - self.in_own(bare)
        most = np.iinfo(own.dtype).max
        return np.asarray(np.clip(np.rint(self.in_own(goal) + paint * rest), 0, most).astype(own.dtype))

    def in_own(self, srgb: np.ndarray) -> np.ndarray:
        """sRGB pixels, (height, width, 3) uint8, as float32 values of the template: its shape and range."""
        picture = as_picture(greys_of(srgb) if self.is_grey else srgb)
        if self.back is not None:
            picture = self.back(picture)
        values = np.asarray(picture).astype(np.float32)
        if self.is_grey and values.ndim == 3:
            # Rounding in the profile would tint a grey by one step.
            values = np.repeat(values[..., 1:2], 3, axis=2) if self.own.mode == "RGB" else values[..., 1]
        return values * _PER_STEP if self.own.mode == "I;16" else values


def greys_of(srgb: np.ndarray) -> np.ndarray:
    """Each pixel's luminance (IEC 61966-2-1) as an sRGB grey: (height, width, 3) uint8 with three equal channels."""
    luminance = linear(srgb) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    grey = as_bytes(np.arange(65536) / 65535)[np.rint(luminance * 65535).astype(np.uint16)]
    return np.repeat(grey[..., None], 3, axis=2)
