"""The restorer's training pairs: drawn faces with the faults of a pass at 128 px, and what they should have been.

A person and a stranger are drawn in the same scene. The person's crop goes through the autoencoder, and the change that
it makes is enlarged and laid on a ground, by the product's own code: the ground is the stranger (whose fine lines then
stay under the person's coarse ones, as where the networks paint alone), the person (what fusion leaves is nearly that),
or a mixture. All is aligned to the square that a restorer is given. Drawn from the number alone; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from easyphoto.backends.folders import base_model
from easyphoto.backends.latents import decoded, encoded
from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import Framing, Scene, sample_scene
from easyphoto.faces.engine import FACE_PARTS, part_mask
from easyphoto.geometry import Box, Size, similarity, square_around
from easyphoto.images.masks import closed, dilated, inner_fade
from easyphoto.images.pictures import as_picture, resized, warped
from easyphoto.inference.finish import repainted
from easyphoto.inference.masks import FADE, GAPS, INSET
from easyphoto.restoration.aligned import FACE_POINTS
from easyphoto.restoration.base import FACE_SIDE

FIRST_PERSON, FIRST_STRANGER = 320_000, 4_400_000
FACE_WIDTHS = 80.0, 420.0  # pixels of the picture, evenly in octaves
SIZES = 224, 1000
FRAMINGS: tuple[Framing, ...] = ("portrait", "close")
STRANGER, THEMSELVES = 0.4, 0.3  # shares of the grounds; the rest are mixtures
FUSED = 0.3  # share into which the person's own pixels were mixed afterwards
MOST_NOISE = 0.25  # of the latents' size: decoded latents of a pass are less exact than a picture's own


@dataclass(frozen=True, eq=False)
class Square:
    """(512, 512, 3) uint8 `before` and `after`, (512, 512) uint8 `painted`."""

    before: np.ndarray
    after: np.ndarray
    painted: np.ndarray


@cache
def autoencoder() -> Any:
    from easyphoto.backends.loading import load_components

    family, base = base_model("miniature")
    return load_components(family, base, dtype=torch.float32, device="cpu").vae


def square_at(number: int) -> Square:
    rng = np.random.default_rng((number, 59))
    person, stranger = sitting(number, rng)
    box = _crop(person, rng)
    truth, other = (_cut(drawing.image, box) for drawing in (person, stranger))
    painted = _alpha(person, box)
    ground = _ground(truth, other, rng)
    made = repainted(ground, _small(ground), through_autoencoder(truth, rng), painted)
    if rng.random() < FUSED:
        share = rng.uniform(0.3, 0.8) * painted[..., None]
        made = np.rint(made + share * (truth.astype(np.float32) - made)).astype(np.uint8)
    wanted = np.rint(ground + painted[..., None] * (truth.astype(np.float32) - ground)).astype(np.uint8)
    points = person.faces[0].points - np.array([box.left, box.top])
    matrix, side = _jittered(similarity(points, FACE_POINTS), rng), (FACE_SIDE, FACE_SIDE)
    shown = np.rint(255 * painted).astype(np.uint8)
    return Square(*(warped(each, matrix, side) for each in (made, wanted, shown)))


def sitting(number: int, rng: np.random.Generator) -> tuple[Drawing, Drawing]:
    """A person and a stranger of the same skin and hair in one scene."""
    person = sample_identity(FIRST_PERSON + number)
    stranger = replace(sample_identity(FIRST_STRANGER + number), skin=person.skin, hair=person.hair)
    scene = sample_scene(stranger.seed * 100, stranger, framing=FRAMINGS[number % 2], photo_index=0)
    size = picture_size(scene, rng, FACE_WIDTHS, SIZES)
    return draw(person, scene, size), draw(stranger, scene, size)


def through_autoencoder(crop: np.ndarray, rng: np.random.Generator) -> Image.Image:
    vae = autoencoder()
    noise = torch.Generator().manual_seed(int(rng.integers(2**32)))
    with torch.inference_mode():
        latents = encoded(vae, [_small(crop)])
        latents = latents + rng.uniform(0, MOST_NOISE) * torch.randn(latents.shape, generator=noise)
        return as_picture(decoded(vae, latents)[0])


def picture_size(
    scene: Scene, rng: np.random.Generator, face_widths: tuple[float, float], sizes: tuple[int, int]
) -> int:
    """The side in pixels at which the face becomes as wide as one of `face_widths`, evenly in octaves."""
    wanted = float(np.exp(rng.uniform(*np.log(face_widths))))
    return int(np.clip(wanted / scene.face_width, *sizes))


def _crop(person: Drawing, rng: np.random.Generator) -> Box:
    family, _ = base_model("miniature")
    around = family.crop_factor * rng.uniform(0.94, 1.06)
    return square_around(Box(*person.faces[0].box), around, Size.of(person.image))


def _cut(array: np.ndarray, box: Box) -> np.ndarray:
    left, top, right, bottom = box.as_ints()
    return array[top:bottom, left:right]


def _small(crop: np.ndarray) -> Image.Image:
    family, _ = base_model("miniature")
    return resized(as_picture(crop), Size(family.resolution, family.resolution))


def _alpha(person: Drawing, box: Box) -> np.ndarray:
    """(h, w) float32: how far the passes paint each pixel, fading inside the face as in `inference.masks`."""
    left, _, right, _ = person.faces[0].box
    width = right - left
    face = closed(part_mask(_cut(person.parts, box), FACE_PARTS), GAPS * width)
    return np.asarray(inner_fade(dilated(face, -INSET * width), FADE * width), np.float32)


def _ground(truth: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kind = rng.random()
    if kind < STRANGER:
        return other
    if kind < STRANGER + THEMSELVES:
        return truth
    coarse = rng.random((5, 5)).astype(np.float32)
    share = cv2.resize(coarse, truth.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    share = np.clip(0.5 + 4 * (share - 0.5), 0, 1)[..., None]
    return np.rint(other + share * (truth.astype(np.float32) - other)).astype(np.uint8)


def _jittered(matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An affine matrix to the square, off by what the detector may be off."""
    angle, scale, shift = rng.normal(0, 0.03), np.exp(rng.normal(0, 0.04)), rng.normal(0, 4, 2)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.full(2, FACE_SIDE / 2)
    return np.column_stack([turn @ matrix[:, :2], turn @ (matrix[:, 2] - centre) + centre + shift])
