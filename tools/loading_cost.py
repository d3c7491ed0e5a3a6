"""What loading a base model costs, beside what the libraries' `from_pretrained(…).to(…)` costs, in turns.

Writes Stable Diffusion 1.5 in its true size with random weights into --folder (18 GB: in float16 and in float32, each
as a folder, a .safetensors and a .ckpt), unless it is there, and loads each, in a process of its own each time, after
the imports. `libraries` is what diffusers and transformers do, `here` this checkout, and `there` the one that --against
names. Every tensor is touched before the clock stops, because a mapped file is read only then. With --cold, the files
are dropped from the system's cache before each load, and the imports are in the time, because reading overlaps them.

From the repository's root, with the environment's Python: python tools/loading_cost.py --folder /tmp/sd15 --runs 3
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILES = ("folder", "safetensors", "ckpt")
STORED = ("float16", "float32")
MEASURES = {"wall s": "seconds", "processor s": "processor", "peak MB": "peak"}


def main() -> int:
    asked = arguments()
    if asked.load:
        print(json.dumps(loaded(asked)))
        return 0
    sys.path.insert(0, str(ROOT))
    if not (asked.folder / "written").is_file():
        write(asked.folder)
    trees = {"libraries": ROOT, "here": ROOT, **({"there": asked.against} if asked.against else {})}
    print(f"{'file':24}{'in':10}", *(f"{side:>30}" for side in trees), "   here / each other")
    for stored, kind in ((stored, kind) for stored in asked.stored for kind in asked.files):
        for dtype in asked.dtypes:
            sides = [side for side in trees if side != "libraries" or kind == "folder"]
            runs: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
            for turn in range(asked.runs):
                for side in sides if turn % 2 == 0 else reversed(sides):
                    runs[side].append(measured(asked, place(asked.folder, stored, kind), dtype, side, trees[side]))
            print(f"{stored + ' ' + kind:24}{dtype:10}", row(runs, list(trees)), flush=True)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--against", type=Path, help="another checkout, with the same environment")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--files", nargs="+", choices=FILES, default=FILES)
    parser.add_argument("--stored", nargs="+", choices=STORED, default=STORED)
    parser.add_argument("--dtypes", nargs="+", default=("float16", "float32"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--load", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def place(folder: Path, stored: str, kind: str) -> Path:
    return folder / (stored if kind == "folder" else f"{stored}.{kind}")


def row(runs: dict[str, list[dict[str, float]]], trees: list[str]) -> str:
    """The medians of each side as wall/processor/peak, and the ratios of wall and processor seconds."""
    medians = {
        side: {name: statistics.median(run[key] for run in taken) for name, key in MEASURES.items()}
        for side, taken in runs.items()
    }
    cells = [
        "{:6.2f} s {:6.2f} cpu {:6.0f} MB".format(*medians[side].values()) if side in medians else "–" for side in trees
    ]
    mine = medians["here"]
    ratios = [
        f"{side} {mine['wall s'] / other['wall s']:.2f} ({mine['processor s'] / other['processor s']:.2f} cpu)"
        for side, other in medians.items()
        if side != "here"
    ]
    return " ".join(f"{cell:>30}" for cell in cells) + "   " + ", ".join(ratios)


def measured(asked: argparse.Namespace, path: Path, dtype: str, side: str, tree: Path) -> dict[str, float]:
    if asked.cold:
        for file in files_below(path):
            forget(file)
    else:
        for file in files_below(path):
            with file.open("rb") as stream:
                while stream.read(1 << 24):
                    pass
    command = [sys.executable, __file__, "--folder", str(asked.folder), "--device", asked.device]
    command += ["--cold"] * asked.cold + ["--load", str(path), dtype, side]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_WAIT_POLICY": "PASSIVE"}
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment, cwd=tree).stdout
    facts: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return facts


def files_below(path: Path) -> Iterator[Path]:
    return (file for file in (path.rglob("*") if path.is_dir() else (path,)) if file.is_file())


def forget(file: Path) -> None:
    """Drop one file from the system's cache; needs no rights, unlike dropping the whole cache."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def loaded(asked: argparse.Namespace) -> dict[str, float]:
    """Load once, in this process, and say what it took."""
    path, dtype, side = Path(asked.load[0]), asked.load[1], asked.load[2]
    began, spent = time.perf_counter(), time.process_time()
    import torch

    from easyphoto.architectures.sd15 import SD15
    from easyphoto.backends.loading import load_components

    place: dict[str, Any] = {"dtype": getattr(torch, dtype), "device": torch.device(asked.device)}
    if not asked.cold:
        from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel  # noqa: F401
        from transformers import CLIPTextModel, CLIPTokenizerFast  # noqa: F401

        began, spent = time.perf_counter(), time.process_time()
    networks = by_libraries(path, **place) if side == "libraries" else load_components(SD15, path, **place).networks
    for network in networks:
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.flatten()[::1024].float().sum().item()
    return {"seconds": time.perf_counter() - began, "processor": time.process_time() - spent, "peak": peak_mb()}


def by_libraries(folder: Path, *, dtype: Any, device: Any) -> list[Any]:
    """As EasyPhoto 0.16 loaded a folder."""
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizerFast

    kinds = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}
    networks = [
        kind.from_pretrained(folder / part, local_files_only=True, use_safetensors=True)
        .to(device=device, dtype=dtype)
        .eval()
        .requires_grad_(False)
        for part, kind in kinds.items()
    ]
    CLIPTokenizerFast.from_pretrained(folder / "tokenizer", local_files_only=True)
    DDPMScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    return networks


def peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write(folder: Path) -> None:
    import torch
    from trial_checkpoint import random_networks

    from easyphoto.architectures.sd15 import SD15
    from easyphoto.backends.tokenizer import find_merges, make_tokenizer, read_merges
    from easyphoto.weights.places import default_mirrors
    from easyphoto.weights.store import WeightStore
    from tests.ldm_layout import ldm_state, write_tensors

    merges = find_merges(WeightStore(folder / "weights", default_mirrors()), folder)
    if merges is None:
        raise SystemExit("CLIP's merges are missing: easyphoto weights get clip-merges")
    networks = random_networks(SD15.folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(merges, folder / "clip_merges.txt.gz")
    tokenizer = make_tokenizer(read_merges(merges), pad=SD15.text_encoders[0].pad)
    for stored in STORED:
        target = folder / stored
        for part, network in networks.items():
            network.to(getattr(torch, stored)).save_pretrained(target / part)
        tokenizer.save_pretrained(target / "tokenizer")
        shutil.copytree(SD15.folder / "scheduler", target / "scheduler", dirs_exist_ok=True)
        state = ldm_state(networks, SD15)
        write_tensors(place(folder, stored, "safetensors"), state)
        torch.save(
            {"state_dict": {name: tensor.detach() for name, tensor in state.items()}}, place(folder, stored, "ckpt")
        )
    (folder / "written").touch()


if __name__ == "__main__":
    sys.exit(main())
