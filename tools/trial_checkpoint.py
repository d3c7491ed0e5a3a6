"""Runs the real pipeline at real size without real weights: a checkpoint of random numbers.

Writes a full-size SD 1.5 checkpoint in LDM's layout (2.1 GB) and two ControlNets (0.7 GB each) into --folder, or an
SDXL checkpoint of full depth and reduced width, tells the family, loads, trains two steps, paints a portrait in two
passes, prints seconds and memory, and deletes what it wrote. Each part runs in a process of its own, so that its peak
memory is its own. Random weights paint noise: what is tried is the code, its names and its sizes.

From the repository's root, with the environment's Python: python tools/trial_checkpoint.py --folder /tmp/trial
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import family_named
from easyphoto.progress import NullProgress
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore

SEED = 11
PHOTOS, SIDE = 2, 768
FIRST_IDENTITY = 1_000_003
TEMPLATE = "01-lights.png"
# First the UNet's modules, then those of each text encoder; three tensors a module.
LORA_MODULES: Mapping[str, dict[str, int]] = {
    "sd15": {"lora_unet_": 192, "lora_te_text_model_encoder_layers_": 72},
    "sdxl": {
        "lora_unet_": 722,
        "lora_te1_text_model_encoder_layers_": 72,
        "lora_te2_text_model_encoder_layers_": 192,
    },
}
CONTROLS: Mapping[str, tuple[str, ...]] = {"sd15": ("canny", "tile"), "sdxl": ("canny",)}
Facts = dict[str, Any]


def main() -> int:
    options = parsed()
    if options.phase:
        print(json.dumps(measured(PHASES[options.phase], options)), flush=True)
        return 0
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        rows = {name: run_phase(name, options) for name in PHASES}
    finally:
        if not options.keep:
            shutil.rmtree(options.folder, ignore_errors=True)
    print(f"\n{'part':<10}{'seconds':>9}{'peak MB':>9}  what")
    for name, facts in rows.items():
        words = ", ".join(f"{key} {value}" for key, value in facts.items() if key not in ("seconds", "peak_mb"))
        print(f"{name:<10}{facts['seconds']:>9.1f}{facts['peak_mb']:>9}  {words}")
    print(json.dumps({"family": options.family, "parts": rows}))
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a new folder on a disk with 8 GB free")
    parser.add_argument("--family", choices=sorted(LORA_MODULES), default="sd15")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--keep", action="store_true", help="delete nothing at the end")
    parser.add_argument("--phase", choices=list(PHASES), help=argparse.SUPPRESS)
    return parser.parse_args()


def run_phase(name: str, options: argparse.Namespace) -> Facts:
    print(f"{name} …", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--phase", name, "--folder", str(options.folder), "--family", options.family]
    command += ["--resolution", str(options.resolution)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    facts: Facts = json.loads(said.strip().splitlines()[-1])
    print(json.dumps({name: facts}), file=sys.stderr, flush=True)
    return facts


def measured(work: Callable[[argparse.Namespace], Facts], options: argparse.Namespace) -> Facts:
    began = time.perf_counter()
    facts = work(options)
    seconds = time.perf_counter() - began
    # Of this process or of its largest child.
    peaks = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {"seconds": round(seconds, 2), "peak_mb": max(peaks), **facts}


def checkpoint_file(options: argparse.Namespace) -> Path:
    folder: Path = options.folder
    return folder / f"random-{options.family}.safetensors"


def store_of(options: argparse.Namespace) -> WeightStore:
    return WeightStore(options.folder / "weights", default_mirrors())


def write(options: argparse.Namespace) -> Facts:
    """Checkpoint, ControlNets and the tokenizer's table."""
    from easyphoto.backends.ldm_names import CONTROL_PREFIX
    from tests.ldm_layout import ldm_state, unet_state, write_configs, write_tensors

    family, file = family_named(options.family), checkpoint_file(options)
    configs = family.folder
    if family.id == "sdxl":
        configs = write_configs(family, file, shallow=False)
    write_tensors(file, ldm_state(random_networks(configs), family))
    for number, kind in enumerate(CONTROLS[family.id]):
        control = random_control(configs, SEED + number)
        name = options.folder / "controlnet" / f"{family.controls[kind]}.safetensors"
        write_tensors(name, unet_state(control, CONTROL_PREFIX))
    merges = store_of(options).find("clip-merges")
    if merges is not None:
        shutil.copy(merges, options.folder / "clip_merges.txt.gz")
    sizes = [path.stat().st_size for path in sorted(options.folder.rglob("*.safetensors"))]
    return {"files": len(sizes), "gigabytes": round(sum(sizes) / 1e9, 2)}


def random_networks(configs: Path) -> dict[str, Any]:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    networks = {
        "unet": randomised(UNet2DConditionModel, configs / "unet", SEED),
        "vae": randomised(AutoencoderKL, configs / "vae", SEED + 1),
        "text_encoder": randomised(CLIPTextModel, configs / "text_encoder", SEED + 2),
    }
    if (configs / "text_encoder_2").is_dir():
        second = randomised(CLIPTextModelWithProjection, configs / "text_encoder_2", SEED + 3)
        networks["text_encoder_2"] = second
    return networks


def random_control(configs: Path, seed: int) -> Any:
    from diffusers import ControlNetModel

    return randomised(ControlNetModel, configs / "controlnet", seed)


def randomised(kind: Any, folder: Path, seed: int) -> Any:
    from easyphoto.bench.random_base import random_network

    return random_network(kind, json.loads((folder / "config.json").read_text("utf-8")), seed)


def header(options: argparse.Namespace) -> Facts:
    """The family, with the bytes that were read for it."""
    from easyphoto.backends.folders import base_model

    file, before = checkpoint_file(options), bytes_read()
    began = time.perf_counter()
    family, _ = base_model(str(file))
    seconds = time.perf_counter() - began
    expected(family.id == options.family, f"the family is {family.id}")
    return {
        "family": family.id,
        "told in s": round(seconds, 4),
        "bytes read": bytes_read() - before,
        "of": file.stat().st_size,
    }


def bytes_read() -> int:
    """By this process so far, as Linux counts; 0 elsewhere."""
    counts = Path("/proc/self/io")
    return int(counts.read_text().split()[1]) if counts.is_file() else 0


def load(options: argparse.Namespace) -> Facts:
    from easyphoto.backends.folders import base_model
    from easyphoto.backends.loading import load_components

    family, file = base_model(str(checkpoint_file(options)))
    began = time.perf_counter()
    components = load_components(family, file, device="cpu", store=store_of(options))
    seconds = time.perf_counter() - began
    tensors = [tensor for network in components.networks for tensor in network.parameters()]
    expected(not any(tensor.is_meta for tensor in tensors), "a tensor has no memory")
    millions = sum(tensor.numel() for tensor in tensors) / 1e6
    return {"loaded in s": round(seconds, 1), "million parameters": round(millions, 1), "dtype": str(tensors[0].dtype)}


def train(options: argparse.Namespace) -> Facts:
    """Two steps through the training's own session, and a look at every name in the LoRA."""
    from easyphoto.settings.training import TrainSettings
    from easyphoto.training.context import RunContext
    from easyphoto.training.run import RunFolder, TrainRun
    from easyphoto.training.session import train_session

    family = family_named(options.family).at(options.resolution)
    settings = TrainSettings(
        steps=2, batch=1, micro_batch=1, resolution=options.resolution, checkpointing="on", validations=1
    )
    run = TrainRun(
        person="nobody",
        trigger=family.trigger,
        family=family.id,
        base=str(checkpoint_file(options)),
        dataset=str(drawn_dataset(options, family)),
        weights=str(options.folder / "weights"),
        mirrors=tuple(map(str, default_mirrors())),
        settings=settings,
    )
    folder = options.folder / "run"
    run.write(folder)
    service = RunContext(run, RunFolder(folder), lambda event: None, NullProgress())
    done = train_session(service)
    modules, tensors, rank = lora_facts(Path(done.path), options.family)
    phases = {f"{name} s": round(took, 1) for name, took in done.seconds.items()}
    return {**phases, "how": service.plan, "modules": modules, "tensors": tensors, "rank": rank}


def drawn_dataset(options: argparse.Namespace, family: Family) -> Path:
    from easyphoto.drawings.identity import sample_identity
    from easyphoto.drawings.renderer import draw
    from easyphoto.drawings.scene import sample_scene
    from easyphoto.images.pictures import as_picture
    from easyphoto.preprocess.check import check_photos
    from easyphoto.preprocess.dataset import prepare_dataset
    from easyphoto.settings.training import PreprocessSettings

    identity = sample_identity(FIRST_IDENTITY)
    files = []
    for number in range(PHOTOS):
        scene = sample_scene(FIRST_IDENTITY + number, identity, framing="close", photo_index=number)
        files.append(options.folder / f"photo-{number}.png")
        as_picture(draw(identity, scene, SIDE).image).save(files[-1])
    engine, settings, progress = drawings_engine(options), PreprocessSettings(), NullProgress()
    check = check_photos(files, engine, family, settings, progress)
    expected(bool(check.kept), "no drawn photo was kept")
    return prepare_dataset(check, engine, family, settings, options.folder / "dataset", progress).folder


def drawings_engine(options: argparse.Namespace) -> Any:
    from easyphoto.faces.opening import open_engine

    return open_engine("drawings", store_of(options), NullProgress())


def lora_facts(file: Path, family: str) -> tuple[int, int, int]:
    """Modules, tensors and rank, where every name that readers look for is there and no other."""
    from election.merging import module_names

    from easyphoto.training.lora import read_lora

    state, _ = read_lora(file)
    modules = module_names(state)
    counts = {prefix: sum(name.startswith(prefix) for name in modules) for prefix in LORA_MODULES[family]}
    expected(counts == LORA_MODULES[family], f"the LoRA has {counts}")
    expected(len(modules) == sum(counts.values()), "the LoRA has modules of other names")
    expected(len(state) == 3 * len(modules), f"{len(state)} tensors are not three for each of {len(modules)} modules")
    rank = next(tensor.shape[0] for name, tensor in state.items() if name.endswith("lora_down.weight"))
    return len(modules), len(state), rank


def portrait(options: argparse.Namespace) -> Facts:
    """Two passes of two steps each, with the ControlNets and the LoRA that was just trained."""
    from easyphoto.backends.folders import base_model
    from easyphoto.backends.local import open_local
    from easyphoto.images.pictures import read_picture, write_picture
    from easyphoto.inference.identities.lora import TrainedLora
    from easyphoto.inference.pipeline import photograph
    from easyphoto.inference.session import PipelineModels
    from easyphoto.inference.subject import Subject
    from easyphoto.settings.inference import InferenceSettings
    from easyphoto.workspace.shipped import templates_folder

    began = time.perf_counter()
    backend = open_local(*base_model(str(checkpoint_file(options))), store_of(options))
    loaded = time.perf_counter()
    photo, lora = options.folder / "photo-0.png", options.folder / "run" / "lora.safetensors"
    subject = Subject("nobody", read_picture(photo), identities=(TrainedLora(lora),))
    settings = InferenceSettings(
        first_steps=2, second_steps=2, first_strength=1.0, second_strength=1.0, resolution=options.resolution
    )
    family = family_named(options.family).at(options.resolution)
    tools = PipelineModels(backend=backend, engine=drawings_engine(options))
    made = photograph(read_picture(templates_folder() / TEMPLATE), [subject], settings, family, tools)
    ended = time.perf_counter()
    write_picture(options.folder / "portrait.png", made.results[0].image)
    return {
        "load s": round(loaded - began, 1),
        "paint s": round(ended - loaded, 1),
        "controls": "+".join(backend.capabilities().controls),
        "size": "×".join(map(str, made.results[0].image.size)),
        "notes": len(made.notes),
    }


def expected(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(f"FAILED: {otherwise}")


PHASES: Mapping[str, Callable[[argparse.Namespace], Facts]] = {
    "write": write,
    "header": header,
    "load": load,
    "train": train,
    "portrait": portrait,
}

if __name__ == "__main__":
    sys.exit(main())
