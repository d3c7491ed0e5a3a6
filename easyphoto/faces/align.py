"""Laying one face on another by their five points: the pose guide, and the warp that fusion uses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face
from easyphoto.geometry import nose_place, scale_of, similarity, transformed
from easyphoto.images.masks import dilated
from easyphoto.images.pictures import LEAST_WARP, as_array, as_picture, blended, reduced

# Reach of a point's own displacement, in face widths: about half the distance between the eyes.
FLOW_REACH = 0.30
# How much of the reference's own proportions survives: they carry the likeness; the rest goes to the template's pose.
# On 24 drawn pairs the likeness is 0.89, 0.91, 0.92 and 0.92 at 0.7, 0.85, 0.95 and 1.0, read at the face's own points
# 0.91, 0.93, 0.95 and 0.95; what is left to the template's pose keeps a turned one from showing a frontal face.
SHAPE_KEPT = 0.95
# How far the features' size follows the heads' widths (1) instead of the five points' distances (0). On 16 drawn pairs
# the likeness, read at the face's own points, does not depend on it (0.927, 0.925, 0.928 at 0, 0.5, 1), and at the
# template's points, which a face of other proportions misses, it falls (0.911, 0.903, 0.883); to the eye 1 is truest.
HEAD_SHARE = 0.5
MOST_SCALED = 1.3
# How far apart the nose's places between the eyes (0 one eye, 1 the other) may be before the reference gives way to the
# template's pose, and from where on nothing is laid: on 16 portrait templates a frontal face came out too small, too
# wide or with two pairs of brows on the three that were 0.21 to 0.24 apart, and well on the others (at most 0.12).
TURN_BEGINS, TURN_REFUSED = 0.13, 0.20


def pose_guide(
    portrait: Image.Image,
    portrait_face: Face,
    portrait_mask: np.ndarray,
    template_crop: Image.Image,
    template_face: Face,
) -> Image.Image:
    """The portrait's face on the template's, turned, scaled and moved as one piece. Only the pose control sees it.

    `portrait_mask` is 1 on the portrait's face. Raises ValueError where the portrait's points are all one.
    """
    warp = rigid_warp(portrait_face.points, template_face.points)
    base = as_array(template_crop)
    laid = warp.applied(as_array(portrait), base.shape[:2])
    alpha = warp.applied(portrait_mask.astype(np.float32), base.shape[:2], outside=0.0)
    edge = max(1.0, 0.02 * template_face.box.width)
    return as_picture(blended(base, laid, cv2.GaussianBlur(dilated(alpha, -edge), (0, 0), edge)))


def posed_points(portrait_face: Face, template_face: Face) -> np.ndarray:
    """Where the portrait's five points lie on the pose guide."""
    return transformed(portrait_face.points, similarity(portrait_face.points, template_face.points)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Warp:
    """Target pixel → source pixel: a similarity, and near the points a smooth displacement of their own."""

    matrix: np.ndarray
    """(2, 3), source to target."""
    anchors: np.ndarray
    """(N, 2) target pixels the displacements belong to."""
    weights: np.ndarray
    """(N, 2) coefficients of the Gaussians at the anchors, in target pixels."""
    reach: float

    @property
    def scale(self) -> float:
        return scale_of(self.matrix)

    def applied(self, picture: np.ndarray, shape: tuple[int, ...], *, outside: float | None = None) -> np.ndarray:
        """`picture` (array, one or three channels) as it lies on a target of that (height, width).

        Beyond the picture its edge is repeated, or `outside` taken where given.
        """
        # Bilinear costs a face a twentieth of its fine detail; masks must not ring.
        way = cv2.INTER_CUBIC if picture.ndim == 3 else cv2.INTER_LINEAR
        columns, rows = self.places(shape)
        scale = self.scale
        if scale < LEAST_WARP:
            picture, ratio = reduced(picture, scale)
            columns, rows = (columns + 0.5) / ratio[0] - 0.5, (rows + 0.5) / ratio[1] - 0.5
        border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
        return cv2.remap(
            picture, columns.astype(np.float32), rows.astype(np.float32), way, borderMode=border,
            borderValue=outside or 0.0,
        )  # fmt: skip

    def places(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Source column and row of every target pixel."""
        rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
        moved_x, moved_y = columns.copy(), rows.copy()
        for (x, y), (weight_x, weight_y) in zip(self.anchors, self.weights, strict=True):
            bump = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * self.reach**2))
            moved_x += weight_x * bump
            moved_y += weight_y * bump
        (a, b, c), (d, e, f) = cv2.invertAffineTransform(self.matrix)
        return a * moved_x + b * moved_y + c, d * moved_x + e * moved_y + f


def rigid_warp(source: np.ndarray, target: np.ndarray) -> Warp:
    """The similarity of the points, without a flow. Raises ValueError where the source points are all one."""
    return Warp(similarity(source, target), np.empty((0, 2)), np.empty((0, 2)), 1.0)


def shape_kept(source: np.ndarray, target: np.ndarray) -> float:
    """The share of the reference's proportions that a template in that pose allows, for `flowing_warp`.

    Raises ValueError where one face is turned so much farther than the other that half of it would be made up.
    """
    apart = abs(nose_place(source) - nose_place(target))
    if apart > TURN_REFUSED:
        raise ValueError("one of the two faces is turned much farther than the other; a photo in that pose would do")
    return SHAPE_KEPT * float(np.clip((TURN_REFUSED - apart) / (TURN_REFUSED - TURN_BEGINS), 0.0, 1.0))


def flowing_warp(
    source: np.ndarray, target: np.ndarray, *, shape_kept: float, reach: float, heads: float | None = None
) -> Warp:
    """The similarity, bent near the points so that each covers 1 − `shape_kept` of its way to the target's point.

    1 keeps the source's own proportions, 0 lays every point exactly on the target's. `reach` is in target pixels.
    `heads` is how many times wider the target's head is than the source's: on a head of the template's size, features
    scaled by the eyes alone would lose what tells close-set from wide-set ones.
    """
    matrix = similarity(source, target)
    if heads is not None:
        larger = float(np.clip(heads / scale_of(matrix), 1 / MOST_SCALED, MOST_SCALED)) ** HEAD_SHARE
        middle = np.asarray(target, np.float64).mean(0)
        matrix = similarity(source, middle + (np.asarray(target, np.float64) - middle) * larger)
    rigid = transformed(source, matrix)
    goal = np.asarray(target, np.float64) * (1 - shape_kept) + rigid * shape_kept
    distances = ((goal[:, None] - goal[None]) ** 2).sum(-1)
    # The small ridge keeps neighbouring points (mouth corners of a turned head) from fighting with huge weights.
    system = np.exp(-distances / (2 * reach**2)) + 0.05 * np.eye(len(goal))
    return Warp(matrix, goal, np.linalg.solve(system, rigid - goal), reach)
