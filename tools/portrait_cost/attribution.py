"""Attributes a process's CPU seconds to the networks and to the stages around them, each second to the innermost one.

Functions are wrapped by name where they are used. A name that a checkout lacks is skipped, so that one list measures
several versions.
"""

from __future__ import annotations

import functools
import importlib
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

PAINTERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "UNet": ("diffusers:UNet2DConditionModel.forward",),
        "ControlNet": (
            "diffusers:ControlNetModel.forward",
            "diffusers.models.controlnets.controlnet:ControlNetConditioningEmbedding.forward",
        ),
        "autoencoder": ("diffusers:AutoencoderKL.encode", "diffusers:AutoencoderKL.decode"),
        "text encoder": (
            "transformers:CLIPTextModel.forward",
            "transformers:CLIPTextModelWithProjection.forward",
        ),
    }
)
FACE_NETWORKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "face detector": (
            "easyphoto.faces.networks:CoarseDetector.forward",
            "easyphoto.faces.networks:Refiner.forward",
        ),
        "face embedder": ("easyphoto.faces.networks:IdentityNetwork.forward",),
        "face parser": ("easyphoto.faces.networks:FaceParser.forward",),
    }
)
STAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "LoRA read": ("easyphoto.backends.lora_apply:read_changes",),
        "LoRA merged, taken off": (
            "easyphoto.backends.lora_apply:AppliedLoras.switch",
            "easyphoto.backends.merged_loras:MergedLoras.switch",
        ),
        "LoRA names": ("easyphoto.backends.lora_names:targets",),
        "sampler": ("easyphoto.backends.sampling:sample", "easyphoto.backends.sampling:make_schedule"),
        "previews": ("easyphoto.backends.latents:Preview.__call__", "easyphoto.backends.latents:Preview.fitted"),
        "prompts": ("easyphoto.backends.local:LocalBackend._words",),
        "backend": ("easyphoto.backends.local:LocalBackend.inpaint_many",),
        "faces found": ("easyphoto.faces.drawn_engine:DrawnEngine.detect",),
        "faces parsed": ("easyphoto.faces.drawn_engine:DrawnEngine.parse",),
        "faces embedded": ("easyphoto.faces.drawn_engine:DrawnEngine.embed",),
        "faces covered": ("easyphoto.faces.drawn_engine:DrawnEngine.covering",),
        "template read": ("easyphoto.images.originals:read_original",),
        "neighbours": ("easyphoto.inference.prepare:part_maps",),
        "ground": ("easyphoto.inference.prepare:ground_of",),
        "fusion": ("easyphoto.inference.prepare:fused_in", "easyphoto.inference.finish:composed"),
        "masks": (
            "easyphoto.inference.masks:face_masks",
            "easyphoto.inference.masks:softened",
            "easyphoto.inference.masks:cover_mask",
            "easyphoto.inference.masks:inner_edges",
            "easyphoto.images.masks:feathered",
            "easyphoto.images.masks:dilated",
        ),
        "guides": ("easyphoto.inference.passes:controls_for", "easyphoto.inference.prepare:pose_of"),
        "colour": ("easyphoto.inference.finish:recoloured",),
        "retouch": ("easyphoto.inference.finish:evened",),
        "pasting": (
            "easyphoto.inference.finish:WorkingPicture.with_ground",
            "easyphoto.inference.finish:WorkingPicture.with_crop",
            "easyphoto.inference.finish:repainted",
            "easyphoto.inference.finish:overlaid",
        ),
        "identity vectors": ("easyphoto.persons.identity_vectors:IdentityVectors.__call__",),
        "sizes of networks": ("easyphoto.model_cache:bytes_of_networks",),
        "records": ("easyphoto.storage.records:read_json", "easyphoto.storage.records:write_json"),
        "bend": ("easyphoto.faces.outline:bend_to",),
        "skin": ("easyphoto.faces.skin_tone:recoloured_skin",),
        "looks of faces": ("easyphoto.faces.opening:_domain_of", "easyphoto.faces.domain:drawn_score"),
        "AI label": ("easyphoto.inference.ai_label:with_label",),
        "PNG": ("easyphoto.images.pictures:write_picture",),
        "report pictures": ("easyphoto.report.session:session_section",),
        "report page": ("easyphoto.report.page:write_report",),
        "contact sheet": ("easyphoto.report.sheet:contact_sheet",),
        "person": ("easyphoto.persons.subject:subject_from",),
        "models opened": ("easyphoto.commands.photograph_series:open_models",),
        "hashes": ("easyphoto.weights.ledger:sha256_of",),
    }
)
REST = "rest"


class Attribution:
    """Adds up seconds of the process's CPU (all threads) and of the clock by label, without what is nested inside."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self.wall: dict[str, float] = {}
        self._stack: list[str] = [REST]
        self._since = time.process_time(), time.perf_counter()

    def begin(self) -> None:
        """Start anew."""
        self.cpu, self.wall, self._stack = {}, {}, [REST]
        self._since = time.process_time(), time.perf_counter()

    def note(self) -> None:
        """Give the time since the last call to the label that is on top."""
        now = time.process_time(), time.perf_counter()
        for sums, later, earlier in zip((self.cpu, self.wall), now, self._since, strict=True):
            sums[self._stack[-1]] = sums.get(self._stack[-1], 0.0) + later - earlier
        self._since = now

    def wrapped(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            self.note()
            self._stack.append(label)
            try:
                return function(*arguments, **named)
            finally:
                self.note()
                self._stack.pop()

        return call

    def watch(self) -> None:
        """Wrap everything listed above. What is imported later keeps its own name, so import first."""
        for groups in (PAINTERS, FACE_NETWORKS, STAGES):
            for label, places in groups.items():
                for place in places:
                    self._watch(label, place)

    def _watch(self, label: str, place: str) -> None:
        module_name, _, path = place.partition(":")
        try:
            owner: Any = importlib.import_module(module_name)
        except ModuleNotFoundError:
            return
        *outer, name = path.split(".")
        for each in outer:
            owner = getattr(owner, each, None)
        held = vars(owner).get(name) if owner is not None and hasattr(owner, "__dict__") else None
        if held is None:
            return
        if isinstance(held, classmethod):
            setattr(owner, name, classmethod(self.wrapped(label, held.__func__)))
            return
        found = getattr(owner, name)
        made = self.wrapped(label, found)
        if outer:
            setattr(owner, name, made)
            return
        # A function is known by name in every module that imported it.
        for module in [each for key, each in sys.modules.items() if key.startswith("easyphoto")]:
            for known, value in list(vars(module).items()):
                if value is found:
                    setattr(module, known, made)
