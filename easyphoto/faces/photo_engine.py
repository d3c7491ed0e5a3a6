"""Face engine for photographs, composed of a detector, an embedder, a parser and a saliency network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from easyphoto.faces.candidates import largest_first, strongest
from easyphoto.faces.embedders import Embedder
from easyphoto.faces.engine import Covering, Domain, Face, LikenessScale
from easyphoto.faces.parse import landmark_parts, surroundings
from easyphoto.faces.parts import CoveringSense, Detector, Parser, Saliency
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array
from easyphoto.weights.catalog import UsedWeight

# The longer side up to which detectors see every face that can be replaced.
_LONGEST = 1600
_TILE = 2000
# Of a tile's side, so that a face on the border of one lies whole in the next.
_TILES_SHARE = 0.25
_OVERLAP = 0.3


class LandmarkParser:
    """Parses faces by geometry from the five points; needs no weight file."""

    id = "landmarks"
    outlines = False
    weights: tuple[UsedWeight, ...] = ()

    def parse(self, picture: Image.Image, face: Face, foreground: np.ndarray | None = None) -> np.ndarray:
        """As `landmark_parts`: (height, width) uint8 part labels; `foreground` is (height, width) in 0..1."""
        return landmark_parts(as_array(picture), face, foreground)


class PhotoEngine:
    """Satisfies `FaceEngine` for photographs. Without an embedder persons are not told apart."""

    id = Domain.PHOTOGRAPHS.value
    domain = Domain.PHOTOGRAPHS
    missed = ()
    decided = ""

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder | None = None,
        *,
        parser: Parser | None = None,
        saliency: Saliency | None = None,
        coverings: CoveringSense | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.notes = notes
        self._detector, self._embedder = detector, embedder
        self._parser: Parser = parser or LandmarkParser()
        self._saliency = saliency
        self._coverings = coverings

    @property
    def parts(self) -> tuple[str, ...]:
        """Ids of its parts, detector first."""
        made_of = (self._detector, self._embedder, self._parser, self._saliency)
        return tuple(part.id for part in made_of if part is not None)

    @property
    def embedder(self) -> str | None:
        return self._embedder.id if self._embedder else None

    @property
    def scale(self) -> LikenessScale | None:
        return self._embedder.scale if self._embedder else None

    @property
    def same_person_limit(self) -> float | None:
        return self.scale.same_person_limit if self.scale else None

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        made_of = (self._detector, self._embedder, self._parser, self._saliency, self._coverings)
        # Without duplicates: YuNet serves both detection and coverings.
        return tuple(dict.fromkeys(used for part in made_of if part is not None for used in part.weights))

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        """Faces, largest first. Where the whole of a large picture shows none, its parts are searched: detectors see
        it reduced to their own size, and then a face of a panorama or of a large scan has few pixels left.
        """
        return self._detector.detect(picture) or _in_tiles(self._detector, picture)

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        """(N,) float32 embedding of unit length; None without an embedder."""
        return self._embedder.embed(picture, face) if self._embedder else None

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(height, width) uint8 part labels; a saliency network's mask, if there is one, delimits the person."""
        return self._parser.parse(picture, face, self._foreground(picture, face))

    def outlines_at(self, picture: Image.Image, face: Face) -> bool:
        return self._parser.outlines

    def remarks(self, picture: Image.Image, face: Face) -> tuple[str, ...]:
        return ()

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        return self._coverings.covering(picture, face) if self._coverings else None

    def _foreground(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        """(height, width) float32 mask of people around the face; None without a saliency network.

        The network runs on a crop, because at its 320 px a whole picture would leave few pixels for the hair.
        """
        area = surroundings(face, Size.of(picture))
        if self._saliency is None or area.width < 1 or area.height < 1:
            return None
        left, top, right, bottom = area.as_ints()
        mask = np.zeros((picture.height, picture.width), np.float32)
        mask[top:bottom, left:right] = self._saliency.mask(picture.crop((left, top, right, bottom)))
        return mask


def _in_tiles(detector: Detector, picture: Image.Image) -> tuple[Face, ...]:
    """The faces of a picture's overlapping tiles, in pixels of the picture."""
    if max(picture.size) <= _LONGEST:
        return ()
    found = []
    for top in _starts(picture.height):
        for left in _starts(picture.width):
            tile = picture.crop((left, top, min(left + _TILE, picture.width), min(top + _TILE, picture.height)))
            found += [_moved(face, left, top) for face in detector.detect(tile)]
    boxes = np.array([(face.box.left, face.box.top, face.box.right, face.box.bottom) for face in found])
    kept = strongest(boxes, np.array([face.score for face in found]), _OVERLAP)
    return largest_first([found[index] for index in kept])


def _starts(length: int) -> range:
    """Where tiles begin along a side of `length` pixels."""
    step = round(_TILE * (1 - _TILES_SHARE))
    return range(0, max(1, length - round(_TILE * _TILES_SHARE)), step)


def _moved(face: Face, left: int, top: int) -> Face:
    points = np.asarray(face.points, np.float64) + np.array([left, top])
    return replace(face, box=face.box.moved(left, top), points=points.astype(np.float32))
