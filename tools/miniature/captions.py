"""What can be said of a drawn picture: for everything that is seen in it the ways of saying it, and captions of them.

A caption is a few attributes at a time, those that people ask for more often, because a word that stands beside twenty
others is hardly answerable for anything; and everything that has words may be missing from a caption.
"""

from __future__ import annotations

import colorsys
import itertools
from dataclasses import dataclass

import numpy as np
from networks import TRIGGER

from easyphoto.drawings.identity import IRIS_COLOURS, DrawnIdentity, age_word
from easyphoto.drawings.scene import Scene

PERSON = "1person"  # how the product's prompts for drawings name one person (inference/drawing.py)
TRIGGER_SHARE, EMPTY_SHARE = 0.22, 0.10
MOST_ATTRIBUTES = 6  # with trigger and person they fit into 32 tokens; longer captions are cut
CLOSE, WIDE = 1.40, 1.85  # sides of the crop / of the face box
_PLACES = {
    "plain": ("plain background",),
    "gradient": ("gradient background",),
    "stripes": ("stripes background", "striped background"),
    "shapes": ("shapes background",),
    "room": ("room background", "indoors", "in a room"),
    "landscape": ("landscape background", "outdoors", "hills background"),
    "lights": ("lights background", "night background"),
    "city": ("city background", "city street"),
}
_IN_ONE_COLOUR = {"plain": "", "gradient": "gradient ", "stripes": "striped ", "shapes": "shapes ", "room": "room "}
"""Backgrounds whose colours are the scene's own, and how the word for them stands after the colour."""


@dataclass(frozen=True)
class Said:
    """One thing that is seen: ways of saying it, and how often it is said beside the others."""

    ways: tuple[str, ...]
    weight: float = 1.0


def attributes(identity: DrawnIdentity, scene: Scene, factor: float) -> list[Said]:
    """Everything in a picture that has words; `factor` is the side of the crop in sides of the face box."""
    return [*_background(scene), *_look(identity, scene), *_face(identity), *_camera(scene, factor)]


def colour_word(colour: tuple[float, float, float]) -> str:
    """The everyday name of an RGB colour in 0..1."""
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    degrees = 360 * hue
    if value < 0.17:
        return "black"
    if saturation < 0.2:
        return "white" if value > 0.86 else "grey"
    if 12 <= degrees < 48 and value < 0.62:
        return "brown"
    if (degrees >= 325 or degrees < 12) and saturation < 0.5 and value > 0.72:
        return "pink"
    limits = [(14, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (195, "teal"), (256, "blue")]
    limits += [(318, "purple"), (342, "pink" if value > 0.6 else "purple"), (361, "red")]
    return next(word for until, word in limits if degrees < until)


def shade_word(colour: tuple[float, float, float]) -> str:
    """`light`, `dark` or nothing, to stand before a colour's name."""
    value = colorsys.rgb_to_hsv(*colour)[2]
    return "light " if value > 0.8 else "dark " if value < 0.48 else ""


def _background(scene: Scene) -> list[Said]:
    found = [Said(_PLACES[scene.background], 3.0)]
    if scene.background in _IN_ONE_COLOUR:
        colour, pattern = scene.background_colours[0], _IN_ONE_COLOUR[scene.background]
        word = colour_word(colour)
        ways = (f"{word} background", f"{word} {pattern}background", f"{shade_word(colour)}{word} background")
        found.append(Said((ways[0], *ways), 4.0))
    return found


def _look(identity: DrawnIdentity, scene: Scene) -> list[Said]:
    """Hair, clothes, age, expression."""
    hair = scene.words().split(", ")[0]
    colour, form = hair.removesuffix(f" {scene.hair_form} hair"), scene.hair_form
    hairs = ("bald",) if form == "bald" else (hair, f"{colour} hair", f"{colour} hair", f"{form} hair")
    piece = "striped shirt" if scene.clothes == "striped" else scene.clothes
    worn = colour_word(scene.clothes_colour)
    clothes = (f"{worn} {piece}", f"{worn} {piece}", f"{worn} clothes", piece)
    mood: tuple[str, ...] = ("calm", "serious") if scene.smile < 0.1 else ("calm", "neutral")
    if scene.smile > 0.35:
        mood = ("smiling", "smile")
    if scene.mouth_open > 0.45:
        mood = ("open mouth", "laughing") if scene.smile > 0.35 else ("open mouth",)
    worn_too = [Said((scene.glasses,), 4.0)] if scene.glasses else []
    return [Said(hairs, 4.0), Said(clothes, 4.0), Said(mood, 2.5), *worn_too, *_age(identity)]


def _age(identity: DrawnIdentity) -> list[Said]:
    if identity.age is None:
        return [Said(("adult",), 0.4)]
    word = age_word(identity.age)
    ways = (word,) if word in ("child", "adult") else (word, f"{word} person")
    return [Said((*ways, "elderly") if identity.age >= 68 else ways, 0.8 if word == "adult" else 4.0)]


def _face(identity: DrawnIdentity) -> list[Said]:
    """The words of the identity, small features seldom; and what those leave out."""
    found = []
    for word in identity.words().split(", "):
        if word.endswith(" skin") or word.removesuffix(" eyes") in IRIS_COLOURS:
            found.append(Said((word,), 2.5))
        elif word in ("freckles", "beard shadow"):
            found.append(Said((word,) if word == "freckles" else (word, "stubble", "beard"), 1.5))
        elif identity.age is None or word != age_word(identity.age):
            found.append(Said((word,), 0.5))
    lips = identity.lip_upper + identity.lip_lower
    for name, seen, weight in (
        ("rosy cheeks", identity.blush > 0.4, 0.7),
        ("mole" if len(identity.moles) == 1 else "moles", bool(identity.moles), 0.5),
        ("scar", bool(identity.scar), 0.8),
        ("full lips", lips > 0.30, 0.4),
        ("thin lips", lips < 0.18, 0.4),
    ):
        found += [Said((name,), weight)] if seen else []
    return found


def _camera(scene: Scene, factor: float) -> list[Said]:
    """Style, distance, where the head and the eyes turn, light, and what a bad picture has."""
    style = ("soft painting", "painted") if scene.style == "paint" else ("ink drawing", "comic")
    found = [Said(style, 2.0)]
    for name, seen, weight in (
        ("close up", factor < CLOSE, 0.7),
        ("wide shot", factor > WIDE, 2.0),
        ("turned left", scene.yaw < -0.08, 0.5),
        ("turned right", scene.yaw > 0.08, 0.5),
        ("looking left", scene.gaze_x < -0.5, 0.4),
        ("looking right", scene.gaze_x > 0.5, 0.4),
        ("tilted left", scene.roll < -0.1, 0.4),
        ("tilted right", scene.roll > 0.1, 0.4),
        ("warm light", scene.warmth > 0.5, 0.5),
        ("cool light", scene.warmth < -0.5, 0.5),
        ("bright light", scene.brightness > 1.05, 0.4),
        ("dim light", scene.brightness < 0.92, 0.4),
        ("blurry", scene.blur > 0.0018, 1.0),
        ("grain", scene.noise > 0.008, 0.5),
    ):
        found += [Said((name,), weight)] if seen else []
    return found


def make_caption(said: list[Said], draws: np.random.Generator) -> str:
    """The trigger, nothing, or some attributes."""
    kind = draws.random()
    if kind < TRIGGER_SHARE:
        return TRIGGER
    if kind < TRIGGER_SHARE + EMPTY_SHARE:
        return ""
    return said_as(picked(said, draws), draws)


def picked(said: list[Said], draws: np.random.Generator) -> list[str]:
    """One to six attributes in any order, each in one of its ways."""
    weights = np.array([each.weight for each in said])
    count = min(int(draws.integers(1, MOST_ATTRIBUTES + 1)), len(said))
    chosen = draws.choice(len(said), count, replace=False, p=weights / weights.sum())
    return [said[index].ways[int(draws.integers(len(said[index].ways)))] for index in chosen]


def said_as(words: list[str], draws: np.random.Generator) -> str:
    """Attributes alone, before or after the trigger, as prompts have them."""
    place = draws.random()
    if place < 0.3:
        return ", ".join(words)
    if place < 0.65:
        return ", ".join([*words, PERSON])
    if place < 0.8:
        return ", ".join([*words, PERSON, TRIGGER])
    return ", ".join([TRIGGER, *words])


def full_caption(said: list[Said]) -> str:
    """The attributes that are asked for most, each in its first way, as many as a caption has."""
    ranked = sorted(said, key=lambda each: -each.weight)
    return ", ".join([*(each.ways[0] for each in itertools.islice(ranked, MOST_ATTRIBUTES)), PERSON])


def packed(said: list[Said]) -> list[list[object]]:
    """As JSON holds it."""
    return [[each.weight, *each.ways] for each in said]


def unpacked(rows: list[list[object]]) -> list[Said]:
    """From JSON."""
    return [Said(tuple(map(str, ways)), float(str(weight))) for weight, *ways in rows]
