"""SFace (Zhong et al., 2021) run by OpenCV: a small embedder that needs no further package."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face, LikenessScale
from easyphoto.faces.opencv_files import created, reading
from easyphoto.geometry import Size, unit
from easyphoto.images.pictures import as_array, reduced
from easyphoto.parallel import Spares
from easyphoto.weights.catalog import UsedWeight

# OpenCV's alignment does not antialias, so a much larger face is reduced first. The network takes 112 px.
_WIDEST_FACE = 224


class SFaceEmbedder:
    """Embeds a face in 128 dimensions. Raises WeightsMissing when OpenCV cannot read the file."""

    def __init__(
        self, file: Path, *, id: str, scale: LikenessScale | None = None, weights: tuple[UsedWeight, ...] = ()
    ) -> None:
        self.id, self.scale, self.weights = id, scale, weights
        self._networks = Spares(lambda: _loaded(file))

    def vector(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(128,) float32 numbers as the network gives them; `picture` is RGB."""
        left, top, right, bottom = _around(face, Size.of(picture))
        image = np.ascontiguousarray(as_array(picture.crop((left, top, right, bottom)))[..., ::-1])
        points = np.asarray(face.points, np.float32) - (left, top)
        factor = _WIDEST_FACE / max(face.box.width, face.box.height)
        if factor < 1:
            image, ratio = reduced(image, factor)
            points = (points + 0.5) / ratio - 0.5
        # OpenCV uses only the points of the row.
        row = [0, 0, image.shape[1], image.shape[0], *points.ravel(), face.score]
        with self._networks.one() as network:
            square = network.alignCrop(image, np.array([row], np.float32))
            return np.array(network.feature(square), np.float32).ravel()

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(128,) float32 embedding of unit length; `picture` is RGB."""
        return unit(self.vector(picture, face))


def _around(face: Face, picture: Size) -> tuple[int, int, int, int]:
    """Box (left, top, right, bottom) of the face and its surroundings; the whole picture if the box is outside it."""
    near = face.box.grown(face.box.width, face.box.height, face.box.width, face.box.height).clipped(picture)
    return near.as_ints() if near.width >= 1 and near.height >= 1 else (0, 0, picture.width, picture.height)


def _loaded(file: Path) -> cv2.FaceRecognizerSF:
    with reading(file, "SFace"):
        network = created(cv2.FaceRecognizerSF.create, file)
        # Another network's file loads as well and fails at the first face.
        network.feature(np.zeros((112, 112, 3), np.uint8))
        return network
