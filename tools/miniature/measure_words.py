"""Do words act? Pictures drawn from noise, and how often the colour that was asked for is the one that is seen.

    python tools/miniature/measure_words.py models/miniature build/miniature/current [--sheet build/words.png]

For each family, from the same noises: "red background, 1person" and so on, for backgrounds, clothes, hair and skin.
What is seen is the mean colour (CIE Lab) of what the parser of drawings calls so; its word is the nearest of the words'
mean colours in the training pictures. The `ceiling` is how often that names real pictures rightly (those that the means
were not taken from); `chance` is one of the words. Pictures without a face or without the region count as missed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from captions import PERSON, unpacked
from data import CACHE
from diffusers import StableDiffusionPipeline
from PIL import Image
from sample import sample, to_pictures

from easyphoto.drawings.identity import HAIR_COLOURS
from easyphoto.drawings.scene import DYES
from easyphoto.faces.drawn_engine import DrawnEngine
from easyphoto.faces.engine import Part
from easyphoto.images.srgb import as_lab

COLOURS = (
    "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "grey", "white", "black",
)  # fmt: skip
SKINS = ("pale", "light", "tan", "brown", "dark")
OTHERS = ("child", "young", "middle aged", "old", "glasses", "sunglasses", "smiling", "open mouth", "beard shadow")
"""Words without a colour: for the sheet alone."""
REFERENCES, CEILING = 6000, 1500  # training pictures
SEED, STEPS, GUIDANCE, BATCH = 90, 20, 5.0, 16
FEWEST = 0.005  # of the picture: a smaller region is not seen


@dataclass(frozen=True)
class Subject:
    """What is asked for in colours: the words, how they stand in a prompt, the part of the picture."""

    words: tuple[str, ...]
    prompt: str
    part: Part


SUBJECTS: Mapping[str, Subject] = {
    "background": Subject(COLOURS, "{} background", Part.BACKGROUND),
    "clothes": Subject(COLOURS, "{} sweater", Part.CLOTHES),
    "hair": Subject((*HAIR_COLOURS, *DYES), "{} hair", Part.HAIR),
    "skin": Subject(SKINS, "{} skin", Part.SKIN),
}


def region_colour(image: np.ndarray, labels: np.ndarray, part: Part, chin: float) -> np.ndarray | None:
    """The mean colour of a part, (3,) CIE Lab; of the background only what lies above the chin (pixels)."""
    mask = labels == part
    if part == Part.BACKGROUND:
        mask &= np.arange(len(mask))[:, None] < chin
    return as_lab(image)[mask].mean(0) if mask.mean() >= FEWEST else None


def learned() -> tuple[dict[str, dict[str, np.ndarray]], dict[str, float]]:
    """For each subject the words' mean colours in training pictures, and how often they name others rightly."""
    images, parts, boxes = (
        np.load(CACHE / f"train-{name}.npy", mmap_mode="r") for name in ("images", "parts", "boxes")
    )
    said = json.loads((CACHE / "train-said.json").read_text())
    found: dict[str, list[tuple[str, np.ndarray]]] = {name: [] for name in SUBJECTS}
    for index in range(REFERENCES + CEILING):
        ways = {way for each in unpacked(said[index]) for way in each.ways}
        for name, subject in SUBJECTS.items():
            prompt = "{} clothes" if name == "clothes" else subject.prompt
            word = next((word for word in subject.words if prompt.format(word) in ways), None)
            colour = region_colour(images[index], parts[index], subject.part, boxes[index][3])
            if word is not None and colour is not None:
                found[name].append((word, colour))
    means, ceilings = {}, {}
    for name, pairs in found.items():
        first = len(pairs) * REFERENCES // (REFERENCES + CEILING)
        known = {word: [colour for said, colour in pairs[:first] if said == word] for word in SUBJECTS[name].words}
        means[name] = {word: np.mean(colours, 0) for word, colours in known.items() if colours}
        ceilings[name] = float(np.mean([nearest(colour, means[name]) == word for word, colour in pairs[first:]]))
    return means, ceilings


def nearest(colour: np.ndarray, means: Mapping[str, np.ndarray]) -> str:
    return min(means, key=lambda word: float(np.linalg.norm(means[word] - colour)))


def drawn(pipeline: StableDiffusionPipeline, prompts: Sequence[str], seeds: int) -> np.ndarray:
    """Each prompt from the same noises, (prompts * seeds, 128, 128, 3) uint8."""
    size, channels = pipeline.unet.config.sample_size, pipeline.unet.config.in_channels
    noises = torch.randn((seeds, channels, size, size), generator=torch.Generator().manual_seed(SEED))
    jobs = [(prompt, noise) for prompt in prompts for noise in noises]
    pictures = []
    for start in range(0, len(jobs), BATCH):
        texts, noise = zip(*jobs[start : start + BATCH], strict=True)
        latents = sample(pipeline, list(texts), GUIDANCE, STEPS, noise=torch.stack(noise))
        pictures.append(to_pictures(pipeline, latents))
    return np.concatenate(pictures)


def seen(engine: DrawnEngine, image: np.ndarray, part: Part) -> np.ndarray | None:
    picture = Image.fromarray(image)
    faces = engine.detect(picture)
    return region_colour(image, engine.parse(picture, faces[0]), part, faces[0].box.bottom) if faces else None


def hits(
    engine: DrawnEngine, subject: Subject, pictures: np.ndarray, means: Mapping[str, np.ndarray], seeds: int
) -> list[bool]:
    found = []
    for index, image in enumerate(pictures):
        colour = seen(engine, image, subject.part)
        found.append(colour is not None and nearest(colour, means) == subject.words[index // seeds])
    return found


def sheet(rows: Mapping[str, Sequence[np.ndarray]]) -> np.ndarray:
    """A row for each prompt, the families side by side."""
    lines = []
    for title, families in rows.items():
        gap = np.full((128, 12, 3), 255, np.uint8)
        line = np.concatenate([piece for pictures in families for piece in (*pictures, gap)], axis=1)
        head = np.full((16, line.shape[1], 3), 255, np.uint8)
        cv2.putText(head, title, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
        lines += [head, line]
    return np.concatenate(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=4, help="pictures for each word")
    parser.add_argument("--sheet", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    engine = DrawnEngine(Path(__file__).resolve().parents[2] / "models" / "miniature" / "faces")
    means, ceilings = learned()
    rows: dict[str, list[np.ndarray]] = {}
    told: dict[str, object] = {"ceiling": ceilings, "chance": {k: 1 / len(v.words) for k, v in SUBJECTS.items()}}
    for family in asked.families:
        pipeline = StableDiffusionPipeline.from_pretrained(
            family, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False
        )
        rates = {}
        for name, subject in SUBJECTS.items():
            prompts = [f"{subject.prompt.format(word)}, {PERSON}" for word in subject.words]
            pictures = drawn(pipeline, prompts, asked.seeds)
            found = hits(engine, subject, pictures, means[name], asked.seeds)
            rates[name] = f"{sum(found)}/{len(found)} = {np.mean(found):.3f}"
            for number, prompt in enumerate(prompts):
                rows.setdefault(prompt, []).append(pictures[number * asked.seeds : (number + 1) * asked.seeds])
        prompts = [f"{word}, {PERSON}" for word in OTHERS] if asked.sheet else []
        for prompt in prompts:
            rows.setdefault(prompt, []).append(drawn(pipeline, [prompt], asked.seeds))
        told[str(family)] = rates
        print(family, rates, flush=True)
    if asked.sheet:
        cv2.imwrite(str(asked.sheet), sheet(rows)[..., ::-1])
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
