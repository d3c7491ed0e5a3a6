"""Face engine for drawings: the networks that ship with the miniature. Imports torch, so import it lazily."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakKeyDictionary, ref

import numpy as np
from PIL import Image

from easyphoto.errors import WeightsMissing
from easyphoto.faces import drawn_analysis, networks
from easyphoto.faces.candidates import largest_first
from easyphoto.faces.crop import ARCFACE_POINTS
from easyphoto.faces.drawn_covering import drawn_covering
from easyphoto.faces.drawn_embedder import DrawnEmbedder
from easyphoto.faces.engine import Covering, Domain, Face
from easyphoto.faces.part_maps import laid_back, square_matrix
from easyphoto.faces.tiles import faces_in_tiles
from easyphoto.geometry import Box, scale_of, similarity, transformed
from easyphoto.images.pictures import as_array
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight

# Centre of a head of 84 × 114 px in the 112 px square of `ARCFACE_POINTS`.
_HEAD_CENTRE = np.array([[56.0, 60.0]])


class DrawnEngine:
    """Satisfies `FaceEngine` for drawings. Without an embedder persons are not told apart."""

    id = "drawings"
    domain = Domain.DRAWINGS
    missed = ()
    decided = ""

    def __init__(self, folder: Path, *, notes: tuple[str, ...] = ()) -> None:
        for name in ("detector", "parser"):
            if not (folder / f"{name}.safetensors").is_file():
                raise WeightsMissing(
                    text("{file}.safetensors is missing.", file=folder / name),
                    advice=text("It ships with EasyPhoto: restore models/miniature/faces from the repository."),
                )
        self.notes = notes
        self._detector, self._detector_config = networks.load_network(folder, "detector")
        self._parser, self._parser_config = networks.load_network(folder, "parser")
        has_embedder = (folder / "embedder.safetensors").is_file()
        self._embedder = DrawnEmbedder(folder) if has_embedder else None
        self.scale = self._embedder.scale if self._embedder is not None else None
        # Of the newest picture: what covers a face is read from its part map, which is wanted once more soon after.
        self._parsed: tuple[ref[Image.Image] | None, WeakKeyDictionary[Face, np.ndarray]] = None, WeakKeyDictionary()

    @property
    def embedder(self) -> str | None:
        return self._embedder.id if self._embedder else None

    @property
    def same_person_limit(self) -> float | None:
        """The cosine that 1 % of pairs of strangers reach, from the embedder's calibration."""
        return self.scale.same_person_limit if self.scale is not None else None

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """Empty: the networks for drawings ship with EasyPhoto."""
        return ()

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        """Faces, largest first. Where the whole of a large picture shows none, its parts are searched."""
        return self._detected(picture) or faces_in_tiles(self._detected, picture)

    def _detected(self, picture: Image.Image) -> tuple[Face, ...]:
        found = drawn_analysis.detect(self._detector, self._detector_config, as_array(picture))
        return largest_first(
            [Face(Box(*box), np.asarray(points, np.float32), float(score)) for box, points, score in found]
        )

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        """(128,) float32 embedding of unit length; None without an embedder."""
        return self._embedder.embed(picture, face) if self._embedder else None

    def doubt(self, picture: Image.Image, face: Face) -> float:
        """Mean entropy of the parser's labels around the face, in nats: 0 (certain) to 2.3; about 0.1 on drawings."""
        crop, _ = drawn_analysis.parse_crop(as_array(picture), _head_of(face.points))
        return drawn_analysis.doubt(self._parser, crop)

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(height, width) uint8 part labels of an RGB picture; background outside a square of 1.7 face lengths."""
        newest, maps = self._parsed
        if newest is None or newest() is not picture:
            maps = WeakKeyDictionary()
            self._parsed = ref(picture), maps
        if face not in maps:
            maps[face] = self._labels(picture, face)
        return maps[face]

    def _labels(self, picture: Image.Image, face: Face) -> np.ndarray:
        image = as_array(picture)
        crop, frame = drawn_analysis.parse_crop(image, (face.box.left, face.box.top, face.box.right, face.box.bottom))
        labels = drawn_analysis.parse(self._parser, self._parser_config, crop)
        return laid_back(labels, square_matrix(*map(float, frame), pixels=labels.shape[0]), image.shape[:2])

    def outlines_at(self, picture: Image.Image, face: Face) -> bool:
        return True

    def remarks(self, picture: Image.Image, face: Face) -> tuple[str, ...]:
        return ()

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        return drawn_covering(as_array(picture), self.parse(picture, face), face)

    def worn(self, picture: Image.Image, face: Face) -> None:
        """Nobody in the drawings that the parser learned from wears anything."""
        return None


def _head_of(points: np.ndarray) -> tuple[float, float, float, float]:
    """The box (left, top, right, bottom) of a head with these (5, 2) points; independent of the detector, because
    detectors disagree on boxes."""
    matrix = similarity(np.asarray(ARCFACE_POINTS), points)
    (x, y), unit = transformed(_HEAD_CENTRE, matrix)[0], scale_of(matrix)
    return x - 42 * unit, y - 57 * unit, x + 42 * unit, y + 57 * unit
