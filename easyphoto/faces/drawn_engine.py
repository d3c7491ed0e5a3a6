"""The face analysis of drawings: the networks that ship with the miniature. Imports torch; import it late."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.errors import WeightsMissing
from easyphoto.faces import networks
from easyphoto.faces.engine import Domain, Face
from easyphoto.geometry import Box
from easyphoto.images import as_array


class DrawnEngine:
    """Detector, parser and embedder of drawn people."""

    id = "drawings"
    domain = Domain.DRAWINGS

    def __init__(self, folder: Path, *, notes: tuple[str, ...] = ()) -> None:
        for name in ("detector", "parser"):
            if not (folder / f"{name}.safetensors").is_file():
                raise WeightsMissing(
                    f"{folder / name}.safetensors is not there.",
                    advice="It ships with EasyPhoto: restore models/miniature/faces from the repository.",
                )
        self.notes = notes
        self._detector, self._detector_config = networks.load_network(folder, "detector")
        self._parser, self._parser_config = networks.load_network(folder, "parser")
        has_embedder = (folder / "embedder.safetensors").is_file()
        self._embedder = networks.load_network(folder, "embedder") if has_embedder else None

    @property
    def embedder(self) -> str | None:
        return str(self._embedder[1]["id"]) if self._embedder else None

    @property
    def same_person_limit(self) -> float | None:
        """The cosine that one pair of strangers in a hundred reaches, as the embedder's calibration says."""
        if self._embedder is None:
            return None
        impostors = self._embedder[1]["cosine_quantiles"]["impostor"]
        return float(np.interp(99.0, np.linspace(0.0, 100.0, len(impostors)), impostors))

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        found = networks.detect(self._detector, self._detector_config, as_array(picture))
        faces = [Face(Box(*box), np.asarray(points, np.float32), float(score)) for box, points, score in found]
        return tuple(sorted(faces, key=lambda face: -face.box.area))

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        if self._embedder is None:
            return None
        module, config = self._embedder
        aligned = networks.align(as_array(picture), np.asarray(face.points, np.float32), int(config["input_size"]))
        return np.asarray(networks.embed(module, config, aligned[None])[0], np.float32)

    def percentile(self, cosine: float) -> float:
        return networks.percentile(self._embedder[1], cosine, "genuine") if self._embedder else 0.0

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        image = as_array(picture)
        crop, frame = networks.parse_crop(image, (face.box.left, face.box.top, face.box.right, face.box.bottom))
        labels = networks.parse(self._parser, self._parser_config, crop)
        return _laid_back(labels, frame, image.shape[:2])


def _laid_back(labels: np.ndarray, frame: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The labels of a crop (left, top, side) on the whole picture; label edges are smoothed, not stepped."""
    import cv2

    left, top, side = (float(value) for value in frame)
    scale = side / labels.shape[0]
    x0, y0 = max(round(left), 0), max(round(top), 0)
    x1, y1 = min(round(left + side), shape[1]), min(round(top + side), shape[0])
    result = np.zeros(shape, np.uint8)
    if x1 <= x0 or y1 <= y0:
        return result
    shift = (0.5 * scale - 0.5) + np.array([left - x0, top - y0])
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    strongest = np.zeros((y1 - y0, x1 - x0), np.float32)
    for label in np.unique(labels):
        here = (labels == label).astype(np.float32)
        laid = cv2.warpAffine(here, matrix, (x1 - x0, y1 - y0), borderMode=cv2.BORDER_REPLICATE)
        wins = laid > strongest
        result[y0:y1, x0:x1][wins] = label
        strongest[wins] = laid[wins]
    return result
