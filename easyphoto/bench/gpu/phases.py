"""The phases that stand for what people wait for: making the model, loading it, a training, portraits."""

from __future__ import annotations

import json
import platform
import shutil
import statistics
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easyphoto import __version__
from easyphoto.bench.demo import demo_template
from easyphoto.bench.gpu.clocks import device_name, peak_mb, precision, repeated, synchronised, timed
from easyphoto.bench.gpu.plan import BATCH, COMPARED_STEPS, LONGER, BenchPlan
from easyphoto.bench.learners import write_noise_pictures
from easyphoto.bench.persons import draw_member, write_photos
from easyphoto.bench.random_base import write_random_base
from easyphoto.images.pictures import read_picture
from easyphoto.settings.training import TrainSettings

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto

PERSON, MEMBER = "anna", 40
COMPARED_PHOTOS = 12
COUNTS = (1, 4)
MADE = ("base", "photos", "dataset", "kohya", "diffusers", "tokenizers")
ROUNDS = 3
Result = dict[str, Any]


def make(folder: Path, plan: BenchPlan) -> Result:
    """The base with its ControlNets, a person's photos, and the pictures of the comparison with other trainers."""
    family, device = plan.kind, device_name()
    kinds = dict.fromkeys(kind for kind, _ in (*family.first_controls, *family.second_controls))
    for left in MADE:  # Of a call that ended meanwhile, or of an earlier version.
        shutil.rmtree(folder / left, ignore_errors=True)
    with timed() as clock:
        write_random_base(folder / "base", family, width=plan.width, controls=kinds, device=device)
    write_photos(draw_member(MEMBER), folder / "photos")
    write_noise_pictures(folder / "dataset", family.resolution, family.trigger, photos=COMPARED_PHOTOS)
    _share_pictures(folder, family.trigger)
    bytes_written = sum(path.stat().st_size for path in (folder / "base").rglob("*") if path.is_file())
    return {"seconds": clock(), "gigabytes": round(bytes_written / 1e9, 2), "controls": list(kinds)}


def _share_pictures(folder: Path, caption: str) -> None:
    """The same pictures as other trainers take them, so often that no run begins a second round over them.

    Their loaders start anew with each round, which a run on twelve pictures would pay in every third step.
    """
    turns = -(-COMPARED_STEPS * LONGER * BATCH // COMPARED_PHOTOS)
    kohya, diffusers = folder / "kohya" / f"{turns}_face", folder / "diffusers"
    for place in (kohya, diffusers):
        place.mkdir(parents=True)
    for picture in sorted((folder / "dataset").glob("*.png")):
        photo = kohya / f"{picture.stem}.jpg"
        read_picture(picture).save(photo, quality=92)
        photo.with_suffix(".txt").write_text(caption, "utf-8")
        for turn in range(turns):
            (diffusers / f"{picture.stem}-{turn}.jpg").hardlink_to(photo)


def device(folder: Path, plan: BenchPlan) -> Result:
    """What the device is, and the rate of its matrix products, by which a step's share of the bound is told."""
    import diffusers
    import torch
    import transformers

    name = device_name()
    is_gpu = name != "cpu"
    side = 8192 if is_gpu else 1024
    dtype = precision(name)
    left, right = (torch.randn(side, side, device=name, dtype=dtype) for _ in range(2))
    seconds = repeated(lambda: left @ right, rounds=10, device=name)
    return {
        "device": torch.cuda.get_device_name(0)
        if is_gpu
        else f"{platform.machine()}, {torch.get_num_threads()} threads",
        "memory_gb": round(torch.cuda.get_device_properties(0).total_memory / 1e9, 1) if is_gpu else None,
        "precision": str(dtype).removeprefix("torch."),
        "matmul_tflops": round(2 * side**3 / statistics.median(seconds) / 1e12, 3),
        "versions": {
            "easyphoto": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda or torch.version.hip,
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
        },
    }


def load(folder: Path, plan: BenchPlan) -> Result:
    """Seconds from the folder to networks on the device, the first time with what is imported."""
    import gc

    name = device_name()
    seconds = []
    for _ in range(ROUNDS + 1):
        with timed() as clock:
            from easyphoto.backends.loading import load_components

            loaded = load_components(plan.kind, folder / "base", dtype=precision(name), device=name)
            synchronised(name)
        seconds.append(clock())
        del loaded
        gc.collect()
    first, *others = seconds
    return {"first_s": first, "median_s": statistics.median(others), "seconds": others, "peak_mb": peak_mb(name)}


def train(folder: Path, plan: BenchPlan) -> Result:
    """From photos to LoRA, with the check, the test pictures and the choice among the checkpoints."""
    from easyphoto.commands.base import NullContext
    from easyphoto.commands.train import TrainPerson

    settings = TrainSettings(steps=plan.steps or plan.kind.training_steps, resolution=plan.resolution)
    settings = replace(settings, validations=2, validation_steps=2) if plan.is_trial else settings
    command = TrainPerson(PERSON, tuple(sorted((folder / "photos").iterdir())), settings=settings)
    app = opened(folder)
    with timed() as clock, app.at_hand() as leased:
        made = command.run(leased, NullContext())
    events = [json.loads(line) for line in (made.run_folder / "events.jsonl").read_text("utf-8").splitlines()]
    seconds = next(event["seconds"] for event in events if event["type"] == "done")
    peak = max((event["mem_mb"] for event in events if event["type"] == "step"), default=0)
    trained = next(event["steps"] for event in events if event["type"] == "start")
    phases = {name: round(took, 2) for name, took in seconds.items()}
    return {
        "seconds": clock(),
        "steps": trained,
        "phases": {"photos and start": round(clock() - sum(seconds.values()), 2), **phases},
        "ms_a_step": round(1000 * seconds["train"] / trained, 2),
        "validation_share": round(seconds.get("validate", 0.0) / clock(), 3),
        "plan": next((event["text"] for event in events if event["type"] == "plan"), ""),
        "notes": [event["detail"] for event in events if event["type"] == "warn"],
        "peak_mb": peak,
    }


def portrait(folder: Path, plan: BenchPlan) -> Result:
    """Warm portraits of two passes, in the defaults of the family, by the LoRA of the training if there was one."""
    from easyphoto.commands.add_person import AddPerson
    from easyphoto.commands.base import NullContext
    from easyphoto.commands.photograph import PhotographPersons
    from easyphoto.settings.inference import InferenceSettings

    few = 2 if plan.is_trial else None
    found: Result = {}
    app = opened(folder)
    known = {person.id: person for person in app.workspace.list_persons()}
    has_lora = PERSON in known and known[PERSON].lora is not None
    if PERSON not in known:
        AddPerson(PERSON, tuple(sorted((folder / "photos").iterdir()))).run(app, NullContext())
    for count in COUNTS[:1] + COUNTS:  # The first one loads and is not counted.
        settings = InferenceSettings(count=count, first_steps=few, second_steps=few, resolution=plan.resolution)
        command = PhotographPersons((PERSON,), (demo_template(),), settings=settings, out=folder / "portraits")

        def photographed(command: PhotographPersons = command) -> None:
            with app.at_hand() as leased:
                command.run(leased, NullContext())

        rounds = ROUNDS if found else 1
        seconds = repeated(photographed, rounds=rounds, device=device_name(), warm_up=0)
        if not found:
            found = {"first_s": seconds[0], "lora": has_lora}
            continue
        middle = statistics.median(seconds)
        found[f"count_{count}"] = {"median_s": middle, "seconds": seconds, "a_minute": round(60 * count / middle, 2)}
    single, several = (found[f"count_{count}"]["median_s"] for count in COUNTS)
    return {**found, "ratio_many": round(several / (COUNTS[-1] * single), 3), "peak_mb": peak_mb(device_name())}


def opened(folder: Path) -> EasyPhoto:
    """The app on a workspace in the folder, with the random base."""
    from easyphoto.app import EasyPhoto
    from easyphoto.settings.options import Options
    from easyphoto.workspace.folders import Workspace

    return EasyPhoto(Workspace(folder / "workspace"), Options(base=str(folder / "base"), engine="drawings"))
