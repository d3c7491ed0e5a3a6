"""Reads photos upright: by EXIF first, then by the quarter turn that the detector chose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face
from easyphoto.geometry import Size, resized_points, square_around
from easyphoto.images.decoding import upright_size
from easyphoto.images.pictures import read_at_least, read_picture, reduced_to, shrunk
from easyphoto.messages import Text
from easyphoto.preprocess.standing import turned
from easyphoto.preprocess.verdict import Verdict

# Side of the area read around a face, in face lengths; comparison of copies and the largest crops need three.
_SURROUNDINGS = 16.0
_LARGE = 5000


def original_size(photo: Path) -> Size:
    """The full size of a photo in pixels, upright by its EXIF tag, read from its header. Raises BadPicture."""
    return Size(*upright_size(photo))


@dataclass(frozen=True, eq=False)
class DecodedPhoto:
    """A photo that is decoded once for all that is measured of it."""

    path: Path
    full: Size
    """Of the file, upright by its EXIF tag."""
    picture: Image.Image
    """Upright by its EXIF tag, perhaps at a fraction of its size."""
    notes: tuple[Text, ...]

    @classmethod
    def of(cls, path: Path, full: Size, long: int) -> DecodedPhoto:
        """The photo with a longer side of at least `long` pixels, or its own. Raises BadPicture."""
        return cls(path, full, *read_at_least(path, long))

    def at(self, longest: int | None) -> Image.Image:
        """The picture with a longer side of `longest` pixels, or its own.

        The limits for sharpness were measured on pictures reduced by Lanczos: others are softer by up to 0.05.
        """
        long = self.full.long if longest is None else min(longest, self.full.long)
        is_enough = max(self.picture.size) >= long
        # The face of a large group may need pixels that were not decoded.
        return reduced_to(self.picture if is_enough else read_at_least(self.path, long)[0], long)

    def averaged(self, longest: int) -> Image.Image:
        """As `at`, in a fifth of the time, for detectors."""
        return shrunk(self.picture, longest)


def scaled_face(face: Face, factor: float) -> Face:
    """The face on the same picture resized by `factor`."""
    points = resized_points(face.points, factor).astype(np.float32)
    return replace(face, box=face.box.scaled(factor), points=points)


def upright_photo(
    verdict: Verdict, *, longest: int | None = None, photo: DecodedPhoto | None = None
) -> tuple[Image.Image, Face | None]:
    """A judged photo, upright, its longer side at most `longest` pixels, and its face in that picture's pixels.

    `photo` is the photo where it was decoded before; it is for measuring, without it the picture is for looking at.
    """
    full = photo.full if photo else original_size(verdict.path)
    seen = photo.at(longest) if photo else read_picture(verdict.path, longest=longest)
    picture = turned(seen, verdict.rotation)
    factor = max(picture.size) / full.long
    return picture, None if verdict.face is None else scaled_face(verdict.face, factor)


def upright_face(verdict: Verdict, side: int, *, photo: DecodedPhoto | None = None) -> tuple[Image.Image, Face]:
    """As `upright_photo`, at a size where the face's longer side has at least `side` pixels, or the photo's own.

    Of a picture larger than `_LARGE` only the face's surroundings are returned: networks would otherwise process 100
    megapixels several times.
    """
    if verdict.face is None:
        raise ValueError(f"{verdict.photo} has no face.")
    length = max(verdict.face.box.width, verdict.face.box.height, 1.0)
    full = photo.full if photo else original_size(verdict.path)
    longest = None if length <= side else max(1, round(full.long * side / length))
    picture, face = upright_photo(verdict, longest=longest, photo=photo)
    assert face is not None
    around = square_around(face.box, _SURROUNDINGS, Size.of(picture)) if max(picture.size) > _LARGE else None
    if around is None:
        return picture, face
    left, top, right, bottom = around.as_ints()
    return picture.crop((left, top, right, bottom)), face.moved(-left, -top)
