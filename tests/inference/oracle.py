"""A face engine that knows the drawings it is shown: exact boxes, points and parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import Drawing, draw, draw_group
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces.engine import Covering, Domain, Face, LikenessScale, Part
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.weights.catalog import UsedWeight


def drawn(seed: int, *, style: str = "paint", framing: str = "close", photo: int = 0, size: int = 256) -> Drawing:
    identity = sample_identity(seed)
    scene = sample_scene(seed * 16 + photo, identity, style=style, framing=framing, photo_index=photo)  # type: ignore[arg-type]
    return draw(identity, scene, size)


def drawn_group(*seeds: int, width: int = 256, height: int = 160, seed: int = 3) -> Drawing:
    people = [(sample_identity(one), sample_scene(one, sample_identity(one), style="paint")) for one in seeds]
    return draw_group(people, seed, width, height)


@dataclass
class OracleEngine:
    """Finds the faces of drawings it was told; nothing on any other picture."""

    known: dict[str, Drawing] = field(default_factory=dict)
    id: str = "oracle"
    domain: Domain = Domain.DRAWINGS
    embedder: str | None = "oracle-colours"
    same_person_limit: float | None = 0.5
    scale: LikenessScale | None = None
    weights: tuple[UsedWeight, ...] = ()
    missed: tuple[str, ...] = ()
    outlines: bool = True
    notes: tuple[str, ...] = ()
    decided: str = ""

    def shown(self, drawing: Drawing) -> Image.Image:
        picture = as_picture(drawing.image)
        self.known[_key(picture)] = drawing
        return picture

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        drawing = self.known.get(_key(picture))
        if drawing is None:
            return ()
        faces = [Face(Box(*face.box), face.points.astype(np.float32), 1.0) for face in drawing.faces]
        return tuple(sorted(faces, key=lambda face: -face.box.area))

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        if self.embedder is None:
            return None
        inner = face.box.grown(*(-0.2 * face.box.width,) * 4).as_ints()
        mean = as_array(picture.crop(inner)).reshape(-1, 3).mean(0) - 127.5
        return (mean / np.linalg.norm(mean)).astype(np.float32)

    def outlines_at(self, picture: Image.Image, face: Face) -> bool:
        return self.outlines

    def remarks(self, picture: Image.Image, face: Face) -> tuple[str, ...]:
        return ()

    def worn(self, picture: Image.Image, face: Face) -> None:
        return None

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        return None

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        drawing = self.known[_key(picture)]
        rows, columns = np.mgrid[: picture.height, : picture.width]
        box = face.box.grown(*(0.25 * face.box.width,) * 4)
        near = (columns >= box.left) & (columns < box.right) & (rows >= box.top) & (rows < box.bottom)
        return np.where(near, drawing.parts, int(Part.BACKGROUND)).astype(np.uint8)


def _key(picture: Image.Image) -> str:
    return hashlib.sha256(np.asarray(picture).tobytes()).hexdigest()
