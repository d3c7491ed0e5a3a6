"""A base model of random weights, made on the machine: speed depends on shapes, never on what the numbers are.

Its networks have a family's true depth, and its true width or a share of it. Pictures made with it are noise.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easyphoto.architectures.base import Family
from easyphoto.backends.folders import part_config
from easyphoto.storage.records import write_json

if TYPE_CHECKING:
    import torch

    from easyphoto.backends.components import Components

SEED = 11
WIDTHS = ("block_out_channels", "hidden_size", "intermediate_size", "projection_dim")
HEADS = ("attention_head_dim", "num_attention_heads")
"""diffusers calls the number of heads `attention_head_dim`."""
MARKS = ("<|startoftext|>", "<|endoftext|>")
TOKENS = 77
GROUPS = 32
"""What widths are rounded to: GroupNorm's groups must divide them."""


def write_random_base(
    folder: Path, family: Family, *, width: float = 1.0, controls: Iterable[str] = (), device: str = "cpu"
) -> Path:
    """Write the family's networks with random float16 weights in the diffusers layout, and return the folder.

    `width` is the share of the true number of channels, rounded to multiples of 32. `controls` are the kinds of
    control to write ControlNets for.
    """
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel

    from easyphoto.backends.components import encoder_class, quiet_libraries

    configs = narrowed(family, width)
    kinds = {"unet": UNet2DConditionModel, "vae": AutoencoderKL}
    kinds |= {encoder.part: encoder_class(encoder) for encoder in family.text_encoders}
    with quiet_libraries():
        for number, (part, kind) in enumerate(kinds.items()):
            random_network(kind, configs[part], SEED + number, device).save_pretrained(folder / part)
        for number, control in enumerate(controls):
            network = random_network(ControlNetModel, configs["controlnet"], SEED + 10 + number, device)
            network.save_pretrained(folder / "controlnet" / family.controls[control])
    for encoder in family.text_encoders:
        _write_tokenizer(folder / encoder.tokenizer, configs[encoder.part])
    shutil.copytree(family.folder / "scheduler", folder / "scheduler")
    shutil.copy(family.folder / "model_index.json", folder)
    write_json(folder / "easyphoto.json", {"family": family.id})
    return folder


def random_components(family: Family, *, width: float, dtype: torch.dtype, device: str) -> Components:
    """The same networks in memory, without ControlNets."""
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTokenizerFast

    from easyphoto.backends.components import Components, encoder_class, quiet_libraries

    configs = narrowed(family, width)
    kinds = (UNet2DConditionModel, AutoencoderKL, *map(encoder_class, family.text_encoders))
    parts = ("unet", "vae", *(encoder.part for encoder in family.text_encoders))
    with quiet_libraries(), tempfile.TemporaryDirectory() as name:
        for encoder in family.text_encoders:
            _write_tokenizer(Path(name, encoder.tokenizer), configs[encoder.part])
        unet, vae, *encoders = (
            random_network(kind, configs[part], SEED + number, device).to(dtype)
            for number, (part, kind) in enumerate(zip(parts, kinds, strict=True))
        )
        tokenizers = [CLIPTokenizerFast.from_pretrained(Path(name, each.tokenizer)) for each in family.text_encoders]
    scheduler = DDPMScheduler.from_pretrained(family.folder / "scheduler", local_files_only=True)
    return Components(unet, vae, tuple(encoders), tuple(tokenizers), scheduler, family)


def narrowed(family: Family, width: float) -> dict[str, dict[str, Any]]:
    """The configurations of the family's networks at a share of their width, by part."""
    parts = [path.name for path in family.folder.iterdir() if (path / "config.json").is_file()]
    configs = {part: _narrowed(part_config(family.folder, part), width) for part in parts}
    words = sum(configs[encoder.part]["hidden_size"] for encoder in family.text_encoders)
    for part in {"unet", "controlnet"} & set(configs):
        configs[part]["cross_attention_dim"] = words
        if family.pools:
            pooled = configs[family.text_encoders[-1].part]["projection_dim"]
            times = 6 * configs[part]["addition_time_embed_dim"]
            configs[part]["projection_class_embeddings_input_dim"] = pooled + times
    return configs


def _narrowed(config: Mapping[str, Any], width: float) -> dict[str, Any]:
    def scaled(channels: int) -> int:
        return channels if width == 1 else max(1, round(channels * width / GROUPS)) * GROUPS

    made = dict(config)
    for name in WIDTHS:
        if name in made:
            wide = made[name]
            made[name] = [scaled(each) for each in wide] if isinstance(wide, list) else scaled(wide)
    channels = made.get("block_out_channels", made.get("hidden_size"))
    for name in HEADS:
        if made.get(name):
            made[name] = _fitting(made[name], channels)
    return made


def _fitting(heads: Any, channels: Any) -> Any:
    """As many heads as before, or the next fewer that divide the channels."""
    if isinstance(heads, list):
        return [_fitting(each, width) for each, width in zip(heads, channels, strict=True)]
    widths = channels if isinstance(channels, list) else [channels]
    return next(count for count in range(heads, 0, -1) if all(width % count == 0 for width in widths))


def random_network(kind: Any, config: Mapping[str, Any], seed: int, device: str = "cpu") -> Any:
    """A network in float16 on the device, with weights that neither die out nor blow up on their way through it."""
    import torch

    from easyphoto.backends.ldm_names import Place
    from easyphoto.backends.tensor_files import filled, without_memory

    generator = torch.Generator(device).manual_seed(seed)
    network = without_memory(lambda: _built(kind, config))
    state = {name: _random(name, like.shape, generator) for name, like in network.state_dict().items()}
    place = {"dtype": torch.float16, "device": torch.device(device)}
    return filled(network, state, lambda key: (Place(key),), what=kind.__name__, **place)


def _built(kind: Any, config: Mapping[str, Any]) -> Any:
    if hasattr(kind, "from_config"):
        return kind.from_config(config)
    from transformers import CLIPTextConfig

    return kind(CLIPTextConfig(**{key: value for key, value in config.items() if key != "model_type"}))


def _random(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    import torch

    if len(shape) > 1:
        spread = 0.02 if "embedding" in name else shape[1:].numel() ** -0.5
        made = torch.randn(shape, generator=generator, device=generator.device)
        return made.mul_(spread).half()
    return torch.full(shape, 0.0 if name.endswith("bias") else 1.0, dtype=torch.float16, device=generator.device)


def _write_tokenizer(folder: Path, config: Mapping[str, Any]) -> None:
    """A vocabulary of CLIP's size that spells every word: letters, tokens that no text gives, and the two marks."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    known = [*letters, *(letter + "</w>" for letter in letters)]
    unused = (f"unused-{number}" for number in range(config["vocab_size"] - len(known) - len(MARKS)))
    vocabulary = {token: number for number, token in enumerate((*known, *unused, *MARKS))}
    start, end = MARKS
    pad = next(token for token, number in vocabulary.items() if number == config["pad_token_id"])
    marks = {"bos_token": start, "eos_token": end, "unk_token": end, "pad_token": pad}
    folder.mkdir(parents=True)
    # In the layout that slow and fast tokenizers of transformers 4 and 5 read.
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    own = {"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, **marks}
    (folder / "tokenizer_config.json").write_text(json.dumps(own), "utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(marks), "utf-8")
