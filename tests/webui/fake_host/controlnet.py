"""ControlNet as four web UIs have it: where the class lies, what a unit must look like, and how it goes missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from tests.webui.fake_host.scripts import Script

RESIZE_MODES = ("Just Resize", "Crop and Resize", "Resize and Fill")
CONTROL_MODES = ("Balanced", "My prompt is more important", "ControlNet is more important")


class OldUnit:
    """sd-webui-controlnet up to 1.1.446: enabled unless it says otherwise, whole numbers for the modes."""

    def __init__(
        self, enabled: bool = True, module: str | None = None, model: str | None = None, weight: float = 1.0,
        image: Any = None, resize_mode: Any = 1, low_vram: bool = False, processor_res: int = -1,
        threshold_a: float = -1, threshold_b: float = -1, guidance_start: float = 0.0, guidance_end: float = 1.0,
        pixel_perfect: bool = False, control_mode: Any = 0, **_kwargs: Any,
    ):  # fmt: skip
        self.enabled, self.module, self.model, self.weight, self.image = enabled, module, model, weight, image
        self.guidance_start, self.guidance_end = guidance_start, guidance_end
        self.resize_mode, self.control_mode = resize_mode, control_mode


class NewUnit:
    """From 1.1.447 on: not enabled unless it says so, words only, unknown fields dropped, weights from 0 to 2."""

    def __init__(self, **said: Any):
        self.enabled = said.get("enabled", False)
        self.module, self.model = said.get("module", "none"), said.get("model", "None")
        self.weight, self.image = float(said.get("weight", 1.0)), said.get("image")
        self.guidance_start, self.guidance_end = said.get("guidance_start", 0.0), said.get("guidance_end", 1.0)
        self.resize_mode = said.get("resize_mode", RESIZE_MODES[1])
        self.control_mode = said.get("control_mode", CONTROL_MODES[0])
        if self.resize_mode not in RESIZE_MODES or self.control_mode not in CONTROL_MODES:
            raise ValueError(f"no mode: {self.resize_mode!r}, {self.control_mode!r}")
        if not 0 <= self.weight <= 2 or self.guidance_start > self.guidance_end:
            raise ValueError("out of range")
        if self.module not in ("none", "canny", "tile_resample"):
            raise ValueError(f"module({self.module}) not found in supported modules.")


@dataclass
class ForgeUnit:
    mask_image: Any = None
    enabled: bool = True
    module: str = "None"
    model: str = "None"
    weight: float = 1.0
    image: Any = None
    image_fg: Any = None
    resize_mode: Any = RESIZE_MODES[1]
    processor_res: int = -1
    guidance_start: float = 0.0
    guidance_end: float = 1.0
    pixel_perfect: bool = False
    control_mode: Any = CONTROL_MODES[0]
    save_detected_map: bool = True


@dataclass
class ReforgeUnit:
    mask_image: Any = None
    enabled: bool = True
    module: str = "None"
    model: str = "None"
    weight: float = 1.0
    image: Any = None
    resize_mode: Any = RESIZE_MODES[1]
    processor_res: int = -1
    guidance_start: float = 0.0
    guidance_end: float = 1.0
    pixel_perfect: bool = False
    control_mode: Any = CONTROL_MODES[0]
    save_detected_map: bool = True


@dataclass(eq=False)
class Effect:
    """A unit at work: what the picture depends on. Also a link of Forge's chain."""

    model: str
    pixels: bytes
    weight: float
    start: float
    end: float
    previous_controlnet: Effect | None = None

    def words(self) -> str:
        return f"{self.model} {self.weight} {self.start} {self.end} {hash(self.pixels)}"


def effect_of(unit: Any, image: np.ndarray) -> Effect:
    return Effect(unit.model, image.tobytes(), unit.weight, unit.guidance_start, unit.guidance_end)


@dataclass(eq=False)
class Hook:
    control_params: list[Effect] | None


@dataclass(eq=False)
class Models:
    """The files that are there, `stem [hash]`; `broken` ones cannot be loaded."""

    listed: list[str]
    later: list[str] = field(default_factory=list)
    """Files that the user put there since: listed after a look."""
    broken: set[str] = field(default_factory=set)

    def look(self) -> None:
        self.listed += [name for name in self.later if name not in self.listed]

    def load(self, name: str, *, exactly: bool) -> None:
        names = {full: full for full in self.listed}
        if not exactly:
            names |= {full.split(" [")[0]: full for full in self.listed}
        if name not in names:
            raise RuntimeError(f"model not found: {name}")
        if names[name] in self.broken:
            raise RuntimeError(f"Recognizing Control Model failed: {name}")


class MikubillScript(Script):
    """One unit that fails takes all with it."""

    filename = "extensions/sd-webui-controlnet/scripts/controlnet.py"

    def __init__(self, unit: type, models: Models):
        self._unit, self._models = unit, models
        self.latest_network: Hook | None = None

    def title(self) -> str:
        return "ControlNet"

    def process(self, p: Any, *units: Any) -> None:
        self.latest_network = None
        enabled = [unit for unit in units if isinstance(unit, self._unit) and unit.enabled]
        for number, unit in enumerate(enabled):
            p.extra_generation_params[f"ControlNet {number}"] = f"Model: {unit.model}"
        if not enabled:
            return
        for unit in enabled:
            if unit.module not in ("none", None):
                raise RuntimeError("the preprocessor's file could not be fetched")
            self._models.load(unit.model, exactly=False)
            if not isinstance(unit.image, np.ndarray):
                raise ValueError("controlnet is enabled but no input image is given")
        self.latest_network = Hook([effect_of(unit, unit.image) for unit in enabled])

    def postprocess(self, p: Any, processed: Any, *units: Any) -> None:
        self.latest_network = None

    def effects(self, sd_model: Any) -> list[Effect]:
        return list(self.latest_network.control_params or []) if self.latest_network else []


class ForgeScript(Script):
    """Units come into a chain one after the other, until one fails."""

    filename = "extensions-builtin/sd_forge_controlnet/scripts/controlnet.py"

    def __init__(self, unit: type, models: Models, sd_model: Any, *, wraps: bool):
        self._unit, self._models, self._model, self._wraps = unit, models, sd_model, wraps
        self.current_params: dict[int, Effect] = {}

    def title(self) -> str:
        return "ControlNet"

    def process(self, p: Any, *units: Any) -> None:
        self._model.forge_objects.unet.controlnet_linked_list = None
        self.current_params = {}
        assert all(isinstance(unit, self._unit) for unit in units), "not a ControlNetUnit"
        for number, unit in enumerate(unit for unit in units if unit.enabled):
            p.extra_generation_params[f"ControlNet {number}"] = f"Model: {unit.model}"
            if unit.module != "None":
                raise AttributeError("'NoneType' object has no attribute 'slider_resolution'")
            image = unit.image["image"] if self._wraps else unit.image
            if not isinstance(image, np.ndarray):
                raise ValueError("Image input is of no known form")
            self._models.load(unit.model, exactly=True)
            self.current_params[number] = effect_of(unit, image)

    def process_before_every_sampling(self, p: Any, *units: Any, **_: Any) -> None:
        for number, _unit in enumerate(unit for unit in units if unit.enabled):
            effect = self.current_params[number]
            effect.previous_controlnet = self._model.forge_objects.unet.controlnet_linked_list
            self._model.forge_objects.unet.controlnet_linked_list = effect

    def effects(self, sd_model: Any) -> list[Effect]:
        chain, last = [], sd_model.forge_objects.unet.controlnet_linked_list
        while last is not None:
            chain.append(last)
            last = last.previous_controlnet
        return chain[::-1]


def mikubill_modules(unit: type, models: Models) -> dict[str, ModuleType]:
    code = ModuleType("scripts.external_code")

    def get_models(update: bool = False) -> list[str]:
        if update:
            models.look()
        return ["None", *models.listed]

    code.ControlNetUnit = unit  # type: ignore[attr-defined]
    code.get_models = get_models  # type: ignore[attr-defined]
    code.get_modules = lambda: ["none", "canny", "tile_resample"]  # type: ignore[attr-defined]
    package = ModuleType("scripts")
    package.external_code = code  # type: ignore[attr-defined]
    return {"scripts": package, "scripts.external_code": code}


def forge_modules(unit: type, models: Models) -> dict[str, ModuleType]:
    package, code = ModuleType("lib_controlnet"), ModuleType("lib_controlnet.external_code")
    state = ModuleType("lib_controlnet.global_state")
    code.ControlNetUnit = unit  # type: ignore[attr-defined]
    state.get_all_controlnet_names = lambda: ["None", *models.listed]  # type: ignore[attr-defined]
    state.update_controlnet_filenames = models.look  # type: ignore[attr-defined]
    package.external_code, package.global_state = code, state  # type: ignore[attr-defined]
    return {"lib_controlnet": package, code.__name__: code, state.__name__: state}
