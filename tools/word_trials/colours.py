"""Whether words act: is a region of a drawing nearer to the colour that was asked for than without the words?

A colour is the mean of what the renderer of drawn people makes of its word, in CIE Lab; near is CIE76. Background is
what the parser calls so above the chin: below it, shoulders wider than its square would count too. Clothes are what it
calls clothes, if they are a two-hundredth of the picture or more.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from easyphoto.drawings.backgrounds import paint_background
from easyphoto.drawings.canvas import Canvas
from easyphoto.drawings.scene import sample_colour
from easyphoto.faces.engine import Face, Part, part_mask
from easyphoto.images.srgb import as_lab

HUES: Mapping[str, float] = {"red": 0.0, "green": 1 / 3, "blue": 2 / 3, "purple": 0.78}
"""The word's place on the circle of hues, 0 to 1. All four are words of the miniature's captions (hair, eyes, lips)."""
PLACES = ("landscape", "lights")
"""Backgrounds of the miniature's captions whose mean colour is far from that of any background (a city's is near)."""
_WIDTH = 1 / 24
_DRAWS, _BACKGROUNDS, _SIDE = 6000, 60, 64
_FEWEST = 0.005


@dataclass(frozen=True)
class Wish:
    """Words for one drawing, and the colours they ask for: CIE Lab, (3,) float64, by region."""

    words: str
    colours: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Change:
    """How far a region is from the colour asked for (CIE76), with the words and without them."""

    region: str
    word: str
    with_words: float
    without: float

    @property
    def nearer(self) -> bool:
        return self.with_words < self.without


def palette_colour(word: str) -> np.ndarray:
    """Return the mean, CIE Lab, of the renderer's colours within 15° of the word's hue."""
    rng = np.random.default_rng(0)
    drawn = np.array([sample_colour(rng) for _ in range(_DRAWS)])
    hues = np.array([colorsys.rgb_to_hsv(*colour)[0] for colour in drawn])
    away = np.abs((hues - HUES[word] + 0.5) % 1 - 0.5)
    chosen = np.rint(255 * drawn[away <= _WIDTH]).astype(np.uint8)
    return np.asarray(as_lab(chosen[None])[0].mean(axis=0), np.float64)


def place_colour(place: str) -> np.ndarray:
    """Return the mean, CIE Lab, of the renderer's backgrounds of that kind, in any colours."""
    rng, means = np.random.default_rng(1), []
    for seed in range(_BACKGROUNDS):
        canvas = Canvas(np.zeros((_SIDE, _SIDE, 3), np.uint8), np.zeros((_SIDE, _SIDE), np.uint8))
        paint_background(canvas, place, (sample_colour(rng), sample_colour(rng), sample_colour(rng)), seed)
        means.append(as_lab(canvas.image).mean(axis=(0, 1)))
    return np.asarray(np.mean(means, axis=0), np.float64)


def colour_wishes() -> list[Wish]:
    """A background in one colour, clothes in another."""
    others = dict(zip(HUES, [*list(HUES)[2:], *list(HUES)[:2]], strict=True))
    return [
        Wish(
            f"{background} background, {clothes} sweater",
            {"background": palette_colour(background), "clothes": palette_colour(clothes)},
        )
        for background, clothes in others.items()
    ]


def place_wishes() -> list[Wish]:
    return [Wish(f"{place} background", {"background": place_colour(place)}) for place in PLACES]


def regions(labels: np.ndarray, face: Face) -> dict[str, np.ndarray]:
    """Return masks (height, width) bool of `background` and `clothes` from a part map; what is too small is left out.

    `labels` is (height, width) uint8 of `Part`.
    """
    above = np.arange(labels.shape[0])[:, None] < face.box.bottom
    found = {
        "background": (part_mask(labels, (Part.BACKGROUND,)) > 0) & above,
        "clothes": part_mask(labels, (Part.CLOTHES,)) > 0,
    }
    return {name: mask for name, mask in found.items() if mask.mean() >= _FEWEST}


def mean_colours(picture: np.ndarray, masks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return each region's mean colour, CIE Lab, of a (height, width, 3) uint8 RGB picture."""
    lab = as_lab(picture)
    return {name: np.asarray(lab[mask].mean(axis=0), np.float64) for name, mask in masks.items()}


def changes(wish: Wish, drawn: Mapping[str, np.ndarray], plain: Mapping[str, np.ndarray]) -> list[Change]:
    """Compare the regions that both pictures have: `drawn` from the wish's words, `plain` from none."""
    return [
        Change(region, wish.words, distance(drawn[region], asked), distance(plain[region], asked))
        for region, asked in wish.colours.items()
        if region in drawn and region in plain
    ]


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other))


def tally(found: Sequence[Change]) -> dict[str, dict[str, float]]:
    """Return for each region how many pictures are nearer, of how many, and by how much on average (CIE76)."""
    tallies = {}
    for region in dict.fromkeys(change.region for change in found):
        of = [change for change in found if change.region == region]
        gained = float(np.mean([change.without - change.with_words for change in of]))
        tallies[region] = {"nearer": sum(change.nearer for change in of), "of": len(of), "gained": round(gained, 2)}
    return tallies
