"""Calibrates, measures and publishes the face networks on people nobody trained on.

    python tools/miniature/faces_evaluate.py detector parser embedder judge regressor --publish

Thresholds and percentile tables come from one half of the held-out people (seeds 1,500,000+), figures from the other.
"""

from __future__ import annotations

import faces_threads  # noqa: F401  # isort: skip

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faces_configs
import numpy as np
import torch
from faces_data import Crops, Floats, Picture, aligned, load_crops, load_pictures, patch_basis, round_trip
from faces_render import person
from torch import nn

from easyphoto.drawings.renderer import draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces import drawn_analysis, networks
from easyphoto.geometry import Box

CALIBRATION, REPORT, END = 1_500_000, 1_500_500, 1_501_000
FALSE_FACES = 0.005  # faces a picture that calibration allows: half of what is promised
VAE_FOLDERS = (
    faces_configs.ROOT / "build" / "miniature" / "current" / "vae",
    faces_configs.ROOT / "models" / "miniature" / "vae",
)
Figures = dict[str, float]
Bytes = networks.Image


# --- detector -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """One detection, right or wrong; the error is the mean distance of the points over the eye distance."""

    score: float
    right: bool
    error: float


def judge_picture(found: list[drawn_analysis.Found], picture: Picture) -> list[Verdict]:
    left, verdicts = list(range(len(picture.boxes))), []
    for box, points, score in found:
        shared = {i: Box(*box).intersection_over_union(Box(*picture.boxes[i])) for i in left}
        best = max(shared, key=lambda i: shared[i], default=None)
        if best is None or shared[best] < 0.4:
            verdicts.append(Verdict(score, False, 0.0))
            continue
        left.remove(best)
        truth = picture.points[best]
        distance = float(np.linalg.norm(truth[1] - truth[0]))
        error = float(np.linalg.norm(points - truth, axis=1).mean()) / distance
        verdicts.append(Verdict(score, True, error))
    return verdicts


def detector_figures(module: nn.Module, config: dict[str, Any], pictures: list[Picture]) -> Figures:
    threshold = float(config["threshold"])
    verdicts = [v for p in pictures for v in judge_picture(drawn_analysis.detect(module, config, p.image), p)]
    errors = np.array([verdict.error for verdict in verdicts if verdict.right])
    faces = sum(len(picture.boxes) for picture in pictures)
    upright, turned = [], []
    for picture in [picture for picture in pictures if len(picture.boxes)][:150]:
        scores = [best_score(module, config, np.ascontiguousarray(np.rot90(picture.image, turn))) for turn in range(4)]
        upright.append(scores[0])
        turned.append(max(scores[1:]))
    return {
        "pictures": len(pictures), "faces": faces, "threshold": threshold,
        "recall": len(errors) / faces,
        "false faces per 100 pictures": 100 * sum(not verdict.right for verdict in verdicts) / len(pictures),
        "point error mean / eye distance": float(errors.mean()),
        "point error 95 % / eye distance": float(np.quantile(errors, 0.95)),
        "upright scores above every turn": float(np.mean(np.array(upright) > np.array(turned))),
        "turned pictures with a face found": float(np.mean(np.array(turned) >= threshold)),
    }  # fmt: skip


def best_score(module: nn.Module, config: dict[str, Any], image: Bytes) -> float:
    return max((score for _, _, score in drawn_analysis.detect_at(module, config, image, 0.0)), default=0.0)


def calibrate_detector(module: nn.Module, config: dict[str, Any]) -> dict[str, Any]:
    """Midway between the score that keeps false faces under the limit and the one that keeps 99 % of the faces."""
    pictures = load_pictures(CALIBRATION, CALIBRATION + 600)
    verdicts = [v for p in pictures for v in judge_picture(drawn_analysis.detect_at(module, config, p.image, 0.05), p)]
    wrong = sorted((verdict.score for verdict in verdicts if not verdict.right), reverse=True)
    right = np.array([verdict.score for verdict in verdicts if verdict.right])
    allowed = int(FALSE_FACES * len(pictures))
    low = wrong[allowed] if len(wrong) > allowed else 0.1
    high = float(np.quantile(right, 0.005))
    return config | {"threshold": round(max(low + 0.01, (low + high) / 2), 4)}


# --- embedders ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pairs:
    genuine: Floats
    random: Floats
    matched: Floats


def pairs_of(one: Floats, other: Floats, people: np.ndarray) -> Pairs:
    """Cosines of photos in `one` to photos in `other` (rows are the same photos; a photo never meets itself)."""
    cosines = one @ other.T
    same = people[:, None] == people[None]
    itself = np.eye(len(people), dtype=bool)
    matched = (people[:, None] // 2 == people[None] // 2) & ~same
    return Pairs(cosines[same & ~itself], cosines[~same & ~matched], cosines[matched])


def area(genuine: Floats, impostor: Floats) -> float:
    order = np.sort(impostor)
    return float(np.mean(np.searchsorted(order, genuine) / len(order)))


def acceptance(genuine: Floats, impostor: Floats, rate: float = 0.01) -> float:
    return float(np.mean(genuine > np.quantile(impostor, 1 - rate)))


def pair_figures(pairs: Pairs) -> Figures:
    return {
        "AUC random": area(pairs.genuine, pairs.random),
        "AUC colour-matched": area(pairs.genuine, pairs.matched),
        "TAR at FAR 1 % random": acceptance(pairs.genuine, pairs.random),
        "TAR at FAR 1 % colour-matched": acceptance(pairs.genuine, pairs.matched),
    }


def embed_all(module: nn.Module, config: dict[str, Any], faces: list[Bytes]) -> Floats:
    chunks = [np.stack(faces[at : at + 64]) for at in range(0, len(faces), 64)]
    return np.concatenate([drawn_analysis.embed(module, config, chunk) for chunk in chunks])


def crop_faces(crops: Crops, detector: tuple[nn.Module, dict[str, Any]] | None) -> list[Bytes]:
    """Aligned by the detector's points where it finds the face, else by the true ones."""
    if detector is None:
        return [aligned(np.asarray(crops.image(row)), crops.points[row], None) for row in range(len(crops.seeds))]
    # Three networks are measured on the same crops, and finding the faces is the slow part.
    kept = faces_configs.CACHE / f"aligned-{crops.seeds[0]}-{detector[1]['trained']['steps']}.npy"
    if not kept.exists():
        np.save(kept, np.stack([found_face(crops, row, detector) for row in range(len(crops.seeds))]))
    return list(np.load(kept))


def found_face(crops: Crops, row: int, detector: tuple[nn.Module, dict[str, Any]]) -> Bytes:
    image = np.asarray(crops.image(row))
    found = drawn_analysis.detect(*detector, image)
    return aligned(image, found[0][1] if found else crops.points[row], None)


def calibrated(config: dict[str, Any], pairs: Pairs) -> dict[str, Any]:
    """The percentile tables, and the cosine that one random impostor in a hundred exceeds."""
    places = np.linspace(0.0, 1.0, 101)
    kinds = {"genuine": pairs.genuine, "impostor": pairs.random, "impostor_matched": pairs.matched}
    table = {kind: [round(float(v), 4) for v in np.quantile(values, places)] for kind, values in kinds.items()}
    limit = round(float(np.quantile(pairs.random, 0.99)), 4)
    return config | {"cosine_quantiles": table, "same_person_limit": limit}


def vae_round_trip() -> Callable[[Bytes], Bytes] | None:
    """The autoencoder's round trip of a picture, where an autoencoder has been trained."""
    folder = next((path for path in VAE_FOLDERS if (path / "config.json").exists()), None)
    if folder is None:
        return None
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(folder).float().eval()

    def trip(image: Bytes) -> Bytes:
        with torch.inference_mode():
            latent = vae.encode(networks.to_tensor(image[None]).contiguous()).latent_dist.mode()
            back = vae.decode(latent).sample[0].clamp(-1, 1)
        return np.ascontiguousarray(((back + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy())

    return trip


def patch_round_trip(crops: Crops) -> Callable[[Bytes], Bytes]:
    """Before there is an autoencoder: the closed-form stand-in at full resolution."""
    basis = patch_basis(np.stack([np.asarray(crops.image(row)) for row in range(0, 400, 8)]))

    def trip(image: Bytes) -> Bytes:
        back = round_trip(networks.to_tensor(image[None]), basis, np.random.default_rng(0), max(image.shape[:2]))
        return np.ascontiguousarray(
            ((back[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
        )

    return trip


@dataclass(frozen=True)
class Trips:
    """Pictures of `size` before and after the round trip: aligned faces of both, and how many were found after it."""

    before: list[Bytes]
    after: list[Bytes]
    people: np.ndarray
    found: float


def make_trips(trip: Callable[[Bytes], Bytes], detector: tuple[nn.Module, dict[str, Any]], size: int) -> Trips:
    before, after, people, found = [], [], [], 0
    for seed in range(REPORT, REPORT + 150):
        for photo in (0, 1):
            identity = person(seed)
            scene = sample_scene(seed, identity, style=("paint", "ink")[photo], framing="close", photo_index=photo)
            drawing = draw(identity, scene, size)
            changed = trip(drawing.image)
            seen = drawn_analysis.detect(*detector, changed)
            found += bool(seen)
            before.append(drawn_analysis.align(drawing.image, drawing.faces[0].points))
            after.append(drawn_analysis.align(changed, seen[0][1] if seen else drawing.faces[0].points))
            people.append(seed)
    return Trips(before, after, np.array(people), found / len(people))


# --- parser and regressor -------------------------------------------------------------------------------------------


def parser_figures(module: nn.Module, config: dict[str, Any], crops: Crops) -> Figures:
    count = len(faces_configs.PARTS)
    table = np.zeros((count, count), dtype=np.int64)
    for row in range(0, len(crops.seeds), 4):
        image, frame = drawn_analysis.square_crop(
            np.asarray(crops.image(row)), crops.boxes[row], drawn_analysis.PARSE_CROP_FACTOR, drawn_analysis.PARSE_SIZE
        )
        place = (np.arange(drawn_analysis.PARSE_SIZE) + 0.5) * frame[2] / drawn_analysis.PARSE_SIZE
        rows, columns = ((frame[axis] + place).astype(int).clip(0, 191) for axis in (1, 0))
        truth = np.asarray(crops.label(row))[np.ix_(rows, columns)]
        guess = drawn_analysis.parse(module, config, image)
        table += np.bincount(truth.reshape(-1).astype(int) * count + guess.reshape(-1), minlength=count**2).reshape(
            count, count
        )
    shared = np.diag(table) / np.maximum(table.sum(axis=0) + table.sum(axis=1) - np.diag(table), 1)
    return {"mean IoU": float(shared.mean())} | {
        f"IoU {part}": float(value) for part, value in zip(faces_configs.PARTS, shared, strict=True)
    }


def regressor_r2(module: nn.Module, config: dict[str, Any], faces: list[Bytes], truth: Floats) -> Figures:
    chunks = [np.stack(faces[at : at + 64]) for at in range(0, len(faces), 64)]
    guess = np.concatenate([drawn_analysis.regress(module, config, chunk) for chunk in chunks])
    r2 = 1 - ((guess - truth) ** 2).sum(axis=0) / ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    return {name: round(float(value), 4) for name, value in zip(config["parameters"], r2, strict=True)}


# --- all of it ------------------------------------------------------------------------------------------------------


def show(title: str, figures: Figures) -> None:
    print(f"\n{title}")
    for name, value in figures.items():
        print(f"  {name:42s} {value:.4f}", flush=True)


def load(folder: str, name: str) -> tuple[nn.Module, dict[str, Any]]:
    return networks.load_network(faces_configs.CACHE / "trained" / folder, name)


def publish(module: nn.Module, config: dict[str, Any], folder: Path, name: str) -> None:
    networks.save_network(module.to(memory_format=torch.contiguous_format), config, folder, name)
    print(f"published {folder / name}")


def detector_in_use() -> tuple[nn.Module, dict[str, Any]] | None:
    return (
        networks.load_network(faces_configs.FACES, "detector")
        if (faces_configs.FACES / "detector.json").exists()
        else None
    )


def run_embedder(which: str, folder: Path, is_published: bool, is_quick: bool, sizes: list[int]) -> Figures:
    module, config = load("faces" if which == "embedder" else "judge", "embedder")
    detector = None if is_quick else detector_in_use()
    calibration, report = load_crops(CALIBRATION, REPORT), load_crops(REPORT, END)
    known = embed_all(module, config, crop_faces(calibration, detector))
    config = calibrated(config, pairs_of(known, known, calibration.seeds))
    fresh = embed_all(module, config, crop_faces(report, detector))
    figures = pair_figures(pairs_of(fresh, fresh, report.seeds))
    exact = embed_all(module, config, crop_faces(report, None))
    figures["AUC colour-matched, true points"] = pair_figures(pairs_of(exact, exact, report.seeds))[
        "AUC colour-matched"
    ]
    if detector:
        vae = vae_round_trip()
        for size in sizes:
            trips = make_trips(vae or patch_round_trip(calibration), detector, size)
            one, other = embed_all(module, config, trips.before), embed_all(module, config, trips.after)
            kind = f"{'autoencoder' if vae else 'patch stand-in'} {size} px"
            figures[f"found after {kind}"] = trips.found
            plain, tripped = (pair_figures(pairs_of(one, right, trips.people)) for right in (one, other))
            figures |= {f"{name}, {size} px before": value for name, value in plain.items()}
            figures |= {f"{name}, {kind}": value for name, value in tripped.items()}
    config = config | {"figures": {name: round(value, 4) for name, value in figures.items()}}
    if is_published:
        publish(module, config, folder, "embedder")
    return figures


def run(which: str, is_published: bool, is_quick: bool, sizes: list[int]) -> Figures:
    if which in ("embedder", "judge"):
        return run_embedder(
            which, faces_configs.FACES if which == "embedder" else faces_configs.JUDGE, is_published, is_quick, sizes
        )
    module, config = load("judge" if which == "regressor" else "faces", which)
    folder = faces_configs.JUDGE if which == "regressor" else faces_configs.FACES
    if which == "detector":
        config = calibrate_detector(module, config)
        figures = detector_figures(module, config, load_pictures(CALIBRATION + 600, CALIBRATION + 1200))
    elif which == "parser":
        figures = parser_figures(module, config, load_crops(REPORT, END))
    else:
        crops = load_crops(REPORT, END)
        figures = regressor_r2(module, config, crop_faces(crops, detector_in_use()), crops.vectors)
        config = config | {"r2": figures, "reliable": [name for name, value in figures.items() if value >= 0.5]}
    if which != "regressor":
        config = config | {"figures": {name: round(value, 4) for name, value in figures.items()}}
    if is_published:
        publish(module, config, folder, which)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="+", choices=("detector", "parser", "embedder", "judge", "regressor"))
    parser.add_argument("--publish", action="store_true", help="write calibrated weights into models/")
    parser.add_argument("--quick", action="store_true", help="true points, no round trip")
    parser.add_argument("--sizes", type=int, nargs="*", default=[128], help="picture sizes of the round trip")
    arguments = parser.parse_args()
    path = faces_configs.CACHE / "figures.json"
    all_figures = json.loads(path.read_text()) if path.exists() else {}
    for which in arguments.which:
        figures = run(which, arguments.publish, arguments.quick, arguments.sizes)
        show(which, figures)
        all_figures[which] = figures
    path.write_text(json.dumps(all_figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
