"""Loading a single-file checkpoint, as web UIs use them: networks are built from bundled configurations, offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from easyphoto.architectures.base import EncoderNames, Family, TextEncoder
from easyphoto.backends import ldm_names
from easyphoto.backends.components import Components, autoencoder_dtype, encoder_class, quiet_libraries
from easyphoto.backends.folders import configs_folder, part_config
from easyphoto.backends.headers import header_of, prediction_of
from easyphoto.backends.ldm_names import Place
from easyphoto.backends.tensor_files import Places, filled, open_tensors, without_memory
from easyphoto.backends.tokenizer import open_tokenizers
from easyphoto.errors import WeightsMissing
from easyphoto.messages import text
from easyphoto.weights.store import WeightStore

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Loading:
    """What loading one network needs to know about its file."""

    name: str
    family: Family
    configs: Path
    dtype: torch.dtype
    device: torch.device


def load_single_file(
    family: Family,
    file: Path,
    *,
    dtype: torch.dtype,
    device: str | torch.device,
    store: WeightStore | None = None,
) -> Components:
    """Load all networks of the family from a checkpoint in LDM's layout, offline and without random initialisation.

    The autoencoder is the family's better one if `store` has it. Raises InputError for a file of another kind,
    WeightsMissing for missing tensors or if no tokenizer is found.
    """
    loading = Loading(file.name, family, configs_folder(family, file), dtype, torch.device(device))
    tokenizers = open_tokenizers(family, store, beside=file.parent)
    prediction = prediction_of(header_of(file))
    with quiet_libraries(), open_tensors(file) as tensors:
        return Components(
            unet=load_unet(tensors, loading),
            vae=load_autoencoder(tensors, loading, store),
            text_encoders=tuple(load_text_encoder(each, tensors, loading) for each in family.text_encoders),
            tokenizers=tokenizers,
            scheduler=_scheduler(loading.configs, prediction.scheduler),
            family=family,
        )


def load_unet(tensors: Tensors, loading: Loading) -> Any:
    """The UNet of a checkpoint in LDM's layout. Raises WeightsMissing, InputError."""
    from diffusers import UNet2DConditionModel

    config = part_config(loading.configs, "unet")
    network = without_memory(lambda: UNet2DConditionModel.from_config(config))
    places = unet_places(network, ldm_names.UNET_PREFIX)
    return filled(
        network,
        tensors,
        places,
        what=text("The UNet in {name}", name=loading.name),
        dtype=loading.dtype,
        device=loading.device,
    )


def unet_places(network: Any, prefix: str) -> Places:
    """The places of a diffusers UNet's or ControlNet's tensors in LDM's layout, where names start with `prefix`."""
    keys, layers = network.state_dict().keys(), network.config.layers_per_block
    return lambda key: (Place(prefix + ldm_names.unet_name(key, keys, layers)),)


def load_autoencoder(tensors: Tensors, loading: Loading, store: WeightStore | None) -> Any:
    """The family's better autoencoder if `store` has it, else the checkpoint's. Raises WeightsMissing, InputError."""
    family = loading.family
    better = store.find(family.vae) if store is not None and family.vae else None
    config = part_config(loading.configs, "vae")
    if better is not None:
        with open_tensors(better) as its_tensors:
            # The better autoencoders of both families are made to run in 16 bit.
            return _autoencoder(its_tensors, loading, {**config, "force_upcast": False}, better.name)
    if not any(name.startswith(ldm_names.VAE_PREFIX) for name in tensors):
        raise WeightsMissing(
            text("{name} contains no VAE.", name=loading.name),
            advice=text(
                "Download one with `easyphoto weights get {vae}`, or use a checkpoint that contains one.",
                vae=family.vae,
            ),
            weights=(family.vae,) if family.vae else (),
        )
    return _autoencoder(tensors, loading, config, loading.name)


def _autoencoder(tensors: Tensors, loading: Loading, config: dict[str, Any], name: str) -> Any:
    from diffusers import AutoencoderKL

    network = without_memory(lambda: AutoencoderKL.from_config(config))
    levels = len(config["block_out_channels"])

    def places(key: str) -> tuple[Place, ...]:
        original = ldm_names.autoencoder_name(key, levels)
        names = (ldm_names.VAE_PREFIX + original, original, key, ldm_names.old_autoencoder_name(key))
        return tuple(map(Place, names))

    dtype = autoencoder_dtype(config, loading.dtype)
    return filled(
        network, tensors, places, what=text("The VAE in {name}", name=name), dtype=dtype, device=loading.device
    )


def load_text_encoder(encoder: TextEncoder, tensors: Tensors, loading: Loading) -> Any:
    """One text encoder, identified by its tensor names in the file, never by its width."""
    from transformers import CLIPTextConfig

    config = {key: value for key, value in part_config(loading.configs, encoder.part).items() if key != "model_type"}
    kind = encoder_class(encoder)
    network = without_memory(lambda: kind(CLIPTextConfig(**config)))
    what = text("The {part} in {name}", part=encoder.part.replace("_", " "), name=loading.name)
    prefix = encoder.prefix or ""
    places = _open_clip_places(prefix) if encoder.names is EncoderNames.OPEN_CLIP else _clip_places(prefix)
    return filled(network, tensors, places, what=what, dtype=loading.dtype, device=loading.device)


def _clip_places(prefix: str) -> Places:
    """Places with and without the level `text_model`: transformers 5.6 dropped it, and some early files lack it."""

    def places(key: str) -> tuple[Place, ...]:
        bare = key.removeprefix("text_model.")
        return Place(f"{prefix}text_model.{bare}"), Place(prefix + bare)

    return places


def _open_clip_places(prefix: str) -> Places:
    def places(key: str) -> tuple[Place, ...]:
        place = ldm_names.open_clip_place(key)
        return (Place(prefix + place.name, place.third, place.is_transposed),)

    return places


def _scheduler(configs: Path, differences: dict[str, Any]) -> Any:
    from diffusers import DDPMScheduler

    config = DDPMScheduler.load_config(str(configs / "scheduler"), local_files_only=True)
    return DDPMScheduler.from_config({**config, **differences})
