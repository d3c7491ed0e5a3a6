"""Checking that a web UI really applied controls and LoRAs, because it swallows their errors.

There are two kinds of evidence. The `info` it returns with a picture shows that it read a name, not that it applied it.
Tiny pictures painted with and without a control or LoRA show that it takes effect; this is done once for each of them
and checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.backends.base import Control, GenerateRequest
from easyphoto.backends.remote_payloads import Named, Payload, generate_payload
from easyphoto.backends.webui_names import plain_control
from easyphoto.errors import BackendError, MissingCapability
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.messages import note, text

SIDE = 128
_WORDS, _STEPS, _SEED = "a face", 2, 1
Paint = Callable[[Payload, Size, int], Image.Image]
"""(txt2img payload, size in pixels, number of steps) → the RGB picture."""


@dataclass
class Prover:
    """Paints the proofs for one web UI, and remembers their results."""

    paint: Paint
    _plain: dict[str, tuple[np.ndarray, float]] = field(default_factory=dict)
    _proved: set[tuple[str, str]] = field(default_factory=set)

    def prove(self, named: Named) -> None:
        """Raise MissingCapability for a control or LoRA that changes nothing."""
        title = named.checkpoint.title if named.checkpoint else ""
        for _, model in named.controls:
            control = Control("", _pattern(), 1.0)
            alone = Named(
                named.sampler, ((control, model),), named.no_module,
                checkpoint=named.checkpoint, overrides=named.overrides,
            )  # fmt: skip
            self._prove(title, model, alone, _no_control(model, title))
        for (name, _), file in zip(named.loras, named.files, strict=True):
            alone = Named(
                named.sampler, loras=((name, 1.0),), files=(file,),
                checkpoint=named.checkpoint, overrides=named.overrides,
            )  # fmt: skip
            self._prove(title, f"lora:{name}", alone, _no_lora(name, file, title))

    def _prove(self, title: str, what: str, alone: Named, error: MissingCapability) -> None:
        if (title, what) in self._proved:
            return
        plain, noise = self._plainly(title, alone)
        if _distance(self._painted(alone), plain) <= 2 * noise:
            raise error
        self._proved.add((title, what))

    def _plainly(self, title: str, alone: Named) -> tuple[np.ndarray, float]:
        """The picture without controls or LoRAs, and the mean difference of two such, for non-deterministic GPUs."""
        if title not in self._plain:
            bare = Named(alone.sampler, checkpoint=alone.checkpoint, overrides=alone.overrides)
            first, second = self._painted(bare), self._painted(bare)
            self._plain[title] = first, _distance(first, second)
        return self._plain[title]

    def _painted(self, named: Named) -> np.ndarray:
        size = Size(SIDE, SIDE)
        request = GenerateRequest(size, prompt=_WORDS, seed=_SEED, steps=_STEPS)
        return as_array(self.paint(generate_payload(request, named), size, _STEPS)).astype(np.float32)


def check_info(info: Mapping[str, Any], named: Named, *, seed: int) -> tuple[str, ...]:
    """Compare the web UI's info with the request; a note if there is no info. Raises BackendError if they differ."""
    if not info:
        return (note("unproven", "The web UI does not say what it did; whether it kept to the request is unknown."),)
    _check_same("seed", info.get("seed"), seed)
    _check_same("sampler", info.get("sampler_name"), named.sampler.name)
    _check_checkpoint(info, named)
    extra = info.get("extra_generation_params")
    said = [str(value) for key, value in (extra or {}).items() if str(key).startswith("ControlNet ")]
    unnamed = [model for _, model in named.controls if not any(plain_control(model) in each.lower() for each in said)]
    if unnamed:
        raise BackendError(
            text("The web UI painted without the controls {unnamed}.", unnamed=", ".join(unnamed)),
            advice=text(
                "Its log says why; sd-webui-controlnet may be switched off, or a model may not fit the checkpoint."
            ),
        )
    return ()


def _check_same(what: str, said: Any, wanted: str | int) -> None:
    if said is not None and str(said).lower() != str(wanted).lower():
        raise BackendError(
            text("The web UI used the {what} {said!r} instead of {wanted!r}.", what=what, said=said, wanted=wanted),
            advice=text("An extension or a script of it may change requests: switch that off."),
        )


def _check_checkpoint(info: Mapping[str, Any], named: Named) -> None:
    said = [str(info[key]).lower() for key in ("sd_model_name", "sd_model_hash") if info.get(key)]
    if named.checkpoint is not None and said and not named.checkpoint.names & set(said):
        raise BackendError(
            text("The web UI painted with {said} instead of {title}.", said=said[0], title=named.checkpoint.title),
            advice=text("The checkpoint could not be loaded there; its log says why."),
        )


def _pattern() -> Image.Image:
    """An RGB picture of random blocks, with edges and colours for a control of any kind."""
    random = np.random.default_rng(0)
    blocks = np.kron(random.integers(0, 256, (8, 8, 3)), np.ones((SIDE // 8, SIDE // 8, 1)))
    return as_picture(blocks.astype(np.uint8))


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


def _no_control(model: str, checkpoint: str) -> MissingCapability:
    return MissingCapability(
        text(
            "The web UI names the control {model} but does not apply it: pictures are the same with and without it.",
            model=model,
        ),
        advice=text(
            "Its log says why. Perhaps the model is damaged, or made for another type of model than {checkpoint}.",
            checkpoint=checkpoint,
        ),
    )


def _no_lora(name: str, file: str, checkpoint: str) -> MissingCapability:
    return MissingCapability(
        text(
            "The web UI lists the LoRA {name} ({file}) but does not apply it: pictures are the same "
            "with and without it.",
            name=name,
            file=file,
        ),
        advice=text(
            "Perhaps the copy there is damaged, or {checkpoint} is another type of model than the one the "
            "person was trained on.",
            checkpoint=checkpoint,
        ),
    )
