"""Classification of faces, and of a person's pictures, as drawn or photographed.

A drawing has even areas between a few hard lines, and the parser of drawings is confident on it. A photographed face is
shaded everywhere, and that parser is uncertain. Both are measured on the aligned face alone at one size, so that
background, cut-out, size and missing colour have no influence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.errors import BadPicture
from easyphoto.faces.crop import CropRecipe
from easyphoto.faces.engine import Domain, Face
from easyphoto.images.decoding import header_of
from easyphoto.images.formats import MOST_MEMORY
from easyphoto.images.pictures import read_picture
from easyphoto.messages import Text, text
from easyphoto.parallel import Budget, in_order, spare_threads
from easyphoto.progress import Progress

FaceFinder = Callable[[Image.Image], tuple[Face, ...]]
DomainOf = Callable[[Image.Image, Face], Domain]


_SIDE = 112
# Ellipse from brows to chin in the aligned square, in pixels; it excludes hair and background.
_CENTRE, _RADII = (55.5, 70.0), (38.0, 42.0)
# YuNet makes one pass over pictures up to this size; its second pass finds faces too small to train on.
_LONGEST = 960
_WEIGHTS = np.array((-24.351, -3.45, -12.182, 29.206, 0.957, -4.852, -5.966, 3.766, 12.597, -2.865, 2.19), np.float64)
_BIAS = 30.426


def drawn_score(picture: Image.Image, face: Face, doubt: float) -> float:
    """Log odds that a face is drawn: above 0 drawn, below 0 photographed.

    `doubt` is the entropy of the drawings' parser (`DrawnEngine.doubt`). The weights are a logistic regression on 240
    photographs, 59 further ones that were retouched or made by diffusion models, 240 drawings and 108 pictures made by
    the miniature, each unchanged and in up to 25 variants: grey, sepia, JPEG at quality 10, faces of 40 to 160 px, GIF
    colours, blurred, smoothed, noisy, dark, flat, harsh, cut out on white, black, red or blue. In cross-validation 2 of
    299 photographs and none of 348 drawings were misclassified; over all variants 1.0 % and 1.8 %, and 3.0 % and 5.7 %
    without the parser's doubt. All of 18 paintings, which were not in the training data, count as photographs.
    """
    return float(_WEIGHTS @ np.array([doubt, *_statistics(picture, face)]) + _BIAS)


def say_so(domain: Domain) -> Text:
    """How to choose `domain` instead of the assumed one, as the end of a sentence."""
    return text("say so: --engine {kind} (in the tab: Kind of pictures; in the API: options.engine)", kind=domain.value)


def domain_of_score(score: float) -> Domain:
    return Domain.DRAWINGS if score > 0 else Domain.PHOTOGRAPHS


@dataclass(frozen=True)
class DomainChoice:
    """The domain that pictures are assumed to have, and why."""

    domain: Domain
    faces: int = 0
    """Number of faces examined."""
    agreeing: int = 0
    """Number of them that look like `domain`."""

    @property
    def why(self) -> Text:
        """The reason, for messages and records."""
        return text(
            "{agreeing} of {faces} faces look {looks}",
            agreeing=self.agreeing,
            faces=self.faces,
            looks=self.domain.looks,
        )


def chosen_domain(
    pictures: Sequence[Path], finders: Sequence[FaceFinder], domain_of: DomainOf, progress: Progress
) -> DomainChoice | None:
    """The domain of most pictures' largest faces; None when no finder detects a face in any of them.

    For each picture the first finder that detects a face is used. Unreadable pictures are skipped here and reported
    later.
    """
    budget = Budget(MOST_MEMORY)

    def looked_at(picture: Path) -> Domain | None:
        try:
            with budget.spent(header_of(picture).memory):
                image = read_picture(picture, longest=_LONGEST)
        except BadPicture:
            return None
        faces = next((found for find in finders if (found := find(image))), ())
        return domain_of(image, faces[0]) if faces else None

    seen = []
    with closing(in_order(looked_at, pictures, spare_threads())) as looks:
        for _ in pictures:
            progress.check()
            seen.append(next(looks))
    seen = [domain for domain in seen if domain is not None]
    if not seen:
        return None
    drawn = seen.count(Domain.DRAWINGS)
    # A single face is misclassified in about 1 % of cases, a majority hardly ever; a tie more likely means photographs.
    if 2 * drawn > len(seen):
        return DomainChoice(Domain.DRAWINGS, len(seen), drawn)
    return DomainChoice(Domain.PHOTOGRAPHS, len(seen), len(seen) - drawn)


def _statistics(picture: Image.Image, face: Face) -> tuple[float, ...]:
    """Log quantiles (10, 50 and 90 %) of the lightness' gradient and of its Laplacian at two scales, and its skewness.

    Lightness is divided by its deviation, so that neither contrast nor skin colour has an influence.
    """
    import cv2

    square = CropRecipe().square(picture, face, _SIDE)
    lightness = cv2.cvtColor(square, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32) / 2.55
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    inside = ((columns - _CENTRE[0]) / _RADII[0]) ** 2 + ((rows - _CENTRE[1]) / _RADII[1]) ** 2 < 1
    deviation = max(float(lightness[inside].std()), 2.0)
    light = lightness / deviation
    fine, coarse = (cv2.GaussianBlur(light, (0, 0), width) for width in (0.7, 1.5))
    slope = np.hypot(cv2.Sobel(fine, -1, 1, 0), cv2.Sobel(fine, -1, 0, 1)) / 8
    bends = (np.abs(cv2.Laplacian(image, cv2.CV_32F)) for image in (fine, coarse))
    logs = [np.log(np.quantile(each[inside], (0.1, 0.5, 0.9)) + 1e-3) for each in (slope, *bends)]
    lean = float((((lightness[inside] - np.median(lightness[inside])) / deviation) ** 3).mean())
    return (*(float(value) for value in np.concatenate(logs)), lean)
