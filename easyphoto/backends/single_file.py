"""Loading a single-file checkpoint, as web UIs use them: networks are built from bundled configurations, offline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from easyphoto.architectures.base import EncoderNames, Family, TextEncoder
from easyphoto.backends import ldm_names
from easyphoto.backends.components import Components, autoencoder_dtype, encoder_class, quiet_libraries
from easyphoto.backends.folders import configs_folder, part_config
from easyphoto.backends.headers import prediction_of
from easyphoto.backends.ldm_names import Place
from easyphoto.backends.tensor_files import Places, filled, header_in, open_tensors, without_memory
from easyphoto.backends.tokenizer import open_tokenizers
from easyphoto.errors import WeightsMissing
from easyphoto.messages import text
from easyphoto.parallel import side_by_side
from easyphoto.weights.store import WeightStore

Tensors = Mapping[str, torch.Tensor]
Filling = Callable[[], Any]
"""Fills a network that was built without memory, and gives it back."""


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
    with quiet_libraries(), ExitStack() as stack:
        tensors = stack.enter_context(open_tensors(file))
        # Built one after the other (transformers replaces torch's functions meanwhile), and filled side by side.
        work = [
            unet_filling(tensors, loading),
            autoencoder_filling(tensors, loading, store, stack),
            *(text_encoder_filling(each, tensors, loading) for each in family.text_encoders),
            lambda: open_tokenizers(family, store, beside=file.parent),
        ]
        unet, vae, *encoders, tokenizers = side_by_side(work)
        return Components(
            unet=unet,
            vae=vae,
            text_encoders=tuple(encoders),
            tokenizers=tokenizers,
            scheduler=_scheduler(loading.configs, prediction_of(header_in(file, tensors)).scheduler),
            family=family,
        )


def unet_filling(tensors: Tensors, loading: Loading) -> Filling:
    """The UNet of a checkpoint in LDM's layout. What is returned fills it, and raises WeightsMissing, InputError."""
    from diffusers import UNet2DConditionModel

    config = part_config(loading.configs, "unet")
    network = without_memory(lambda: UNet2DConditionModel.from_config(config))
    places = unet_places(network, ldm_names.UNET_PREFIX)
    return partial(
        filled,
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


def autoencoder_filling(tensors: Tensors, loading: Loading, store: WeightStore | None, stack: ExitStack) -> Filling:
    """The family's better autoencoder if `store` has it, else the checkpoint's. The better one's file stays open in
    `stack`. Raises WeightsMissing, and with what is returned InputError.
    """
    family = loading.family
    better = store.find(family.vae) if store is not None and family.vae else None
    config = part_config(loading.configs, "vae")
    if better is not None:
        its_tensors = stack.enter_context(open_tensors(better))
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


def _autoencoder(tensors: Tensors, loading: Loading, config: dict[str, Any], name: str) -> Filling:
    from diffusers import AutoencoderKL

    network = without_memory(lambda: AutoencoderKL.from_config(config))
    levels = len(config["block_out_channels"])

    def places(key: str) -> tuple[Place, ...]:
        original = ldm_names.autoencoder_name(key, levels)
        names = (ldm_names.VAE_PREFIX + original, original, key, ldm_names.old_autoencoder_name(key))
        return tuple(map(Place, names))

    dtype = autoencoder_dtype(config, loading.dtype)
    what = text("The VAE in {name}", name=name)
    return partial(filled, network, tensors, places, what=what, dtype=dtype, device=loading.device)


def text_encoder_filling(encoder: TextEncoder, tensors: Tensors, loading: Loading) -> Filling:
    """One text encoder, identified by its tensor names in the file, never by its width."""
    from transformers import CLIPTextConfig

    config = {key: value for key, value in part_config(loading.configs, encoder.part).items() if key != "model_type"}
    kind = encoder_class(encoder)
    network = without_memory(lambda: kind(CLIPTextConfig(**config)))
    what = text("The {part} in {name}", part=encoder.part.replace("_", " "), name=loading.name)
    prefix = encoder.prefix or ""
    places = _open_clip_places(prefix) if encoder.names is EncoderNames.OPEN_CLIP else _clip_places(prefix)
    return partial(filled, network, tensors, places, what=what, dtype=loading.dtype, device=loading.device)


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
