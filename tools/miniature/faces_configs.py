"""Shapes and names of the face networks that the scripts of this folder train."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FACES = ROOT / "models" / "miniature" / "faces"
JUDGE = ROOT / "models" / "judge"
CACHE = Path(os.environ.get("EASYPHOTO_FACES_CACHE", ROOT / "build" / "faces"))

PARTS = ["background", "skin", "brows", "eyes", "nose", "mouth", "ears", "hair", "neck", "clothes"]
_EVEN = [round(index / 100, 4) for index in range(101)]


def detector_config() -> dict[str, Any]:
    return {
        "kind": "detector", "id": "miniature-detector-1", "domain": "drawings",
        "widths": [16, 24, 48, 80, 112], "refiner_widths": [16, 32, 48, 64],
        "pyramid": [256, 512], "coarse_threshold": 0.1, "max_candidates": 24, "threshold": 0.5,
    }  # fmt: skip


def parser_config() -> dict[str, Any]:
    return {
        "kind": "parser", "id": "miniature-parser-1", "domain": "drawings",
        "widths": [32, 48, 80, 112], "labels": PARTS, "input_size": 128, "crop_factor": 1.7,
    }  # fmt: skip


def embedder_config(parameters: list[str]) -> dict[str, Any]:
    return {
        "kind": "embedder", "id": "miniature-embedder-1", "domain": "drawings",
        "widths": [32, 48, 96, 144], "blocks": [1, 2, 1], "squeeze": 32, "hidden": 320,
        "dimensions": 128, "parameters": parameters, "input_size": 112,
        "cosine_quantiles": {"genuine": _EVEN, "impostor": _EVEN, "impostor_matched": _EVEN},
    }  # fmt: skip


def judge_config(parameters: list[str]) -> dict[str, Any]:
    return embedder_config(parameters) | {
        "id": "miniature-judge-1", "widths": [24, 56, 80, 160], "blocks": [1, 1, 2], "squeeze": 24, "hidden": 256,
    }  # fmt: skip


def regressor_config(parameters: list[str]) -> dict[str, Any]:
    return {
        "kind": "regressor", "id": "miniature-regressor-1", "domain": "drawings",
        "widths": [28, 48, 88, 128], "blocks": [1, 2, 0], "squeeze": 32, "hidden": 256,
        "parameters": parameters, "input_size": 112, "reliable": [], "r2": {},
    }  # fmt: skip
