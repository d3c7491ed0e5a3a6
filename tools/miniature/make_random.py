"""Write a family with random weights and the miniature's shapes, for tests and for building the pipeline against.

python tools/miniature/make_random.py --out build/miniature/random
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from networks import CONTROL_KINDS, make_autoencoder, make_controlnet, make_text_encoder, make_unet, save_family
from words import build_tokenizer

SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.manual_seed(SEED)
    unet = make_unet()
    controls = {kind: make_controlnet(unet) for kind in CONTROL_KINDS}
    save_family(arguments.out, unet, make_autoencoder(), make_text_encoder(build_tokenizer()), controls)


if __name__ == "__main__":
    main()
