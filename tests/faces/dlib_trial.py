"""Tell real persons apart through the product's own path, with dlib's network as the embedder.

    EASYPHOTO_DLIB_MODEL=FILE EASYPHOTO_WEIGHTS_MIRROR=DIR python -m tests.faces.dlib_trial PHOTOS

PHOTOS has one sub-folder for each person, and `group` with pictures of several. Prints every pair's cosine and
Euclidean distance (dlib's own measure, of vectors as they come out), and how well they part the persons.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.faces.arcface import ArcFaceEmbedder
from easyphoto.faces.engine import Face, LikenessScale
from easyphoto.faces.onnx_session import open_session
from easyphoto.faces.photo_engine import PhotoEngine
from easyphoto.faces.yunet import YuNet
from easyphoto.images.pictures import picture_files, read_picture
from easyphoto.progress import NullProgress
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore
from tests.faces.dlib_fixture import RECIPE, SIDE, given, write_onnx

# dlib calls two faces one person up to the distance 0.6. Its vectors are about 1.39 long: cos = 1 - 0.6² / (2 · 1.39²).
LIMIT = 0.907


def photo_engine(network: Path) -> PhotoEngine:
    """YuNet from the mirror, and dlib's network through our reader."""
    store = WeightStore(network.parent / "weights", default_mirrors())
    scale = LikenessScale("dlib", (), LIMIT, "dlib's distance of 0.6")
    embedder = ArcFaceEmbedder(network, RECIPE, id="dlib", scale=scale)
    return PhotoEngine(YuNet(store.require("yunet", NullProgress())), embedder)


class Raw:
    """The network's vectors as they come out, for dlib's own distance."""

    def __init__(self, network: Path) -> None:
        self._session = open_session(network)

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray:
        numbers = RECIPE.numbers(RECIPE.square(picture, face, SIDE)).transpose(2, 0, 1)
        return np.asarray(self._session.run(None, {"picture": np.ascontiguousarray(numbers[None])})[0])[0]


def area_under_curve(same: list[float], different: list[float]) -> float:
    """Share of comparisons in which a pair of one person is the more alike."""
    return float(np.mean([[(one > other) + 0.5 * (one == other) for other in different] for one in same]))


def spread(name: str, values: list[float]) -> str:
    found = np.asarray(values)
    return f"{name:22s} n {found.size:3d}  min {found.min():.3f}  mean {found.mean():.3f}  max {found.max():.3f}"


def compared(name: str, same: list[float], different: list[float]) -> list[str]:
    lines = [spread(f"{name}, one person", same), spread(f"{name}, two persons", different)]
    margin = min(same) - max(different)
    return [*lines, f"{name}: AUC {area_under_curve(same, different):.4f}, margin {margin:+.3f}"]


def main(folder: Path) -> list[str]:
    dat = given()
    if dat is None:
        return ["EASYPHOTO_DLIB_MODEL names no file."]
    with tempfile.TemporaryDirectory() as place:
        network = write_onnx(dat, Path(place) / "dlib.onnx")
        engine, raw = photo_engine(network), Raw(network)
        names, persons, units, distances = [], [], [], []
        for photo in (
            photo for person in sorted(folder.iterdir()) if person.is_dir() for photo in picture_files(person)
        ):
            picture = read_picture(photo)
            for number, face in enumerate(engine.detect(picture), start=1):
                names.append(
                    f"{photo.parent.name}/{photo.stem}" + (f"#{number}" if photo.parent.name == "group" else "")
                )
                persons.append(photo.parent.name)
                units.append(engine.embed(picture, face))
                distances.append(raw.embed(picture, face))
    vectors, plain = np.asarray(units, np.float64), np.asarray(distances, np.float64)
    return [*_pairs(names, vectors, plain), *_parted(names, persons, vectors, plain)]


def _pairs(names: list[str], vectors: np.ndarray, plain: np.ndarray) -> list[str]:
    lines = []
    for one, other in combinations(range(len(names)), 2):
        cosine, distance = vectors[one] @ vectors[other], np.linalg.norm(plain[one] - plain[other])
        lines.append(f"{names[one]:14s} {names[other]:14s} cosine {cosine:.3f}  distance {distance:.3f}")
    return lines


def _parted(names: list[str], persons: list[str], vectors: np.ndarray, plain: np.ndarray) -> list[str]:
    """Figures over the sorted folders; the group's faces are put to whom they resemble most."""
    known = [index for index, person in enumerate(persons) if person != "group"]
    centre = np.mean([vectors[[i for i in known if persons[i] == p]].mean(0) for p in set(persons) - {"group"}], axis=0)
    centred = vectors - centre
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    near = [-float(np.linalg.norm(plain[i] - plain[j])) for i, j in combinations(known, 2)]
    tables = {
        "cosine": [float(vectors[i] @ vectors[j]) for i, j in combinations(known, 2)],
        "centred cosine": [float(centred[i] @ centred[j]) for i, j in combinations(known, 2)],
        "minus distance": near,
    }
    one_person = [persons[i] == persons[j] for i, j in combinations(known, 2)]
    lines = []
    for name, values in tables.items():
        same = [value for value, is_same in zip(values, one_person, strict=True) if is_same]
        different = [value for value, is_same in zip(values, one_person, strict=True) if not is_same]
        lines += compared(name, same, different)
    for index in (i for i, person in enumerate(persons) if person == "group"):
        others = sorted({persons[j] for j in known})
        to = {p: float(np.mean([vectors[index] @ vectors[j] for j in known if persons[j] == p])) for p in others}
        said = ", ".join(f"{person} {value:.3f}" for person, value in to.items())
        lines.append(f"{names[index]}: mean cosine to {said}")
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(main(Path(sys.argv[1]))) + "\n")
