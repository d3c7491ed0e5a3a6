"""ControlNet as four web UIs have it: where the class lies, what a unit must look like, and how it goes missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
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
        pixel_perfect: bool = False, control_mode: Any = 0, effective_region_mask: Any = None,
        ipadapter_input: Any = None, **_kwargs: Any,
    ):  # fmt: skip
        self.enabled, self.module, self.model, self.weight, self.image = enabled, module, model, weight, image
        self.guidance_start, self.guidance_end = guidance_start, guidance_end
        self.resize_mode, self.control_mode = resize_mode, control_mode
        self.effective_region_mask, self.ipadapter_input = effective_region_mask, ipadapter_input


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
        self.effective_region_mask, self.ipadapter_input = said.get("effective_region_mask"), None
        if said.get("ipadapter_input") is not None:
            raise ValueError("not a base64 string")


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


class ControlModelType(Enum):
    ControlNet = "ControlNet, Lvmin Zhang"
    IPAdapter = "IPAdapter, Hu Ye"
    InstantID = "InstantID, Qixun Wang"


@dataclass(eq=False)
class Effect:
    """A unit at work: what the picture depends on. Also a link of Forge's chain."""

    model: str
    pixels: bytes
    weight: float
    start: float
    end: float
    previous_controlnet: Effect | None = None
    control_model_type: ControlModelType = ControlModelType.ControlNet

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
    folder: Path = Path("models/ControlNet")
    paths: dict[str, str] = field(default_factory=dict)
    """Where those lie that are not in `folder`."""

    def path(self, name: str) -> str:
        return self.paths.get(name, str(self.folder / f"{name.split(' [')[0]}.safetensors"))

    def look(self) -> None:
        self.listed += [name for name in self.later if name not in self.listed]

    def load(self, name: str, *, exactly: bool) -> str:
        """The path that the model was loaded from."""
        names = {full: full for full in self.listed}
        if not exactly:
            names |= {full.split(" [")[0]: full for full in self.listed}
        if name not in names:
            raise RuntimeError(f"model not found: {name}")
        if names[name] in self.broken:
            raise RuntimeError(f"Recognizing Control Model failed: {name}")
        return self.path(names[name])


class CnModels(Mapping[str, "str | None"]):
    """The extension's table of models, which a look fills again."""

    def __init__(self, models: Models):
        self._models = models

    def __getitem__(self, name: str) -> str | None:
        return None if name == "None" else self._models.path(name)

    def __iter__(self) -> Iterator[str]:
        return iter(["None", *self._models.listed])

    def __len__(self) -> int:
        return 1 + len(self._models.listed)


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
        effects: list[Effect] = []
        for unit in enabled:
            if unit.module not in ("none", None):
                raise RuntimeError("the preprocessor's file could not be fetched")
            effects.append(self._effect(unit, self._models.load(unit.model, exactly=False)))
            if effects[-1].control_model_type is ControlModelType.InstantID:
                assert [each.control_model_type for each in effects][-2:-1] == [ControlModelType.IPAdapter], (
                    "InstantID control model should follow ipadapter model."
                )
        self.latest_network = Hook(effects)

    def _effect(self, unit: Any, path: str) -> Effect:
        if "ip-adapter" in Path(path).name:
            effect = effect_of(unit, adapter_sees(path, unit.ipadapter_input))
            effect.control_model_type = ControlModelType.IPAdapter
            return effect
        assert unit.ipadapter_input is None
        if not isinstance(unit.image, np.ndarray):
            raise ValueError("controlnet is enabled but no input image is given")
        effect = effect_of(unit, unit.image)
        if "instant_id" in path.lower():
            effect.control_model_type = ControlModelType.InstantID
        return effect

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


def adapter_sees(path: str, inputs: Any) -> np.ndarray:
    """What goes into an adapter's projection, which the words in its path decide upon."""
    if inputs is None:
        raise ValueError("controlnet is enabled but no input image is given")
    seen = []
    for each in inputs:
        if "instant_id" in path:
            seen.append(each.reshape([1, -1, 512]))
        elif "faceid" in path and "plus" in path:
            assert each.face_embed.shape == (1, 512)
            seen += [each.face_embed, each.clip_embed["hidden_states"][-2].mean(1)]
        elif "faceid" in path:
            assert each.shape == (1, 512)
            seen.append(each)
        else:
            seen.append(each["hidden_states"][-2].mean(1))
    return np.concatenate([each.numpy().reshape(-1) for each in seen])


def mikubill_modules(unit: type, models: Models) -> dict[str, ModuleType]:
    code = ModuleType("scripts.external_code")

    def get_models(update: bool = False) -> list[str]:
        if update:
            models.look()
        return ["None", *models.listed]

    code.ControlNetUnit = unit  # type: ignore[attr-defined]
    code.get_models = get_models  # type: ignore[attr-defined]
    code.get_modules = lambda: ["none", "canny", "tile_resample"]  # type: ignore[attr-defined]
    package, state = ModuleType("scripts"), ModuleType("scripts.global_state")
    package.external_code, package.global_state = code, state  # type: ignore[attr-defined]
    state.cn_models = CnModels(models)  # type: ignore[attr-defined]
    return {"scripts": package, "scripts.external_code": code, "scripts.global_state": state}


def forge_modules(unit: type, models: Models) -> dict[str, ModuleType]:
    package, code = ModuleType("lib_controlnet"), ModuleType("lib_controlnet.external_code")
    state = ModuleType("lib_controlnet.global_state")
    code.ControlNetUnit = unit  # type: ignore[attr-defined]
    state.get_all_controlnet_names = lambda: ["None", *models.listed]  # type: ignore[attr-defined]
    state.update_controlnet_filenames = models.look  # type: ignore[attr-defined]
    package.external_code, package.global_state = code, state  # type: ignore[attr-defined]
    return {"lib_controlnet": package, code.__name__: code, state.__name__: state}
