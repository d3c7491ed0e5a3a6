"""Write what the trainings have reached as a diffusers family.

python tools/miniature/export.py --out build/miniature/current     (in between: others can try it)
python tools/miniature/export.py --out models/miniature                  (at the end)
python tools/miniature/export.py --family models/miniature --out build/miniature/current    (all else is that family's)
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import torch
from data import CACHE
from diffusers import AutoencoderKL, ControlNetModel
from networks import CONTROL_KINDS, make_autoencoder, make_controlnet, save_family
from safetensors.torch import load_file
from train_unet import Miniature
from words import build_tokenizer


def load_average(path: Path | None = None) -> Miniature:
    """The newest kept average of the UNet's training, or the given one."""
    model = Miniature(build_tokenizer())
    chosen = path or max((CACHE / "unet").glob("average-*.pt"))
    model.load_state_dict(torch.load(chosen, weights_only=True))
    print("unet and text encoder:", chosen.name)
    return model.eval().requires_grad_(False)


def write_hashes(folder: Path, apart: tuple[str, ...] = ("faces", "identity", "restorer")) -> None:
    """Of this family's own files; the networks next to it, `apart`, have lists of their own."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = [name for name in names if name.parts[0] not in ("SHA256SUMS", "README.md", *apart)]
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--average", type=Path, help="a kept average other than the newest")
    parser.add_argument(
        "--family", type=Path, help="take autoencoder and ControlNets that were not trained of this family"
    )
    arguments = parser.parse_args()
    model = load_average(arguments.average)
    autoencoder = make_autoencoder()
    if arguments.family:
        autoencoder = AutoencoderKL.from_pretrained(arguments.family / "vae")
    else:
        autoencoder.load_state_dict(load_file(CACHE / "autoencoder.safetensors"))
    controls = {}
    for kind in CONTROL_KINDS:
        controls[kind] = make_controlnet(model.unet)
        trained = CACHE / "controls" / f"{kind}.safetensors"
        if trained.exists():
            controls[kind].load_state_dict(load_file(trained))
        elif arguments.family:
            controls[kind] = ControlNetModel.from_pretrained(arguments.family / "controlnet" / kind)
        else:
            print(kind, "is not trained yet: its zero convolutions make it do nothing")
    save_family(arguments.out, model.unet, autoencoder, model.text_encoder, controls)
    write_hashes(arguments.out)


if __name__ == "__main__":
    main()
