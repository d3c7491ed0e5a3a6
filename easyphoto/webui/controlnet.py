"""Builds ControlNet units in the form that each web UI takes, and checks whether they were applied.

There are four interfaces: sd-webui-controlnet up to 1.1.446 and from 1.1.447 on, Forge's, and that of its older forks
(reForge, classic). All take the same keywords for a unit. They differ in the class's module, in how the picture is
wrapped, in how a model is named, and in where an active unit can be seen.
"""

from __future__ import annotations

import importlib
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Control
from easyphoto.backends.webui_names import control_model, control_models, missing_controls
from easyphoto.errors import BackendError, InputError, MissingCapability
from easyphoto.images.pictures import as_array
from easyphoto.messages import Text, text
from easyphoto.webui.host_modules import host_module, loaded

TITLE = "controlnet"
NONE = "none"
MOST_WEIGHT = 2.0
GET_EXTENSION = text("Install the extension sd-webui-controlnet in the web UI's tab Extensions, and restart.")
FACE_INPUTS, REGION = "ipadapter_input", "effective_region_mask"
"""Fields of a unit that not every version has: what an identity adapter is given, and where a unit acts."""
_INTERFACES = ("lib_controlnet.external_code", "scripts.external_code")
_COMMON: Mapping[str, Any] = MappingProxyType(
    {
        # Some versions skip a unit that does not say that it is enabled.
        "enabled": True,
        "resize_mode": "Just Resize",
        "control_mode": "Balanced",
        "pixel_perfect": False,
        "processor_res": 512,
        "low_vram": False,
        "save_detected_map": False,
    }
)


@dataclass(frozen=True, eq=False)
class UnitRequest:
    """One ControlNet unit: a control, or a part of a face (`face_units`)."""

    kind: str
    """The control's kind, or the identity's."""
    model: str
    """The host's name for its model."""
    weight: float
    start: float
    end: float
    image: Image.Image | None = None
    inputs: Callable[[], list[Any]] | None = None
    """Makes what an identity adapter is given in place of a picture; called inside the host's queue."""
    mask: np.ndarray | None = None
    """(height, width) in 0..1: where the unit acts; None: everywhere."""
    taken_as: str | None = None
    """For a part of a face: what the host must take the model for, a name of its enumeration of model types."""
    own: tuple[str, Path] | None = None
    """Catalogue id and file of a model of ours, where the host loads just that file."""

    @classmethod
    def of(cls, control: Control, model: str) -> UnitRequest:
        return cls(control.kind, model, control.weight, control.start, control.end, control.image)


@dataclass(frozen=True, eq=False)
class ControlNet:
    """The installed interface. EasyPhoto draws the control pictures, so no unit ever preprocesses."""

    code: Any
    is_forge: bool

    def models(self) -> tuple[str, ...]:
        """Return the model names exactly as a unit must give them."""
        if not self.is_forge:
            return tuple(name for name in self.code.get_models() if name.lower() != NONE)
        state = importlib.import_module("lib_controlnet.global_state")
        ask = getattr(state, "get_all_controlnet_names", None)
        listed = ask() if ask is not None else state.controlnet_names
        return tuple(name for name in listed if name.lower() != NONE)

    def look_again(self) -> None:
        """List the folders again: the user may have added a model since the start."""
        if not self.is_forge:
            self.code.get_models(update=True)
            return
        state = importlib.import_module("lib_controlnet.global_state")
        for name in ("update_controlnet_filenames", "update_cn_models"):
            if hasattr(state, name):
                getattr(state, name)()
                return

    def model(self, id: str) -> str | None:
        """Return the host's name for the model of that catalogue id."""
        return control_model(id, self.models())

    def unit(self, asked: UnitRequest) -> Any:
        """Return an enabled unit. Raises InputError for a weight that the host does not take."""
        if asked.weight > MOST_WEIGHT:
            raise InputError(
                text("The weight of the control {kind!r} is {weight:g}.", kind=asked.kind, weight=asked.weight),
                advice=text("This web UI allows up to {most_weight:g}.", most_weight=MOST_WEIGHT),
            )
        kind = self.code.ControlNetUnit
        said = {
            **_COMMON,
            "module": self._no_module(),
            "model": asked.model,
            "weight": float(asked.weight),
            "guidance_start": float(asked.start),
            "guidance_end": float(asked.end),
        }
        if asked.image is not None:
            said["image"] = self._wrapped(as_array(asked.image))
        try:
            unit = kind(**_accepted(kind, said))
        except (TypeError, ValueError) as error:
            raise BackendError(
                text("The web UI's ControlNet refuses the unit for {kind} ({error}).", kind=asked.kind, error=error),
                advice=text("Update the extension; EasyPhoto does not know this version."),
            ) from error
        # Its constructor takes the inputs encoded only; what is assigned later it hands on as it is.
        if asked.inputs is not None:
            setattr(unit, FACE_INPUTS, asked.inputs())
        if asked.mask is not None:
            setattr(unit, REGION, np.float32(255) * asked.mask[..., None])
        return unit

    def takes(self, field: str) -> bool:
        """Return whether this version's units have the field; a value for another one would be lost in silence."""
        return hasattr(self.no_unit(), field)

    def files(self) -> dict[str, str]:
        """Return the models' paths by name; empty in a host that does not tell."""
        state = loaded("scripts.global_state")
        return {name: str(path) for name, path in getattr(state, "cn_models", {}).items() if path is not None}

    def no_unit(self) -> Any:
        kind = self.code.ControlNetUnit
        return kind(**_accepted(kind, {"enabled": False, "module": self._no_module(), "model": "None"}))

    def at_work(self, script: Any) -> int:
        """Return how many units are active in the picture that is being painted; must be called meanwhile."""
        if not self.is_forge:
            # A unit that fails disables all of them; the hook into the network is then None, or empty.
            return len(getattr(getattr(script, "latest_network", None), "control_params", None) or ())
        unet = host_module("shared").sd_model.forge_objects.unet
        return _chain_length(getattr(unet, "controlnet_linked_list", None))

    def types_at_work(self, script: Any) -> list[str]:
        """Return what the host takes each active unit's model for, as far as it tells; must be called meanwhile."""
        units = getattr(getattr(script, "latest_network", None), "control_params", None) or ()
        return [str(getattr(getattr(unit, "control_model_type", None), "name", "")) for unit in units]

    def _no_module(self) -> str:
        return "None" if self.is_forge else NONE

    def _wrapped(self, pixels: np.ndarray) -> Any:
        if not self.is_forge or "image_fg" in getattr(self.code.ControlNetUnit, "__annotations__", {}):
            return pixels
        # The older Forge forks expect what gradio 3 gave them: the picture, and what was drawn over it.
        return {"image": pixels, "mask": np.zeros_like(pixels)}


def open_controlnet() -> ControlNet | None:
    """Return the installed interface; None without the extension."""
    for name in _INTERFACES:
        code = loaded(name) or _imported(name)
        if code is not None and hasattr(code, "ControlNetUnit"):
            return ControlNet(code, is_forge=name.startswith("lib_"))
    return None


def script_in(runner: Any) -> Any:
    """Return ControlNet's script among the always-on scripts; None if there is none."""
    every = getattr(runner, "alwayson_scripts", ())
    return next((script for script in every if str(script.title()).lower() == TITLE), None)


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one request. Even without any, the user's own units are switched off."""

    net: ControlNet
    script: Any
    asked: tuple[UnitRequest, ...]

    @property
    def places(self) -> int:
        return int(self.script.args_to) - int(self.script.args_from)

    def written(self, arguments: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return the scripts' arguments with our units and no other, and ControlNet's script that finds them.

        That is the tab's script, if it has places for all; else one that looks for them behind all other arguments.
        The extension's own function is not used: if it needs more places, it moves those of all other scripts, for
        every later picture too.
        """
        first, end = int(self.script.args_from), int(self.script.args_to)
        units = [self.net.unit(asked) for asked in self.asked]
        units += [self.net.no_unit() for _ in range(self.places - len(units))]
        result = list(arguments)
        if len(units) > self.places:
            return result + units, _moved(self.script, len(result), len(result) + len(units))
        result[first:end] = units
        return result, self.script

    def require_places(self) -> None:
        """Raises MissingCapability if a Forge has fewer units than are needed: there nobody has tried other places."""
        if len(self.asked) > self.places and self.net.is_forge:
            raise MissingCapability(
                text(
                    "{count} ControlNet units are needed, the web UI has {places}.",
                    count=len(self.asked),
                    places=self.places,
                ),
                advice=text('Raise "Multi-ControlNet: ControlNet unit number" in its settings, and restart.'),
            )

    def not_applied(self, failures: Sequence[str]) -> list[str]:
        """Return a sentence for each unit that is not active, with the first error of the host's scripts, and for each
        identity whose model the host took for something else.
        """
        count, types = self.net.at_work(self.script), self.net.types_at_work(self.script)
        because = f": {failures[0]}" if failures else text("; the web UI does not say why")
        missing = [_missing(asked, because) for asked in self.asked[count:]]
        return missing + [
            _missing(asked, text(": the web UI mistook it for {type}", type=type or text("something unknown")))
            for asked, type in zip(self.asked, types, strict=False)
            if asked.taken_as not in (None, type)
        ]


def _missing(asked: UnitRequest, because: str) -> str:
    said = {"kind": asked.kind, "model": asked.model, "because": because}
    if asked.taken_as is None:
        return text("The control {kind} ({model}) was not applied{because}.", **said)
    return text("The identity {kind} ({model}) was not applied{because}.", **said)


def _moved(script: Any, first: int, end: int) -> Any:
    """Return the script at other places among the arguments, which the original keeps; all other state is shared."""
    kind = type(script)
    places = {"args_from": property(lambda self: first), "args_to": property(lambda self: end)}
    moved: Any = object.__new__(types.new_class(kind.__name__, (kind,), exec_body=lambda names: names.update(places)))
    moved.__dict__ = script.__dict__
    return moved


def found_models(family: Family, net: ControlNet) -> dict[str, str]:
    """Return control kind → the host's name of its model, for the kinds that have one."""
    return control_models(family, net.models())


def reasons(family: Family, net: ControlNet | None) -> dict[str, Text]:
    """Return control kind → why the host cannot apply it."""
    return missing_controls(family, None if net is None else net.models())


def _accepted(kind: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that this version's unit has; others raise in one version and are dropped in another."""
    parameters = inspect.signature(kind).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return dict(said)
    return {key: value for key, value in said.items() if key in parameters}


def _chain_length(last: Any) -> int:
    length = 0
    while last is not None:
        length, last = length + 1, getattr(last, "previous_controlnet", None)
    return length


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
