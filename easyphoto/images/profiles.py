"""Colour profiles (ICC): what a picture's numbers mean, and the ways to sRGB and back."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.messages import Text, text

Conversion = Callable[[Image.Image], Image.Image]

# Relative colorimetric: what both sides can show stays what it is, so that the way back ends where it began. Perceptual
# tables press every colour together on the way out, and not by the same amount on the way back.
_RELATIVE = 1
# Black point compensation, lcms' own number (Pillow 10.1 renamed its constant): without it the shadows of print
# profiles, whose black is a dark grey, come out flat.
_BLACK_POINT = 0x2000
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SAID = {"RGB": text("colour"), "L": text("greyscale"), "CMYK": text("CMYK")}
# Display, input, output and colour space; links, abstract and named-colour profiles say nothing about a picture.
_CLASSES = ("mntr", "scnr", "prtr", "spac")
_LONGEST_NAME = 60


class UnusableProfile(Exception):
    """Why a profile says nothing about a picture; never leaves what reads pictures."""

    def __init__(self, why: Text) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Profile:
    """A profile that fits the pictures of a mode."""

    content: bytes
    mode: str
    """L, RGB or CMYK."""
    name: str
    is_srgb: bool
    """The numbers mean what they mean in sRGB (a grey one: in sRGB's greys), so that nothing need be converted."""

    def to_srgb(self) -> Conversion:
        """Pictures of `mode` to RGB."""
        return _conversion(_opened(self.content), _srgb(), self.mode, "RGB")

    def from_srgb(self) -> Conversion:
        """RGB to pictures of `mode`. Raises UnusableProfile for one that only knows the way to sRGB."""
        return _conversion(_srgb(), _opened(self.content), "RGB", self.mode)


def profile_for(content: bytes, mode: str) -> Profile:
    """The profile for a picture of that mode. Raises UnusableProfile with the reason in words."""
    opened = _opened(content)
    space = _MODES.get(opened.profile.xcolor_space.strip())
    if opened.profile.device_class not in _CLASSES or space is None:
        raise UnusableProfile(text("it is of a kind that no picture has"))
    if space != mode:
        raise UnusableProfile(text("it is for {kind} pictures", kind=_SAID[space]))
    profile = Profile(content, mode, _name_of(opened), is_srgb=False)
    return Profile(content, mode, profile.name, is_srgb=mode != "CMYK" and _moves_nothing(profile))


def _moves_nothing(profile: Profile) -> bool:
    """Every photo of a phone or camera that embeds sRGB must stay as it is, byte by byte, and costs no conversion.

    lcms rounds by up to one step there and back; of the profiles called sRGB none moves a colour by more.
    """
    if profile.mode == "L":
        before = np.arange(256, dtype=np.uint8)[None]
        after, before = np.asarray(profile.to_srgb()(Image.fromarray(before))), before[..., None]
    else:
        steps = np.linspace(0, 255, 9).round().astype(np.uint8)
        before = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        after = np.asarray(profile.to_srgb()(Image.fromarray(before)))
    return bool(np.abs(after.astype(int) - before.astype(int)).max() <= 1)


def lab_to_srgb(picture: Image.Image) -> Image.Image:
    """A Lab picture (TIFF has them) as RGB. Raises UnusableProfile where this Pillow lacks lcms."""
    cms = _cms()
    return _conversion(cms.ImageCmsProfile(cms.createProfile("LAB")), _srgb(), "LAB", "RGB")(picture)


def _cms() -> Any:
    try:
        from PIL import ImageCms

        ImageCms.core.littlecms_version  # noqa: B018  # raises where Pillow was built without it
    except (ImportError, AttributeError) as error:
        raise UnusableProfile(text("this Pillow was built without colour management (littlecms)")) from error
    return ImageCms


def _srgb() -> Any:
    cms = _cms()
    return cms.ImageCmsProfile(cms.createProfile("sRGB"))


def _opened(content: bytes) -> Any:
    try:
        return _cms().ImageCmsProfile(io.BytesIO(content))
    except (OSError, ValueError, TypeError) as error:
        raise UnusableProfile(text("it is broken")) from error


def _conversion(source: Any, target: Any, source_mode: str, target_mode: str) -> Conversion:
    cms = _cms()
    try:
        transform = cms.buildTransform(
            source, target, source_mode, target_mode, renderingIntent=_RELATIVE, flags=_BLACK_POINT
        )
    except (cms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise UnusableProfile(text("it is broken, or knows only one way")) from error

    def converted(picture: Image.Image) -> Image.Image:
        made: Image.Image = transform.apply(picture)
        # Pillow puts the target's profile there, which whoever saves the picture would embed.
        made.info.pop("icc_profile", None)
        return made

    return converted


def _name_of(opened: Any) -> str:
    try:
        text = str(opened.profile.profile_description or "")
    except (OSError, ValueError, UnicodeError):
        text = ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST_NAME]
