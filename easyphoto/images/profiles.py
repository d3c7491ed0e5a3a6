"""ICC colour profiles, and the conversions to sRGB and back."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.messages import Text, text

Conversion = Callable[[Image.Image], Image.Image]

# Relative colorimetric intent keeps colours that both sides can show, so that the way back ends where it began.
# Perceptual tables compress every colour on the way out, and not by the same amount on the way back.
_RELATIVE = 1
# Black point compensation, by lcms' own number (Pillow 10.1 renamed its constant). Without it the shadows of print
# profiles, whose black is a dark grey, become flat.
_BLACK_POINT = 0x2000
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SAID = {"RGB": text("colour"), "L": text("greyscale"), "CMYK": text("CMYK")}
# Display, input, output and colour-space profiles; links, abstract and named-colour profiles do not describe pictures.
_CLASSES = ("mntr", "scnr", "prtr", "spac")
_LONGEST_NAME = 60


class UnusableProfile(Exception):
    """Why a profile cannot be used; the functions that read pictures catch it."""

    def __init__(self, why: Text) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Profile:
    """A profile for pictures of one mode."""

    content: bytes
    mode: str
    """L, RGB or CMYK."""
    name: str
    is_srgb: bool
    """Whether its values are those of sRGB (for a grey profile, of sRGB's greys), so that no conversion is needed."""

    def to_srgb(self) -> Conversion:
        """The conversion from pictures of `mode` to sRGB."""
        return _conversion(_opened(self.content), _srgb(), self.mode, "RGB")

    def from_srgb(self) -> Conversion:
        """The conversion from sRGB to pictures of `mode`. Raises UnusableProfile where the profile lacks it."""
        return _conversion(_srgb(), _opened(self.content), "RGB", self.mode)


def profile_for(content: bytes, mode: str) -> Profile:
    """The profile for pictures of that mode. Raises UnusableProfile with the reason in words."""
    opened = _opened(content)
    space = _MODES.get(opened.profile.xcolor_space.strip())
    if opened.profile.device_class not in _CLASSES or space is None:
        raise UnusableProfile(text("it is not a profile for pictures"))
    if space != mode:
        raise UnusableProfile(text("it is for {kind} pictures", kind=_SAID[space]))
    profile = Profile(content, mode, _name_of(opened), is_srgb=False)
    return Profile(content, mode, profile.name, is_srgb=mode != "CMYK" and _moves_nothing(profile))


def _moves_nothing(profile: Profile) -> bool:
    """Whether the conversion to sRGB changes no colour: photos that embed sRGB stay byte for byte, without its cost.

    lcms rounds by up to one step there and back; no profile called sRGB moves a colour by more.
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
    """A Lab picture, which TIFF files may hold, as RGB. Raises UnusableProfile where Pillow lacks lcms."""
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
        raise UnusableProfile(text("it is broken, or can only be read")) from error

    def converted(picture: Image.Image) -> Image.Image:
        made: Image.Image = transform.apply(picture)
        # Pillow stores the target's profile there, and saving the picture would embed it.
        made.info.pop("icc_profile", None)
        return made

    return converted


def _name_of(opened: Any) -> str:
    try:
        text = str(opened.profile.profile_description or "")
    except (OSError, ValueError, UnicodeError):
        text = ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST_NAME]
