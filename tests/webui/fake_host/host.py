"""The web UI as a whole: its modules, and the knobs that a test turns."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.webui.fake_host import controlnet
from tests.webui.fake_host.finishers import FaceRestorer, Scaler, UpscalerData
from tests.webui.fake_host.loras import LoraExtension
from tests.webui.fake_host.processing import Img2Img, Pipeline, Processed, Processing, Txt2Img
from tests.webui.fake_host.scripts import AlwaysVisible, Component, SamplerScript, Script, ScriptRunner
from tests.webui.fake_host.state import Errors, OptionInfo, Options, QueueLock, State

FLAVOURS = ("a1111-446", "a1111", "forge", "reforge")
"""AUTOMATIC1111 with ControlNet up to 1.1.446 and from 1.1.447 on, Forge, reForge."""
MODELS = (
    "control_v11p_sd15_canny [8694c0d2]",
    "control_v11f1e_sd15_tile [a371b31b]",
    "control_v11p_sd15_openpose [cab727d4]",
)
_DEFAULTS: dict[str, Any] = {
    "sd_model_checkpoint": None, "sd_vae": "Automatic", "CLIP_stop_at_last_layers": 1, "img2img_fix_steps": False,
    "img2img_color_correction": False, "overlay_inpaint": True, "save_init_img": False, "return_mask": False,
    "return_mask_composite": False, "localization": "None", "outdir_samples": "", "outdir_grids": "",
    "live_previews_enable": True, "show_progress_type": "Approx NN", "control_net_unit_count": 3,
}  # fmt: skip


class CheckpointInfo:
    def __init__(self, file: Path, folder: Path):
        self.filename, self.name = str(file), str(file.relative_to(folder))
        self.name_for_extra, self.sha256 = file.stem, "ab" * 32
        self.title = f"{self.name} [abababab]"
        self.ids = [self.title, self.name, self.name_for_extra, "abababab" + file.stem]


@dataclass(eq=False)
class Checkpoints:
    """`modules.sd_models`: the files of a folder, and which of them is loaded."""

    folder: Path
    options: Options
    sd_model: Any
    listed: dict[str, CheckpointInfo] = field(default_factory=dict)
    aliases: dict[str, CheckpointInfo] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)
    """Names, in the order of loading."""

    def look(self) -> None:
        self.listed.clear()
        self.aliases.clear()
        for file in sorted(self.folder.glob("*.safetensors")):
            info = CheckpointInfo(file, self.folder)
            self.listed[info.title] = info
            self.aliases.update(dict.fromkeys(info.ids, info))

    def select(self) -> CheckpointInfo:
        return self.aliases.get(self.options.sd_model_checkpoint) or next(iter(self.listed.values()))

    def reload(self) -> None:
        info = self.select()
        if self.sd_model.sd_checkpoint_info is not info:
            self.sd_model.sd_checkpoint_info = info
            self.loads.append(info.name)


class FakeHost:
    """One web UI. `kind` is one of FLAVOURS; without `controlnet` or `lora` those extensions are not installed."""

    def __init__(self, folder: Path, kind: str = "a1111", *, controlnet: bool = True, lora: bool = True):
        self.kind, self.folder = kind, folder
        self.never_restores: set[str] = {"sd_model_checkpoint"} if kind == "reforge" else set()
        self.options = Options({key: OptionInfo(value) for key, value in _DEFAULTS.items()})
        self.state, self.errors, self.lock = State(), Errors(), QueueLock()
        self.requests: list[Processing] = []
        self.saved: list[Any] = []
        self.steps_made = 0
        self.tells_nobody = False
        """It samples in a way that asks no callback."""
        self.raises: Exception | None = None
        self.forces_grid = False
        """A grid comes first, whatever the request says."""
        self.pressed_at: int | None = None
        """At which step the host's user presses Interrupt."""
        self.clears: Callable[[Any], None] | None = None
        """Called at the end of each step, as another event of the page that clears the state's flags."""
        self.denoiser_callbacks: list[Callable[[Any], None]] = []
        self.tabs: dict[str, list[Callable[..., Any]]] = {}
        self.samplers = {
            name: SimpleNamespace(name=name) for name in ("DPM++ 2M", "DPM++ 2M SDE", "Euler a", "Euler", "DDIM", "LCM")
        }
        self.sd_model = SimpleNamespace(sd_checkpoint_info=None)
        if kind in ("forge", "reforge"):
            unet = SimpleNamespace(controlnet_linked_list=None, lora_patches={})
            self.sd_model.forge_objects = SimpleNamespace(unet=unet, clip=SimpleNamespace(patcher=None))
        self._make_folders()
        self.checkpoints = Checkpoints(self.checkpoint_folder, self.options, self.sd_model)
        self.add_checkpoint("plain")
        self.add_checkpoint("other")
        self.options.data["sd_model_checkpoint"] = self.checkpoints.aliases["plain"].title
        self.checkpoints.reload()
        self.checkpoints.loads.clear()
        self.models = self._models()
        self.lora = LoraExtension(self.lora_folder, self.sd_model) if lora else None
        self.has_controlnet = controlnet
        self.img2img, self.txt2img = self._runner(), self._runner()
        self.restorer, self.scaler = FaceRestorer(), Scaler(self.errors)

    @property
    def checkpoint_folder(self) -> Path:
        return self.folder / "models" / "Stable-diffusion"

    @property
    def lora_folder(self) -> Path:
        return self.folder / "models" / "Lora"

    def add_checkpoint(self, stem: str, family: str = "sd15") -> Path:
        """A file that says of itself which family it is of; found at once."""
        file = self.checkpoint_folder / f"{stem}.safetensors"
        file.write_bytes(b"weights of " + stem.encode())
        note = file.with_suffix(".configs") / "easyphoto.json"
        note.parent.mkdir(exist_ok=True)
        note.write_text(f'{{"format": 1, "family": "{family}"}}')
        self.checkpoints.look()
        return file

    def add_script(self, script: Script, values: tuple[Any, ...]) -> None:
        """Into both tabs, with what its components hold at first."""
        for runner in (self.img2img, self.txt2img):
            runner.add(script, values)

    def effects(self, runner: ScriptRunner) -> list[controlnet.Effect]:
        """The controls that are at work."""
        found = (script for script in runner.alwayson_scripts if hasattr(script, "effects"))
        return [effect for script in found for effect in script.effects(self.sd_model)]

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, module in self.modules().items():
            monkeypatch.setitem(sys.modules, name, module)
        absent = {"networks"} if self.lora is None else set[str]()
        absent |= set(_ALL_FOREIGN) - set(self.modules())
        for name in absent:
            monkeypatch.delitem(sys.modules, name, raising=False)

    def modules(self) -> dict[str, ModuleType]:
        parts = {f"modules.{name}": _module(f"modules.{name}", content) for name, content in self._parts().items()}
        package = _module("modules", {name.partition(".")[2]: module for name, module in parts.items()})
        package.__path__ = []
        made = {"modules": package, **parts}
        if self.has_controlnet:
            make = controlnet.forge_modules if self._is_forge else controlnet.mikubill_modules
            made |= make(self._unit(), self.models)
        if self.lora is not None:
            made["networks"] = self.lora.module
        if self._is_forge:
            version = _module("modules_forge.forge_version", {"version": "2.0.1v1.10.1"})
            made |= {"modules_forge": _module("modules_forge", {}), "modules_forge.forge_version": version}
        if self.kind == "reforge":
            made["ldm_patched"] = _module("ldm_patched", {})
        return made

    @property
    def _is_forge(self) -> bool:
        return self.kind in ("forge", "reforge")

    def _parts(self) -> dict[str, dict[str, Any]]:
        pipeline = Pipeline(self)
        schedulers = [("automatic", "Automatic"), ("karras", "Karras"), ("sgm_uniform", "SGM Uniform")]
        by_name = {name: SimpleNamespace(name=name, label=label) for name, label in schedulers}
        parts = {
            "shared": self._shared(),
            "processing": {
                "StableDiffusionProcessingImg2Img": Img2Img,
                "StableDiffusionProcessingTxt2Img": Txt2Img,
                "process_images": pipeline.process_images,
                "Processed": lambda p, images, seed=-1, info="": Processed(images),
            },
            "scripts": {
                "Script": Script, "AlwaysVisible": AlwaysVisible, "ScriptRunner": ScriptRunner,
                "scripts_img2img": self.img2img, "scripts_txt2img": self.txt2img, "basedir": lambda: str(self.folder),
            },
            "sd_models": {
                "checkpoints_list": self.checkpoints.listed, "checkpoint_aliases": self.checkpoints.aliases,
                "list_models": self.checkpoints.look, "reload_model_weights": self.checkpoints.reload,
                "select_checkpoint": self.checkpoints.select, "unload_model_weights": lambda *_: None,
                "send_model_to_device": lambda *_: None,
            },
            "sd_vae": {"vae_dict": {"fine.vae.pt": "fine.vae.pt"}, "reload_vae_weights": lambda: None},
            "sd_samplers": {"all_samplers_map": self.samplers},
            "sd_schedulers": {"schedulers_map": by_name | {each.label: each for each in by_name.values()}},
            "call_queue": {"queue_lock": self.lock, "wrap_gradio_gpu_call": lambda run, extra_outputs=None: run},
            "errors": {"exception_records": self.errors.exception_records, "report": lambda *_, **__: None},
            "devices": {"device": "cpu", "torch_gc": lambda: None},
            "script_callbacks": self._callbacks(),
            "paths": {"data_path": str(self.folder), "script_path": str(self.folder)},
            "launch_utils": {"git_tag": lambda: "v1.10.1"},
        }  # fmt: skip
        return parts

    def _shared(self) -> dict[str, Any]:
        flags = SimpleNamespace(
            lora_dir=str(self.lora_folder), ckpt_dir=None, api=True, api_auth=None, nowebui=False, listen=False,
            share=False, ngrok=None, server_name=None, gradio_auth=None, gradio_auth_path=None,
            cors_allow_origins=None, cors_allow_origins_regex=None,
        )  # fmt: skip
        upscalers = [
            UpscalerData("None", None, 1),
            UpscalerData("Lanczos", self.scaler, 4),
            UpscalerData("R-ESRGAN 4x+", self.scaler, 4),
        ]
        return {
            "opts": self.options, "state": self.state, "cmd_opts": flags, "sd_model": self.sd_model, "device": "cpu",
            "OptionInfo": OptionInfo, "face_restorers": [self.restorer], "sd_upscalers": upscalers, "demo": None,
        }  # fmt: skip

    def _callbacks(self) -> dict[str, Any]:
        def remove(callback: Callable[..., Any]) -> None:
            for every in (self.denoiser_callbacks, *self.tabs.values()):
                every[:] = [each for each in every if each != callback]

        def registers(name: str) -> Callable[..., None]:
            def register(callback: Callable[..., Any], *, name_: str | None = None, **_: Any) -> None:
                self.tabs.setdefault(name, []).append(callback)

            return register

        names = ("ui_tabs", "ui_settings", "app_started", "script_unloaded", "before_ui", "before_reload")
        return {
            "on_cfg_denoiser": self.denoiser_callbacks.append,
            "remove_callbacks_for_function": remove,
            **{f"on_{name}": registers(name) for name in names},
        }

    def _unit(self) -> type:
        units = {
            "a1111-446": controlnet.OldUnit, "a1111": controlnet.NewUnit, "forge": controlnet.ForgeUnit,
            "reforge": controlnet.ReforgeUnit,
        }  # fmt: skip
        return units[self.kind]

    def _models(self) -> controlnet.Models:
        listed = list(MODELS) if self.kind != "reforge" else [name.split(" [")[0] for name in MODELS]
        return controlnet.Models(listed, folder=self.folder / "models" / "ControlNet")

    def _runner(self) -> ScriptRunner:
        runner = ScriptRunner(self.errors)
        runner.add(SamplerScript(), (20, "DPM++ 2M", "Karras", -1))
        if self.has_controlnet:
            script: Script
            if self._is_forge:
                wraps = self.kind == "reforge"
                script = controlnet.ForgeScript(self._unit(), self.models, self.sd_model, wraps=wraps)
            else:
                script = controlnet.MikubillScript(self._unit(), self.models)
            count = self.options.control_net_unit_count
            runner.add(script, tuple(self._unit()(enabled=False) for _ in range(count)))
        return runner

    def _make_folders(self) -> None:
        for name in ("Stable-diffusion", "Lora", "ControlNet"):
            (self.folder / "models" / name).mkdir(parents=True, exist_ok=True)


_ALL_FOREIGN = (
    "scripts.external_code", "scripts.global_state", "lib_controlnet", "lib_controlnet.external_code",
    "lib_controlnet.global_state", "modules_forge", "modules_forge.forge_version",
    "modules_forge.main_entry", "ldm_patched", "networks",
)  # fmt: skip
"""What another web UI's extensions would have imported."""


def _module(name: str, content: dict[str, Any]) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(content)
    return module


__all__ = ["FLAVOURS", "Component", "FakeHost"]
