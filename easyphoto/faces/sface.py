"""SFace (Zhong et al., 2021) as OpenCV runs it: small, and needs no further package."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face, LikenessScale
from easyphoto.faces.opencv_files import created, reading
from easyphoto.geometry import Size, unit
from easyphoto.images.pictures import as_array, reduced
from easyphoto.weights.catalog import UsedWeight

# OpenCV's warp takes single pixels, so a much larger face is reduced first; 112 px is what the network sees.
_WIDEST_FACE = 224


class SFaceEmbedder:
    """128 numbers for a face. Raises WeightsMissing where OpenCV cannot read the file."""

    def __init__(
        self, file: Path, *, id: str, scale: LikenessScale | None = None, weights: tuple[UsedWeight, ...] = ()
    ) -> None:
        self.id, self.scale, self.weights = id, scale, weights
        self._network = _loaded(file)

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray:
        """float32 (128,) of length 1, of an RGB picture."""
        left, top, right, bottom = _around(face, Size.of(picture))
        image = np.ascontiguousarray(as_array(picture.crop((left, top, right, bottom)))[..., ::-1])
        points = np.asarray(face.points, np.float32) - (left, top)
        factor = _WIDEST_FACE / max(face.box.width, face.box.height)
        if factor < 1:
            image, ratio = reduced(image, factor)
            points = (points + 0.5) / ratio - 0.5
        # Of the row only the points are looked at.
        row = [0, 0, image.shape[1], image.shape[0], *points.ravel(), face.score]
        square = self._network.alignCrop(image, np.array([row], np.float32))
        return unit(self._network.feature(square))


def _around(face: Face, picture: Size) -> tuple[int, int, int, int]:
    """The face with its surroundings; everything where the box lies beside the picture."""
    near = face.box.grown(face.box.width, face.box.height, face.box.width, face.box.height).clipped(picture)
    return near.as_ints() if near.width >= 1 and near.height >= 1 else (0, 0, picture.width, picture.height)


def _loaded(file: Path) -> cv2.FaceRecognizerSF:
    with reading(file, "SFace"):
        network = created(cv2.FaceRecognizerSF.create, file)
        # A file of another network loads as well, and fails at the first face.
        network.feature(np.zeros((112, 112, 3), np.uint8))
        return network
