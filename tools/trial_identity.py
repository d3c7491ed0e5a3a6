"""Measures what identity engines cost, at full size and without real weights: files of random numbers.

SD 1.5 at full size with FaceID-PlusV2 (4 tokens), plus-face (16) and full-face (257); SDXL at full depth and half its
width with InstantID, alone (16 tokens) and with its ControlNet. One step of every arm is taken in every round, so that
a machine's bad moment meets them all alike; a ratio is the median over the rounds of a step to the plain step of the
same round. Seconds are the processor's, on one thread, because other work on the machine would be measured too.
Random weights paint noise: what is measured does not depend on them. Before that the multiplications of a step at the
family's full size are counted, on networks without memory; `--count` ends there.

From the repository's root, with the environment's Python: python tools/trial_identity.py --folder /tmp/trial
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from PIL import Image

from easyphoto.architectures.registry import family_named
from easyphoto.backends.components import Components
from easyphoto.backends.controls import ControlNets
from easyphoto.backends.face_attention import AttendedFace, cross_attentions, faces_applied
from easyphoto.backends.face_condition import FaceCondition
from easyphoto.backends.face_networks import attended
from easyphoto.backends.local_conditions import conditions_applied
from easyphoto.backends.networks import Networks
from easyphoto.backends.sampling import Denoiser
from easyphoto.backends.tensor_files import without_memory
from easyphoto.model_cache import ModelCache
from tests.backends import adapter_states as states
from tests.backends.face_files import face_condition, write_encoder
from tests.ldm_layout import write_tensors

WIDTHS = {"sd15": (768, 12), "sdxl": (1280, 20)}
"""Family → width and heads of the published resamplers."""
KINDS = {"sd15": ("faceid-plus", "ip-adapter", "ip-adapter-full"), "sdxl": ("instantid",)}
HALF = {"block_out_channels": [160, 320, 640], "attention_head_dim": [5, 5, 10]}
CPU = torch.device("cpu")
STEP, CFG = torch.tensor(501), 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--family", choices=tuple(KINDS), default="sd15")
    parser.add_argument("--resolution", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--encoder", action="store_true", help="of full size, 2.5 GB: without, full-face has 65 tokens")
    parser.add_argument("--count", action="store_true", help="count only: seconds, and no files")
    options = parser.parse_args()
    say("operations of a step more than the plain one", counted(options.family))
    if options.count:
        return
    torch.manual_seed(11)
    torch.set_num_threads(1)
    folder = options.folder / "identity"
    shutil.rmtree(folder, ignore_errors=True)  # of a trial that was killed
    folder.mkdir(parents=True)
    try:
        with torch.no_grad():
            trial(folder, options)
    finally:
        shutil.rmtree(folder)


def trial(folder: Path, options: argparse.Namespace) -> None:
    family = family_named(options.family)
    configs = family.folder if options.family == "sd15" else half_as_wide(family.folder, folder / "base")
    unet = randomised("UNet2DConditionModel", configs / "unet")
    nets = ControlNets(family, None, dtype=torch.float32, device=CPU)
    cache = ModelCache(2**34)
    networks = Networks(Components(unet, None, (), (), None, family), nets, cache.lease())
    encoder = write_full_encoder(folder) if options.encoder else write_encoder(folder)
    arms: dict[str, tuple[FaceCondition, ...]] = {"plain": ()}
    for kind in KINDS[options.family]:
        face = face_condition(kind, write_adapter(kind, folder, unet, options.family), encoder)
        arms[kind] = (face,)
        say(kind, made(networks, face))
    if "instantid" in arms:
        arms["instantid with its ControlNet"] = (with_net(folder, configs, arms["instantid"][0], options.resolution),)
    measure(networks, arms, options)
    say("peak memory of the process, MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def measure(networks: Networks, arms: dict[str, tuple[FaceCondition, ...]], options: argparse.Namespace) -> None:
    side, unet = options.resolution // 8, networks.components.unet
    latents, words = torch.randn(1, 4, side, side), torch.randn(2, 77, networks.words_width)
    added = None
    if unet.config.addition_embed_type:
        width = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
        added = {"text_embeds": torch.randn(2, width), "time_ids": torch.full((2, 6), float(options.resolution))}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(options.rounds + 1):
        for name, conditions in arms.items():
            with conditions_applied(networks, [conditions]) as active:
                denoise = Denoiser(unet, words, CFG, active.controls, added)
                seconds[name].append(timed(partial(denoise, latents, STEP, 0.5))[0])
    # The first round warms up.
    seconds = {name: each[1:] for name, each in seconds.items()}
    for name, each in seconds.items():
        ratio = statistics.median(one / plain for one, plain in zip(each, seconds["plain"], strict=True))
        say(name, {"seconds a step": round(statistics.median(each), 3), "to plain": round(ratio, 4)})


def counted(name: str) -> dict[str, str]:
    """Number of tokens → what they add to the operations of a guided step at the family's own resolution."""
    from diffusers import UNet2DConditionModel
    from torch.utils.flop_counter import FlopCounterMode

    family = family_named(name)
    config = json.loads((family.folder / "unet" / "config.json").read_text("utf-8"))
    side, width = family.resolution // 8, config["cross_attention_dim"]

    def operations(faces: dict[int, AttendedFace]) -> int:
        with faces_applied(unet, faces), FlopCounterMode(display=False) as count:
            unet(latents, STEP, encoder_hidden_states=words, added_cond_kwargs=added, return_dict=False)
        total: int = count.get_total_flops()
        return total

    with torch.device("meta"), torch.no_grad():
        unet = UNet2DConditionModel.from_config(config)
        latents, words = torch.empty(2, 4, side, side), torch.empty(2, 77, width)
        added = {"text_embeds": torch.empty(2, 1280), "time_ids": torch.empty(2, 6)} if family.pools else None
        layers = {
            number: (torch.empty(inner, width), torch.empty(inner, width))
            for number, place in cross_attentions(unet).items()
            for inner in [unet.get_submodule(place.removesuffix(".processor")).inner_dim]
        }
        plain = operations({})
        tokens = {number: AttendedFace(layers, torch.empty(2, number, width)) for number in (4, 16, 257)}
        return {str(number): f"+{operations({0: face}) / plain - 1:.3%}" for number, face in tokens.items()}


def made(networks: Networks, face: FaceCondition) -> dict[str, Any]:
    """Seconds and bytes of what is made once: from the files, and again for a person whose tokens are known."""
    first, _ = timed(lambda: attended(networks, [face]))
    again, plan = timed(lambda: attended(networks, [face]))
    numbers = sum(2 * keys.shape[0] * plan.tokens[..., 0].numel() for keys, _ in plan.layers.values())
    applied, _ = timed(lambda: enter(networks, face))
    return {
        "tokens": plan.tokens.shape[1],
        "seconds for a new person": round(first, 2),
        "for a known one": round(again, 4),
        "to apply": round(applied, 3),
        "layers, MB": sum(each.nbytes for pair in plan.layers.values() for each in pair) // 2**20,
        "keys and values, MB": round(4 * numbers / 2**20, 2),
    }


def enter(networks: Networks, face: FaceCondition) -> None:
    with conditions_applied(networks, [(face,)]):
        pass


def with_net(folder: Path, configs: Path, face: FaceCondition, side: int) -> FaceCondition:
    beside = folder / "net.configs" / "controlnet"
    shutil.copytree(configs / "controlnet", beside)
    net = randomised("ControlNetModel", configs / "controlnet")
    file = write_tensors(folder / "net.safetensors", net.state_dict())
    image = Image.new("RGB", (side, side))
    return replace(face, models=replace(face.models, control=file), control_weight=0.8, control_image=image)


def half_as_wide(configs: Path, target: Path) -> Path:
    for part in ("unet", "controlnet"):
        config = json.loads((configs / part / "config.json").read_text("utf-8"))
        (target / part).mkdir(parents=True)
        (target / part / "config.json").write_text(json.dumps({**config, **HALF}), "utf-8")
    return target


def write_adapter(kind: str, folder: Path, unet: Any, family: str) -> Path:
    words, (width, heads) = unet.config.cross_attention_dim, WIDTHS[family]
    projections = {
        "faceid-plus": lambda: states.faceid_plus(words),
        "ip-adapter": lambda: states.resampler(width, 1280, words, heads=heads),
        "ip-adapter-full": lambda: states.full(words),
        "instantid": lambda: states.resampler(width, 512, words, heads=heads),
    }
    shapes = states.adapter(projections[kind](), states.layers(unet))
    tensors = {name: (torch.randn(shape) * 0.02).half() for name, shape in shapes.items()}
    return write_tensors(folder / f"{kind}-v2.safetensors", tensors)


def write_full_encoder(folder: Path) -> Path:
    from easyphoto.architectures.base import models_folder

    config = json.loads((models_folder() / "configs" / "clip_vit_h" / "config.json").read_text("utf-8"))
    del config["model_type"]
    from transformers import CLIPVisionConfig, CLIPVisionModel

    network = without_memory(lambda: CLIPVisionModel(CLIPVisionConfig(**config)))
    state = {
        name if name.startswith("vision_model.") else f"vision_model.{name}": random_tensor(name, like.shape)
        for name, like in network.state_dict().items()
        if not name.endswith("position_ids")
    }
    return write_tensors(folder / "encoder.safetensors", state)


def randomised(kind: str, folder: Path) -> Any:
    import diffusers

    config = json.loads((folder / "config.json").read_text("utf-8"))
    network = without_memory(lambda: getattr(diffusers, kind).from_config(config))
    state = {name: random_tensor(name, like.shape).float() for name, like in network.state_dict().items()}
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def random_tensor(name: str, shape: torch.Size) -> torch.Tensor:
    if len(shape) > 1:
        return torch.randn(shape).mul_(torch.Size(shape[1:]).numel() ** -0.5).half()
    return torch.full(shape, 0.0 if name.endswith("bias") else 1.0, dtype=torch.float16)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    answer = work()
    return time.process_time() - began, answer


def say(name: str, facts: Any) -> None:
    print(json.dumps({name: facts}), flush=True)


if __name__ == "__main__":
    main()
