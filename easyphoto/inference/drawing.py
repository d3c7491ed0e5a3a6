"""From words to the request that draws a template: prompt, size, LoRAs and seed. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Control, GenerateRequest
from easyphoto.backends.conditions import LoraCondition
from easyphoto.errors import BadSettings
from easyphoto.geometry import Size
from easyphoto.inference.passes import NO_LORAS, CalledLoras, SamplerPreset, joined
from easyphoto.messages import Text, note, text
from easyphoto.settings.drawing import LEAST_SIDE, MOST_SIDE, DrawingSettings

DRAWN_SCENE_WEIGHT = 0.80
"""Of a scene or an object in a drawing, where none is written; as in the 2023 extension."""
NUMBERS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight")
_SIZE = re.compile(r"\s*(\d{1,5})\s*[xX×*]\s*(\d{1,5})\s*")
_ONE_PERSON = "1person"
"""The word of the trigger that says how many people there are."""


@dataclass(frozen=True)
class DrawnPerson:
    """Who is to be in the drawing."""

    words: str = ""
    """What describes them: hair, glasses, age."""
    lora: Path | None = None
    """Trained on their photos, where it fits the family that draws."""


@dataclass(frozen=True)
class DrawingWords:
    """What is to be drawn, in words, and the LoRAs that the words call."""

    wanted: str
    """What somebody typed."""
    negative: str = ""
    persons: tuple[DrawnPerson, ...] = (DrawnPerson(),)
    """From the left."""
    style: tuple[str, str] = ("", "")
    """Positive and negative words of a style."""
    scenes: CalledLoras = NO_LORAS


@dataclass(frozen=True, eq=False)
class DrawingPlan:
    """What all drawings of the same words share."""

    words: DrawingWords
    family: Family
    """Which draws."""
    settings: DrawingSettings
    pace: SamplerPreset
    """Its sampler, and the LoRA of few steps."""
    size: Size
    controls: tuple[Control, ...] = ()
    notes: tuple[str, ...] = ()
    artwork: str = ""
    """The words of a style that asks for a painting or a drawing, which the faces must become, too."""

    def request(self, seed: int) -> GenerateRequest:
        return drawing_request(
            self.words, self.family, self.settings, self.pace, size=self.size, seed=seed, controls=self.controls
        )


def drawing_request(
    words: DrawingWords,
    family: Family,
    settings: DrawingSettings,
    pace: SamplerPreset,
    *,
    size: Size,
    seed: int,
    controls: tuple[Control, ...] = (),
) -> GenerateRequest:
    """The request that draws the words with a family."""
    is_fast = pace.made is not None
    usual = pace.cfg if is_fast else family.drawing_cfg or pace.cfg
    loras = person_loras(words.persons, settings.drawing_lora_weight)
    return GenerateRequest(
        size=size,
        prompt=drawing_prompt(words, family),
        negative=joined(words.negative, words.style[1], family.negative),
        controls=controls,
        conditions=(*loras, *words.scenes.conditions, *pace.conditions),
        seed=seed,
        steps=pace.steps(settings.drawing_steps, 1.0),
        cfg=settings.drawing_cfg or usual,
        sampler=pace.sampler,
    )


def drawing_prompt(words: DrawingWords, family: Family) -> str:
    """What was typed comes first, because a long prompt is cut at its end."""
    described = (person.words for person in words.persons)
    is_learned = any(person.lora is not None for person in words.persons)
    return joined(
        words.wanted,
        *words.scenes.words,
        words.style[0],
        people_words(len(words.persons)),
        *described,
        family.drawing_words,
        _trigger(family) if is_learned else "",
        family.positive,
    )


def people_words(count: int) -> str:
    """How many people a drawing shows, in the words that models know; each must show a face of its own."""
    if count == 1:
        return _ONE_PERSON
    number = NUMBERS[count] if count < len(NUMBERS) else str(count)
    together = "side by side" if count == 2 else "in a row"
    return f"{count} people, group photo of {number} people {together}, {number} faces"


def person_loras(persons: Sequence[DrawnPerson], weight: float) -> tuple[LoraCondition, ...]:
    """The persons' LoRAs, which share the weight.

    A LoRA acts on everybody in the picture. Each at the full weight, two would pull twice as hard at the networks as
    one, and no face would be nearer to either person; the passes make the likeness.
    """
    learned = [person.lora for person in persons if person.lora is not None]
    return tuple(LoraCondition(lora, weight / len(learned)) for lora in learned) if weight else ()


def drawing_size(written: str, family: Family, people: int, usual: Size | None = None) -> tuple[Size, tuple[Text, ...]]:
    """The size that was written, as 768x1024, rounded to what the family can draw, with a note where it had to be.

    Where none is written: `usual`, which is a style's, or the family's own; it lies on its side for several people.
    Raises BadSettings.
    """
    if not written.strip():
        own = usual or Size(*family.drawing_size)
        return (own if people == 1 or own.width >= own.height else Size(own.height, own.width)), ()
    asked = checked_size(written)
    multiple = family.latent_multiple
    fitting = Size.in_multiples(asked.width, asked.height, multiple)
    if fitting == asked:
        return asked, ()
    said = note(
        "size-rounded",
        "The picture is drawn at {width}×{height} pixels: {family} needs multiples of {multiple}.",
        width=fitting.width,
        height=fitting.height,
        family=family.short,
        multiple=multiple,
    )
    return fitting, (said,)


def checked_size(written: str) -> Size:
    """The size that somebody wrote, as 768x1024. Raises BadSettings."""
    found = _SIZE.fullmatch(written)
    sides = tuple(map(int, found.groups())) if found else ()
    if not sides or not all(LEAST_SIDE <= side <= MOST_SIDE for side in sides):
        raise BadSettings(
            text("{name} cannot be {value}.", name="size", value=repr(written.strip())),
            advice=text(
                "Write width x height in pixels, each from {low} to {high}: 768x1024.", low=LEAST_SIDE, high=MOST_SIDE
            ),
        )
    return Size(*sides)


def _trigger(family: Family) -> str:
    """The trigger words without the one for how many people there are, which `people_words` has."""
    return joined(*(word for word in family.trigger.split(",") if word.strip() != _ONE_PERSON))
