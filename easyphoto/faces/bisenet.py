"""Face parts by a BiSeNet-type network (Yu et al., 2018) trained on CelebAMask-HQ, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from easyphoto.errors import WeightsMissing
from easyphoto.faces.engine import Face, Part, Worn
from easyphoto.faces.onnx_session import answers_of, open_session
from easyphoto.faces.part_maps import laid_back
from easyphoto.faces.saliency import normalised
from easyphoto.images.pictures import as_array, warped
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight

# Part of each of CelebAMask-HQ's 19 classes, in their order. Glasses count as eyes, so that they are not retouched as
# skin; earrings, necklaces and hats count as the part they are worn on.
_PART_OF_CLASS = np.array(
    [
        Part.BACKGROUND, Part.SKIN, Part.BROWS, Part.BROWS, Part.EYES, Part.EYES, Part.EYES, Part.EARS, Part.EARS,
        Part.EARS, Part.NOSE, Part.MOUTH, Part.MOUTH, Part.MOUTH, Part.NECK, Part.NECK, Part.CLOTHES, Part.HAIR,
        Part.HAIR,
    ],
    np.uint8,
)  # fmt: skip
_WORN = ((6, Worn.GLASSES), (18, Worn.HAT))
"""Classes of what is worn."""
_LEAST_WORN = 0.01
"""Share of the square from which something is worn. Two lenses of 0.8 by 0.45 eye distances take 4.5 % of it."""
_SIDE = 512
_OUTSIDE_THE_FACE = (Part.EARS, Part.HAIR, Part.NECK, Part.CLOTHES)


class BiSeNet:
    """Face parser that runs on one aligned square of 512 px around the face."""

    id = "bisenet"
    outlines = True

    def __init__(self, file: Path, weights: tuple[UsedWeight, ...] = ()) -> None:
        self.weights = weights
        self._session = open_session(file)
        self._input = self._session.get_inputs()[0].name
        answer = self._session.get_outputs()[0]
        if len(answer.shape) != 4 or answer.shape[1] != len(_PART_OF_CLASS):
            raise WeightsMissing(
                text(
                    "{file} gives {shape}, not {count} parts of a face.",
                    file=file,
                    shape=answer.shape,
                    count=len(_PART_OF_CLASS),
                ),
                advice=text("Put a BiSeNet trained on CelebAMask-HQ there, e.g. yakhyo/face-parsing's resnet18.onnx."),
            )

    def parse(self, picture: Image.Image, face: Face, foreground: np.ndarray | None = None) -> np.ndarray:
        """(height, width) uint8 part labels of an RGB picture; all background when the face's points coincide.

        Ears, hair, neck and clothes become background where `foreground`, a (height, width) mask in 0..1, is below 0.5.
        """
        image = as_array(picture)
        matrix = _aligned_square(face.points)
        if matrix is None:
            return np.zeros(image.shape[:2], np.uint8)
        labels = laid_back(_PART_OF_CLASS[self._classes(image, matrix)], matrix, image.shape)
        if foreground is not None:
            labels[np.isin(labels, _OUTSIDE_THE_FACE) & (foreground < 0.5)] = Part.BACKGROUND
        return labels

    def worn(self, picture: Image.Image, face: Face) -> frozenset[Worn]:
        """Glasses and hats; nothing when the face's points coincide."""
        matrix = _aligned_square(face.points)
        if matrix is None:
            return frozenset()
        classes = self._classes(as_array(picture), matrix)
        return frozenset(worn for number, worn in _WORN if (classes == number).mean() >= _LEAST_WORN)

    def _classes(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """(512, 512) numbers of CelebAMask-HQ's classes; `matrix` is that of `_aligned_square`."""
        crop = warped(image, cv2.invertAffineTransform(matrix), (_SIDE, _SIDE))
        answer = answers_of(self._session, {self._input: normalised(crop / np.float32(255))}, self.id)[0]
        return answer[0].argmax(0)


def _aligned_square(points: np.ndarray) -> np.ndarray | None:
    """The (2, 3) matrix from the crop's pixels to the picture's; None when the points coincide.

    The crop of CelebA-HQ (Karras et al., 2018): aligned to eyes and mouth, with a side of four eye distances or 3.6
    eye-to-mouth distances, whichever is larger.
    """
    points = np.asarray(points, np.float64)
    eyes, across = points[:2].mean(0), points[1] - points[0]
    down = points[3:5].mean(0) - eyes
    right = across + np.array([down[1], -down[0]])
    length = float(np.linalg.norm(right))
    if length < 1e-6:
        return None
    right /= length
    half = max(2.0 * float(np.linalg.norm(across)), 1.8 * float(np.linalg.norm(down)))
    turn = np.array([[right[0], -right[1]], [right[1], right[0]]]) * (2 * half / _SIDE)
    # Coordinates are pixel centres, so the crop's middle is at (side − 1) / 2.
    shift = eyes + 0.1 * down - turn @ np.full(2, (_SIDE - 1) / 2)
    return np.column_stack([turn, shift])
