"""Drawn or photographed: how one face looks, and what a person's pictures are taken for.

A drawing has even areas between a few hard lines, and the networks that read drawings are sure of what they see on it;
light lies on every pixel of a photographed face, and those networks hesitate. Both are measured on the face alone,
laid upright at one size: backgrounds, cut-outs, sizes and missing colours say nothing about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.errors import BadPicture
from easyphoto.faces.crop import CropRecipe
from easyphoto.faces.engine import Domain, Face
from easyphoto.images.pictures import read_picture
from easyphoto.messages import Text, text
from easyphoto.progress import Progress

FaceFinder = Callable[[Image.Image], tuple[Face, ...]]
DomainOf = Callable[[Image.Image, Face], Domain]


_SIDE = 112
# Of the upright square, the ellipse from brows to chin: hair and background are not the face's own.
_CENTRE, _RADII = (55.5, 70.0), (38.0, 42.0)
# YuNet looks once at pictures up to this size; the second look is for faces that nobody would train on.
_LONGEST = 960
_WEIGHTS = np.array((-24.351, -3.45, -12.182, 29.206, 0.957, -4.852, -5.966, 3.766, 12.597, -2.865, 2.19), np.float64)
_BIAS = 30.426


def drawn_score(picture: Image.Image, face: Face, doubt: float) -> float:
    """The log of the odds that a face is drawn: above 0 drawn, below photographed.

    `doubt` is the drawings' parser's (`DrawnEngine.doubt`). The weights are a logistic regression on 240 photographs,
    59 further ones of retouched faces and by diffusion networks, 240 drawings and 108 pictures that the miniature
    painted, each as it was and in up to 25 states: grey, sepia, JPEG at quality 10, faces of 40 to 160 px, GIF colours,
    blurred, smoothed, noisy, dark, flat, harsh, cut out on white, black, red, blue. Left out in turn, 2 of 299
    photographs and none of 348 drawings were taken for the other, over all states 1.0 % and 1.8 %; without the parser's
    doubt 3.0 % and 5.7 %. Of 18 paintings, on which nothing was fitted, all count as photographs.
    """
    return float(_WEIGHTS @ np.array([doubt, *_statistics(picture, face)]) + _BIAS)


def say_so(domain: Domain) -> Text:
    """How to change what was assumed to that domain: the end of a sentence."""
    return text("say so: --engine {kind} (in the tab: Kind of pictures; in the API: options.engine)", kind=domain.value)


def domain_of_score(score: float) -> Domain:
    return Domain.DRAWINGS if score > 0 else Domain.PHOTOGRAPHS


@dataclass(frozen=True)
class DomainChoice:
    """What pictures are taken for, and why."""

    domain: Domain
    faces: int = 0
    """How many faces were looked at."""
    agreeing: int = 0
    """How many of them look so."""

    @property
    def why(self) -> Text:
        """For people and for records."""
        return text(
            "{agreeing} of {faces} faces look {looks}",
            agreeing=self.agreeing,
            faces=self.faces,
            looks=self.domain.looks,
        )


def chosen_domain(
    pictures: Sequence[Path], finders: Sequence[FaceFinder], domain_of: DomainOf, progress: Progress
) -> DomainChoice | None:
    """What most of the pictures' largest faces look like; None where no finder sees a face on any of them.

    A face counts as the first finder sees it that sees one. Unreadable pictures get their verdict later.
    """
    seen = []
    for picture in pictures:
        progress.check()
        try:
            image = read_picture(picture, longest=_LONGEST)
        except BadPicture:
            continue
        faces = next((found for find in finders if (found := find(image))), ())
        if faces:
            seen.append(domain_of(image, faces[0]))
    if not seen:
        return None
    drawn = seen.count(Domain.DRAWINGS)
    # A single face is wrong once in a hundred, a majority hardly ever; a draw is more likely a set of real photographs.
    if 2 * drawn > len(seen):
        return DomainChoice(Domain.DRAWINGS, len(seen), drawn)
    return DomainChoice(Domain.PHOTOGRAPHS, len(seen), len(seen) - drawn)


def _statistics(picture: Image.Image, face: Face) -> tuple[float, ...]:
    """How steep and how bent the lightness is where it is most even, in the middle and where it is hardest, and to
    which side it leans.

    In units of its own deviation, so that neither contrast nor the colour of skin counts.
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
