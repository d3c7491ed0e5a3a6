"""Warps between two faces, fitted to their five points: one for the pose guide, one for fusion."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face
from easyphoto.geometry import nose_place, scale_of, similarity, transformed
from easyphoto.images.blur import blurred
from easyphoto.images.masks import dilated
from easyphoto.images.pictures import LEAST_WARP, as_array, as_picture, blended, reduced

# Gaussian deviation of a point's own displacement, in face widths: about half the distance between the eyes.
FLOW_REACH = 0.30
# Share of the reference's own proportions that is kept, because they carry the likeness; the rest follows the
# template's pose. On 24 drawn pairs the likeness (cosine) is 0.89, 0.91, 0.92 and 0.92 at 0.7, 0.85, 0.95 and 1.0, and
# 0.91, 0.93, 0.95 and 0.95 when embedded at the face's own points. The remaining 0.05 keeps a turned template from
# showing a frontal face.
SHAPE_KEPT = 0.95
# Whether the features are scaled by the heads' widths (1) or by the distances of the five points (0). On 16 drawn pairs
# the likeness at the face's own points does not depend on it (0.927, 0.925, 0.928 at 0, 0.5, 1). At the template's
# points, which a face of other proportions misses, it falls (0.911, 0.903, 0.883). By eye 1 looks most like the person.
HEAD_SHARE = 0.5
MOST_SCALED = 1.3
# Difference between the noses' positions between the eyes (0 one eye, 1 the other) from which the reference's
# proportions give way to the template's pose, and from which the fusion is refused. Of 16 portrait templates, three
# differed by 0.21 to 0.24: a frontal face came out too small, too wide or with two pairs of brows. The others (at most
# 0.12) came out well.
TURN_BEGINS, TURN_REFUSED = 0.13, 0.20


def pose_guide(
    portrait: Image.Image,
    portrait_face: Face,
    portrait_mask: np.ndarray,
    template_crop: Image.Image,
    template_face: Face,
) -> Image.Image:
    """The template with the portrait's face on it, rotated, scaled and shifted rigidly; input of the pose ControlNet.

    `portrait_mask` is (height, width) of the portrait, 1 on its face and 0 elsewhere. The result has the template
    crop's size. Raises ValueError when the portrait's points coincide.
    """
    warp = rigid_warp(portrait_face.points, template_face.points)
    base = as_array(template_crop)
    laid = warp.applied(as_array(portrait), base.shape[:2])
    alpha = warp.applied(portrait_mask.astype(np.float32), base.shape[:2], outside=0.0)
    edge = max(1.0, 0.02 * template_face.box.width)
    return as_picture(blended(base, laid, blurred(dilated(alpha, -edge), edge)))


def posed_points(portrait_face: Face, template_face: Face) -> np.ndarray:
    """The portrait's five points on the pose guide: (5, 2) float32 pixels."""
    return transformed(portrait_face.points, similarity(portrait_face.points, template_face.points)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Warp:
    """Maps target pixels to source pixels: a similarity plus a smooth displacement near each anchor point."""

    matrix: np.ndarray
    """(2, 3) float64 similarity, source to target."""
    anchors: np.ndarray
    """(N, 2) float64 target pixels, the centres of the Gaussians."""
    weights: np.ndarray
    """(N, 2) float64 coefficients of the Gaussians, in target pixels."""
    reach: float
    """Standard deviation of the Gaussians, in target pixels."""

    @property
    def scale(self) -> float:
        return scale_of(self.matrix)

    def applied(self, picture: np.ndarray, shape: tuple[int, ...], *, outside: float | None = None) -> np.ndarray:
        """`picture` resampled onto a target of `shape` (height, width).

        `picture` is (h, w, 3) uint8 or a (h, w) mask; the dtype is kept. Beyond the picture its edge is repeated, or
        filled with `outside` when given.
        """
        # Bicubic for pictures, since bilinear costs a face a twentieth of its fine detail; bilinear for masks, since
        # bicubic rings.
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
        """Source column and row of every target pixel: two (height, width) float64 arrays."""
        rows, columns = np.arange(shape[0], dtype=np.float64), np.arange(shape[1], dtype=np.float64)
        # A Gaussian is the product of one along the columns and one along the rows.
        across = np.exp(-((columns - self.anchors[:, :1]) ** 2) / (2 * self.reach**2))
        down = np.exp(-((rows - self.anchors[:, 1:]) ** 2) / (2 * self.reach**2))

        def source(along: np.ndarray) -> np.ndarray:
            """The source's column or row: `along` is that row of the inverse similarity."""
            bent = (down.T * (self.weights @ along[:2])) @ across
            bent += along[0] * columns
            bent += (along[1] * rows + along[2])[:, None]
            return bent

        x, y = cv2.invertAffineTransform(self.matrix)
        return source(x), source(y)


def rigid_warp(source: np.ndarray, target: np.ndarray) -> Warp:
    """The similarity from (5, 2) source to target pixels, without displacements.

    Raises ValueError when the source points coincide.
    """
    return Warp(similarity(source, target), np.empty((0, 2)), np.empty((0, 2)), 1.0)


def shape_kept(source: np.ndarray, target: np.ndarray) -> float:
    """The `shape_kept` (0..SHAPE_KEPT) that the two poses allow `flowing_warp`; both arguments are (5, 2) pixels.

    Raises ValueError when one face is turned so much farther than the other that half of it would have to be invented.
    """
    apart = abs(nose_place(source) - nose_place(target))
    if apart > TURN_REFUSED:
        raise ValueError(
            "one of the two faces is turned much farther than the other; a photo with the face turned "
            "the same way would help"
        )
    return SHAPE_KEPT * float(np.clip((TURN_REFUSED - apart) / (TURN_REFUSED - TURN_BEGINS), 0.0, 1.0))


def flowing_warp(
    source: np.ndarray, target: np.ndarray, *, shape_kept: float, reach: float, heads: float | None = None
) -> Warp:
    """The similarity, bent near the points so that each moves 1 − `shape_kept` of its way to the target's point.

    `source` and `target` are (5, 2) pixels. `shape_kept` 1 keeps the source's proportions, 0 maps every point exactly
    onto the target's. `reach` is in target pixels. `heads` is the width of the target's head divided by the source's:
    scaled by the eye distance alone, close-set and wide-set eyes would become the same on the template's head.
    """
    matrix = similarity(source, target)
    if heads is not None:
        larger = float(np.clip(heads / scale_of(matrix), 1 / MOST_SCALED, MOST_SCALED)) ** HEAD_SHARE
        middle = np.asarray(target, np.float64).mean(0)
        matrix = similarity(source, middle + (np.asarray(target, np.float64) - middle) * larger)
    rigid = transformed(source, matrix)
    goal = np.asarray(target, np.float64) * (1 - shape_kept) + rigid * shape_kept
    distances = ((goal[:, None] - goal[None]) ** 2).sum(-1)
    # The ridge keeps the weights small where points are close together (mouth corners of a turned head).
    system = np.exp(-distances / (2 * reach**2)) + 0.05 * np.eye(len(goal))
    return Warp(matrix, goal, np.linalg.solve(system, rigid - goal), reach)
