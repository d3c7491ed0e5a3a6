"""Writes what the benchmark paints with: a trained person, a LoRA and a checkpoint of random numbers, templates.

What a network has learned costs nothing, so random weights measure the same seconds.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from trial_checkpoint import random_control, random_networks

from easyphoto.app import EasyPhoto
from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import family_named
from easyphoto.backends.folders import FAMILY_NOTE
from easyphoto.backends.ldm_names import CONTROL_PREFIX
from easyphoto.bench.demo import demo_template
from easyphoto.bench.persons import draw_member, write_photos
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.settings.options import Options
from easyphoto.storage.records import write_json
from easyphoto.workspace.folders import Workspace

PERSON, SECOND, MEMBER = "anna", "bert", 40
SEED = 11
SPREAD = 0.003
"""Of a LoRA's factors: a change of the weights that shows, and breaks no picture."""


def write_checkpoint(folder: Path, width: int) -> Path:
    """A checkpoint file of SD 1.5 with `width` channels (the real one: 320) and two ControlNets; CLIP has its size."""
    from tests.ldm_layout import ldm_state, unet_state, write_tensors

    family, file = family_named("sd15"), folder / f"sd15-{width}.safetensors"
    configs = file.with_suffix(".configs")
    shutil.copytree(family.folder, configs)
    write_json(configs / FAMILY_NOTE, {"family": family.id})
    widths = [width, 2 * width, 4 * width, 4 * width]
    change(configs / "unet", block_out_channels=widths)
    change(configs / "controlnet", block_out_channels=widths)
    change(configs / "vae", block_out_channels=[max(32, each * 128 // 320 // 32 * 32) for each in widths])
    write_tensors(file, ldm_state(random_networks(configs), family))
    for number, kind in enumerate(("canny", "tile")):
        control = folder / "controlnet" / f"{family.controls[kind]}.safetensors"
        write_tensors(control, unet_state(random_control(configs, SEED + number), CONTROL_PREFIX))
    return file


def change(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), "utf-8")


def write_workspace(root: Path, base: Path | None) -> EasyPhoto:
    """A workspace with a person who has a LoRA of the family's rank for every layer that a training changes."""
    options = Options(base=None if base is None else str(base))
    app = EasyPhoto(Workspace(root), options)
    photos = write_photos(draw_member(MEMBER), root.with_name(f"{root.name}-photos"))
    with app.at_hand() as leased:
        AddPerson(PERSON, photos).run(leased, NullContext())
        write_lora(root / "persons" / PERSON / "lora.safetensors", leased)
    person = app.workspace.person(PERSON)
    app.workspace.save_person(replace(person, lora="lora.safetensors", portrait=person.reference))
    return app


def add_second(app: EasyPhoto) -> None:
    """Somebody who looks like the first person, and has a LoRA file of their own."""
    folders = app.workspace.person_folder(PERSON), app.workspace.person_folder(SECOND)
    shutil.copytree(*folders)
    app.workspace.save_person(replace(app.workspace.person(PERSON), id=SECOND, name=SECOND.title()))


def write_lora(file: Path, app: EasyPhoto) -> None:
    """Random factors, in float16 and by kohya's names as a training writes them."""
    import torch
    from safetensors.torch import save_file

    family, base = app.base_model()
    shapes = shapes_of(family, base, app)
    generator, state = torch.Generator().manual_seed(SEED), {}
    for name, shape in shapes.items():
        rest = (1,) * (len(shape) - 2)
        state[f"{name}.lora_down.weight"] = torch.randn((family.rank, *shape[1:]), generator=generator) * SPREAD
        state[f"{name}.lora_up.weight"] = torch.randn((shape[0], family.rank, *rest), generator=generator) * SPREAD
        state[f"{name}.alpha"] = torch.tensor(float(family.alpha))
    save_file({name: tensor.half() if tensor.ndim else tensor for name, tensor in state.items()}, file)


def shapes_of(family: Family, base: Path, app: EasyPhoto) -> Mapping[str, tuple[int, ...]]:
    """Name → shape of the weights: the UNet's transformer blocks, and the text encoder's attention and MLP."""
    from easyphoto.backends.loading import load_components
    from easyphoto.backends.lora_names import targets

    weights = targets(load_components(family, base, device="cpu", store=app.store))
    wanted = {"lora_unet_": "attentions", "lora_te_": "encoder_layers"}
    return {
        name: tuple(weight.shape)
        for name, weight in weights.items()
        if any(name.startswith(prefix) and part in name for prefix, part in wanted.items())
        and "input_blocks" not in name
    }


def write_template(folder: Path, side: int) -> Path:
    """A shipped template enlarged, so that its face grows with it."""
    with Image.open(demo_template()) as picture:
        scale = side / max(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        larger = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    file = folder / f"template-{side}.png"
    larger.save(file, compress_level=1)
    return file
