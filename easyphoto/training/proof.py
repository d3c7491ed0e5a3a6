"""`python -m easyphoto.training.proof`: imports everything that training imports, and prints its findings as JSON.

`environment.py` runs it in a new environment and reads the last line of the output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

# Set before torch is imported: its idle OpenMP threads would otherwise spin and starve other processes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

SHOWN = (
    "torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "numpy", "pillow",
    "opencv-python-headless", "onnxruntime",
)  # fmt: skip
LOCK = Path(__file__).with_name("trainer-lock.txt")


def main() -> int:
    sys.stdout.write(json.dumps(found()) + "\n")
    return 0


def found() -> dict[str, object]:
    """Versions, torch's folder, and unmet requirements. Raises ImportError if a package is missing."""
    import cv2  # noqa: F401
    import onnxruntime  # noqa: F401
    import torch
    from accelerate import PartialState  # noqa: F401
    from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: F401
    from peft import LoraConfig  # noqa: F401
    from transformers import CLIPTextModel  # noqa: F401

    from easyphoto.training import rank_worker, session  # noqa: F401

    # Incompatible versions of torch and numpy import without error and fail here.
    if torch.ones(2).numpy().sum() != 2.0:
        raise ImportError("torch and numpy do not fit together")
    return {
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in SHOWN}},
        "torch": str(Path(torch.__file__).parent),
        "conflicts": list(conflicts((*locked(), "torch"))),
    }


def locked() -> tuple[str, ...]:
    """Names of the locked packages."""
    return tuple(line.partition("==")[0] for line in LOCK.read_text("utf-8").splitlines() if "==" in line)


def conflicts(names: tuple[str, ...]) -> Iterator[str]:
    """Requirements of these packages that are missing or have an unsuitable version, one line each."""
    from packaging.requirements import Requirement

    for name in names:
        try:
            required = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for another system
        for requirement in map(Requirement, required):
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            try:
                has = version(requirement.name)
            except PackageNotFoundError:
                yield f"{name} wants {requirement.name}, which is missing"
                continue
            if not requirement.specifier.contains(has, prereleases=True):
                yield f"{name} wants {requirement}, there is {has}"


if __name__ == "__main__":
    sys.exit(main())
