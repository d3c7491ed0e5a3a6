"""The same training by other trainers, and by ours, each in a process of its own.

Where imports, loading and caching end differs by trainer, so that two runs of n and 3n steps are timed from outside;
half of their difference is n steps. All see four pictures a step, at the same side, with both networks learning.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from easyphoto.bench.gpu.plan import BATCH, LONGER, OURS, Anchor, BenchPlan, Unit
from easyphoto.progress import Progress
from easyphoto.settings.training import TrainSettings
from easyphoto.training.commands import foreign_environment, run_command
from easyphoto.training.job import train as run_training
from easyphoto.training.run import TrainRun

PEAK = "peak_mb "
LAUNCHER = f"""
import atexit, os, runpy, sys
def told():
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        print("{PEAK}%d" % (torch.cuda.max_memory_allocated() // 2**20), flush=True)
atexit.register(told)
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a trainer's script unchanged, and says at its end how much of the GPU's memory it had."""
Result = dict[str, Any]


def compared(unit: Unit, folder: Path, plan: BenchPlan, *, precision: str, progress: Progress) -> Result:
    """Run one training from start to end. Raises CommandFailed, Cancelled, and the errors of our own training."""
    place = folder / "runs" / unit.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    began = time.monotonic()
    if unit.trainer == OURS:
        _train_ours(place, folder, plan, unit.steps, progress)
        lines: Iterable[str] = (place / "events.jsonl").read_text("utf-8").splitlines()
        peaks = [event["mem_mb"] for event in map(json.loads, lines) if event["type"] == "step"]
    else:
        anchor = next(each for each in plan.anchors if each.name == unit.trainer)
        lines = run_command(
            command_for(anchor, folder, place, plan, steps=unit.steps, precision=precision),
            progress,
            environment={**foreign_environment(), "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"},
            folder=Path(anchor.folder),
        )
        peaks = [int(line.removeprefix(PEAK)) for line in lines if line.startswith(PEAK)]
    seconds = round(time.monotonic() - began, 3)
    shutil.rmtree(place, ignore_errors=True)
    return {"trainer": unit.trainer, "steps": unit.steps, "seconds": seconds, "peak_mb": max(peaks, default=None)}


def _train_ours(place: Path, folder: Path, plan: BenchPlan, steps: int, progress: Progress) -> None:
    run = TrainRun(
        person="nobody",
        trigger=plan.kind.trigger,
        family=plan.family,
        base=str(folder / "base"),
        dataset=str(folder / "dataset"),
        settings=TrainSettings(steps=steps, batch=BATCH, resolution=plan.resolution, validations=1),
    )
    run.write(place)
    run_training(place, progress)


def command_for(
    anchor: Anchor, folder: Path, place: Path, plan: BenchPlan, *, steps: int, precision: str
) -> tuple[str, ...]:
    """The command of another trainer for the same work, with the flags that make it fastest."""
    mixed = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[precision]
    flags = (_kohya if anchor.name == "kohya" else _diffusers)(folder, plan)
    common = {
        "pretrained_model_name_or_path": folder / "base",
        "output_dir": place / "out",
        "max_train_steps": steps,
        "train_batch_size": BATCH,
        "learning_rate": plan.kind.learning_rate,
        "mixed_precision": mixed,
        "resolution": plan.kind.resolution,
        "seed": 0,
    }
    script = "train_network.py" if anchor.name == "kohya" else "examples/dreambooth/train_dreambooth_lora.py"
    launcher = place / "launcher.py"
    launcher.write_text(LAUNCHER, "utf-8")
    words = [anchor.python, str(launcher), os.path.join(anchor.folder, script)]
    for name, value in {**common, **flags}.items():
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return tuple(words)


def _kohya(folder: Path, plan: BenchPlan) -> Mapping[str, Any]:
    tokenizers = folder / "tokenizers"
    # Where it looks before it asks the network for CLIP's tokenizer.
    if not tokenizers.is_dir():
        shutil.copytree(folder / "base" / "tokenizer", tokenizers / "openai_clip-vit-large-patch14")
    return {
        "train_data_dir": folder / "kohya",
        "network_module": "networks.lora",
        "network_dim": plan.kind.rank,
        "network_alpha": plan.kind.alpha,
        "unet_lr": plan.kind.learning_rate,
        "text_encoder_lr": plan.kind.learning_rate / 2,
        "caption_extension": ".txt",
        "cache_latents": True,
        "sdpa": True,
        "optimizer_type": "AdamW",
        "optimizer_args": "fused=True",
        "max_data_loader_n_workers": 2,
        "persistent_data_loader_workers": True,
        "tokenizer_cache_dir": tokenizers,
        "save_model_as": "safetensors",
    }


def _diffusers(folder: Path, plan: BenchPlan) -> Mapping[str, Any]:
    return {
        "instance_data_dir": folder / "diffusers",
        "instance_prompt": plan.kind.trigger,
        "train_text_encoder": True,
        "rank": plan.kind.rank,
        "allow_tf32": True,
        "dataloader_num_workers": 4,
        "lr_warmup_steps": 0,
        "checkpointing_steps": 1_000_000,
    }


def step_seconds(runs: Iterable[Result]) -> dict[str, list[float]]:
    """Seconds a step of each trainer, once for each turn in which both of its runs are there."""
    runs = list(runs)
    found: dict[str, list[float]] = {}
    for trainer in dict.fromkeys(run["trainer"] for run in runs):
        own = [run for run in runs if run["trainer"] == trainer]
        fewest = min(run["steps"] for run in own)
        short = [run["seconds"] for run in own if run["steps"] == fewest]
        long = [run["seconds"] for run in own if run["steps"] == LONGER * fewest]
        pairs = zip(short, long, strict=False)
        found[trainer] = [(more - less) / ((LONGER - 1) * fewest) for less, more in pairs]
    return found
