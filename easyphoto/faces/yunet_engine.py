"""The face analysis of photographs: YuNet finds faces and five points, geometry and GrabCut find the parts.

There is no embedder for photographs here, so identity is not checked; whoever uses the engine says so.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from easyphoto.errors import WeightsMissing
from easyphoto.faces.engine import Domain, Face
from easyphoto.faces.parse import landmark_parts
from easyphoto.geometry import Box
from easyphoto.images import as_array

# YuNet was trained at 640; below 256 px it finds nothing, so small pictures are enlarged and narrow ones padded.
_SIDE = 640
_LARGE_SIDE = 1280
_NARROWEST = 320
_SCORE = 0.6
_OVERLAP = 0.3


class YuNetEngine:
    """Detection of real faces. Reads the network once; pictures of any size."""

    id = "photographs"
    domain = Domain.PHOTOGRAPHS
    embedder: str | None = None
    same_person_limit: float | None = None

    def __init__(self, file: Path, *, notes: tuple[str, ...] = ()) -> None:
        self.notes = notes
        self._network = _loaded(file)

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        image = np.ascontiguousarray(as_array(picture)[..., ::-1])
        faces = self._detect_at(image, _SIDE)
        if not faces and max(image.shape[:2]) > 1.5 * _SIDE:
            # A small face in a large picture: look again with twice the detail.
            faces = self._detect_at(image, _LARGE_SIDE)
        return tuple(sorted(faces, key=lambda face: -face.box.area))

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        return None

    def percentile(self, cosine: float) -> float:
        return 0.0

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        return landmark_parts(as_array(picture), face)

    def _detect_at(self, image: np.ndarray, side: int) -> list[Face]:
        height, width = image.shape[:2]
        scale = side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small = cv2.resize(image, size, interpolation=way)
        right, bottom = max(0, _NARROWEST - size[0]), max(0, _NARROWEST - size[1])
        padded = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        self._network.setInputSize((padded.shape[1], padded.shape[0]))
        _, rows = self._network.detect(padded)
        # Where width and height were rounded differently, each direction goes back by its own scale.
        back = np.array([width / size[0], height / size[1]])
        return [] if rows is None else [_face(row, back) for row in rows]


def _loaded(file: Path) -> cv2.FaceDetectorYN:
    # OpenCV 5 warns at every load that the file has an older opset; it reads it all the same.
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        return cv2.FaceDetectorYN.create(str(file), "", (_SIDE, _SIDE), _SCORE, _OVERLAP, 50)
    except cv2.error as error:
        raise WeightsMissing(
            f"{file} cannot be read by OpenCV.", advice="Delete it, so that it is fetched again."
        ) from error
    finally:
        cv2.utils.logging.setLogLevel(before)


def _face(row: np.ndarray, back: np.ndarray) -> Face:
    """YuNet's row: x, y, width, height, five points (the person's right eye, the viewer's left one, first), score."""
    corner, extent = row[:2] * back, row[2:4] * back
    left, top = float(corner[0]), float(corner[1])
    box = Box(left, top, left + float(extent[0]), top + float(extent[1]))
    return Face(box, (row[4:14].reshape(5, 2) * back).astype(np.float32), float(row[14]))
