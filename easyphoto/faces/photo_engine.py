"""Face engine for photographs, composed of a detector, an embedder, a parser and a saliency network."""

from __future__ import annotations

import numpy as np
from PIL import Image

from easyphoto.faces.embedders import Embedder
from easyphoto.faces.engine import Covering, Domain, Face, LikenessScale, Worn
from easyphoto.faces.parse import landmark_parts, surroundings
from easyphoto.faces.parts import CoveringSense, Detector, Parser, Saliency
from easyphoto.faces.tiles import faces_in_tiles
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array
from easyphoto.weights.catalog import UsedWeight


class LandmarkParser:
    """Parses faces by geometry from the five points; needs no weight file."""

    id = "landmarks"
    outlines = False
    weights: tuple[UsedWeight, ...] = ()

    def parse(self, picture: Image.Image, face: Face, foreground: np.ndarray | None = None) -> np.ndarray:
        """As `landmark_parts`: (height, width) uint8 part labels; `foreground` is (height, width) in 0..1."""
        return landmark_parts(as_array(picture), face, foreground)

    def worn(self, picture: Image.Image, face: Face) -> None:
        return None


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
        """Faces, largest first. Where the whole of a large picture shows none, its parts are searched."""
        return self._detector.detect(picture) or faces_in_tiles(self._detector.detect, picture)

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

    def worn(self, picture: Image.Image, face: Face) -> frozenset[Worn] | None:
        return self._parser.worn(picture, face)

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
