"""Make the pairs on which the restorer is measured: finished portraits, and the drawings that they should have been.

    nice python tools/miniature/restorer_data.py      (restorer_measure.py reads them)

Each person is put into a drawing of themselves, so that what was painted lies where it belongs: once with another
drawing of the same expression fused in, once without, as for a portrait that the networks paint alone. All steps are
the product's own: crop, controls, autoencoder, passes, fusion, masks, retouch. No LoRA takes part. No network has seen
the identities 920000 and on.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faces_threads  # noqa: F401
import numpy as np
from data import CACHE
from restorer_pairs import FRAMINGS, picture_size

from easyphoto.architectures.base import Family
from easyphoto.backends.folders import base_model
from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.errors import EasyPhotoError
from easyphoto.faces.drawn_engine import DrawnEngine
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.inference.pipeline import photograph
from easyphoto.inference.session import PipelineModels
from easyphoto.inference.subject import Subject
from easyphoto.settings.inference import InferenceSettings

IDENTITIES = range(920_000, 920_016)
FACE_WIDTHS = 80.0, 340.0  # pixels of the picture, evenly in octaves
SIZES = 224, 800
AROUND = 0.45  # of the face's box that is kept on each side: more than the aligned square shows


@dataclass(frozen=True)
class Models:
    tools: PipelineModels
    family: Family


def open_models() -> Models:
    from easyphoto.backends.loading import load_components
    from easyphoto.backends.local import LocalBackend

    family, base = base_model("miniature")
    return Models(
        PipelineModels(LocalBackend(load_components(family, base), base), DrawnEngine(family.folder / "faces")), family
    )


def sitting(identity_seed: int, photo: int) -> tuple[Drawing, Drawing, np.random.Generator]:
    """A person's drawing, another with the same expression, and the generator for the rest."""
    rng, identity = np.random.default_rng((identity_seed, photo, 53)), sample_identity(identity_seed)
    scene = sample_scene(identity_seed * 100 + photo, identity, framing=FRAMINGS[photo % 2], photo_index=photo)
    other = sample_scene(identity_seed * 100 + 50 + photo, identity, framing="close", photo_index=50 + photo)
    kept = ("yaw", "pitch", "smile", "mouth_open", "brow_raise", "eye_close", "gaze_x", "gaze_y", "light_angle",
            "light_strength")  # fmt: skip
    other = replace(other, style=scene.style, **{name: getattr(scene, name) for name in kept})
    return draw(identity, scene, picture_size(scene, rng, FACE_WIDTHS, SIZES)), draw(identity, other, 512), rng


def ways(rng: np.random.Generator) -> Iterator[InferenceSettings]:
    """The settings of a fused portrait, mostly the usual ones, and of one that the networks paint alone."""
    usual = InferenceSettings(restore="none", seed=int(rng.integers(2**32)))
    if rng.random() < 0.4:
        before, after, strength = rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.7), rng.uniform(0.15, 0.5)
        usual = replace(usual, fusion_before=before, fusion_after=after, first_strength=strength)
    yield usual
    yield replace(usual, fusion=False, first_strength=float(rng.uniform(0.05, 0.6)))


def pairs(models: Models, identity_seed: int, photo: int) -> Iterator[dict[str, np.ndarray]]:
    """`before` and `after`, (h, w, 3) uint8 around the face, `alpha` (h, w) uint8 of what was painted, `points`."""
    truth, other, rng = sitting(identity_seed, photo)
    template, face = as_picture(truth.image), truth.faces[0]
    left, top, right, bottom = face.box
    wide, high = AROUND * (right - left), AROUND * (bottom - top)
    height, width = truth.image.shape[:2]
    x, y = max(0, int(left - wide)), max(0, int(top - high))
    window = np.s_[y : min(height, int(bottom + high)), x : min(width, int(right + wide))]
    for settings in ways(rng):
        subject = Subject("person", as_picture(other.image), portrait=None if settings.fusion else template)
        try:
            made = photograph(template, [subject], settings, models.family, models.tools, assignment=(0,)).best
        except EasyPhotoError:
            continue  # a face that the detector misses is no portrait either
        painted = np.rint(made.mask * 255).astype(np.uint8)
        yield {
            "before": as_array(made.image)[window], "after": truth.image[window], "alpha": painted[window],
            "points": np.asarray(face.points, np.float32) - np.array([x, y], np.float32),
            "fused": np.array(settings.fusion),
        }  # fmt: skip


def pairs_file() -> Path:
    return CACHE / "restorer" / "held_out.npz"


def make_pairs(models: Models) -> None:
    arrays: dict[str, Any] = {}
    number = 0
    for seed in IDENTITIES:
        for pair in pairs(models, seed, seed % 2):
            arrays |= {f"{number}-{name}": values for name, values in pair.items()}
            number += 1
    target = pairs_file()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, count=np.array(number), **arrays)
    os.replace(partial, target)


def held_out_pairs() -> list[dict[str, np.ndarray]]:
    with np.load(pairs_file()) as arrays:
        names = ("before", "after", "alpha", "points", "fused")
        return [{name: arrays[f"{number}-{name}"] for name in names} for number in range(int(arrays["count"]))]


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if not pairs_file().exists():
        make_pairs(open_models())


if __name__ == "__main__":
    main()
