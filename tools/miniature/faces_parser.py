"""Trains the face-part parser: python tools/miniature/faces_parser.py --steps 1500"""

from __future__ import annotations

import faces_threads  # noqa: F401  # isort: skip

import math

import cv2
import faces_configs
import numpy as np
import torch
from faces_data import Bytes, Crops, load_crops, maybe_jpeg, patch_basis, photometric
from faces_render import CROP_FACTOR
from faces_train import Budget, budget_arguments, train
from torch import Tensor
from torch.nn import functional

from easyphoto.faces import drawn_analysis, networks

SEED = 31
# Small parts count more, or the loss is all hair and background.
WEIGHTS = (0.6, 1.0, 2.5, 2.5, 2.5, 2.5, 2.0, 1.0, 1.0, 0.6)


def view(crops: Crops, row: int, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """One crop and its labels as the engine may cut them: somewhat off, somewhat turned, some smaller."""
    box, size = crops.boxes[row], drawn_analysis.PARSE_SIZE
    side = float(max(box[2:] - box[:2])) * drawn_analysis.PARSE_CROP_FACTOR * math.exp(rng.normal(0.0, 0.07))
    side = min(side, 192 * 1.05)
    middle = (box[:2] + box[2:]) / 2 + rng.normal(0.0, 0.03, 2) * side / CROP_FACTOR
    angle, scale = rng.normal(0.0, 0.1), size / side
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    matrix = np.array([[c, -s, 0.0], [s, c, 0.0]])
    matrix[:, 2] = size / 2 - 0.5 - matrix[:, :2] @ (middle - 0.5)
    image = drawn_analysis.warp(np.asarray(crops.image(row)), matrix, size)
    labels = cv2.warpAffine(
        np.asarray(crops.label(row)), matrix, (size, size), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
    return maybe_jpeg(image, rng, 0.2), np.asarray(labels, dtype=np.uint8)


def main() -> None:
    arguments = budget_arguments(__doc__, steps=1500, rate=2e-3).parse_args()
    config = faces_configs.parser_config()
    torch.manual_seed(SEED)
    module = networks.build(config)
    crops = load_crops(0, 100_000)
    sample = np.stack([np.asarray(crops.image(row))[32:160, 32:160] for row in range(0, 400, 2)])
    basis = patch_basis(sample)
    weights = torch.tensor(WEIGHTS)

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        rng = np.random.default_rng([SEED, step])
        generator = torch.Generator().manual_seed(SEED * 1_000_003 + step)
        made = [view(crops, int(row), rng) for row in rng.integers(0, len(crops.seeds), 24)]
        batch = networks.to_tensor(np.stack([image for image, _ in made]))
        batch = photometric(batch, basis, rng, generator, 56)
        target = torch.from_numpy(np.stack([labels for _, labels in made])).long()
        with torch.autocast("cpu", torch.bfloat16):
            logits = module(batch)
        loss = functional.cross_entropy(logits.float(), target, weights)
        right = float((logits.argmax(dim=1) == target).float().mean())
        return loss, {"loss": float(loss.detach()), "accuracy": right}

    def publish(step: int) -> None:
        networks.save_network(
            module, config | {"trained": {"steps": step}}, faces_configs.CACHE / "trained/faces", "parser"
        )

    train("parser", module, Budget(arguments.steps, arguments.minutes, arguments.rate), loss_of, publish)


if __name__ == "__main__":
    main()
