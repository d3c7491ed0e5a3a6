"""A small web UI of our own: it answers /sdapi/v1 and /controlnet as the facts say, and paints with one colour.

What it does not know it leaves out in silence, as the real ones do: an unknown checkpoint, a unit without `enabled`, a
model that cannot be loaded (and is named in the infotext all the same), units beyond the count, an unknown LoRA.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

CHECKPOINTS = {"first.safetensors [aaaaaaaaaa]": "first", "second.safetensors [bbbbbbbbbb]": "second"}
CONTROLS = {
    "control_v11p_sd15_canny [d14c016b]": "canny",
    "control_v11f1e_sd15_tile_fp16 [3b860298]": "tile",
    "control_sd15_random_color [cccccccc]": "color",
}
TAG = re.compile(r"<lora:([^:>]+):([-0-9.]+)>")


@dataclass
class HostState:
    """What the web UI has, how it behaves, and what it was asked."""

    auth: str = ""
    checkpoints: dict[str, str] = field(default_factory=lambda: dict(CHECKPOINTS))
    controls: dict[str, str] | None = field(default_factory=lambda: dict(CONTROLS))
    """None: without the extension."""
    schedulers: bool = True
    units: int = 3
    loras: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name → metadata."""
    unlisted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """LoRAs that only a refresh finds."""
    unfit: set[str] = field(default_factory=set)
    """Controls and LoRAs that fail when they are to be applied; nobody is told."""
    broken_upscaler: bool = False
    options: dict[str, Any] = field(
        default_factory=lambda: {"sd_model_checkpoint": "first.safetensors [aaaaaaaaaa]", "img2img_fix_steps": False}
    )
    step_seconds: float = 0.0
    tells_tasks: bool = True
    """False: --nowebui, which has no /internal/progress."""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """Path → status, headers and body that are given instead."""
    silent: set[str] = field(default_factory=set)
    """Paths that are never answered."""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    interrupts: int = 0
    task: str = ""
    step: int = 0
    steps: int = 0
    painting: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    queue: threading.Lock = field(default_factory=threading.Lock)
    waiting: list[str] = field(default_factory=list)
    _interrupted: bool = False

    def times(self, path: str) -> int:
        return sum(1 for asked, _ in self.asked if asked == path)

    def last(self, path: str) -> dict[str, Any]:
        return next(content for asked, content in reversed(self.asked) if asked == path)

    # what is read

    def listed(self, path: str) -> Any:
        found = {
            "/sdapi/v1/sd-models": self._models,
            "/sdapi/v1/samplers": lambda: [{"name": name} for name in self._samplers()],
            "/sdapi/v1/schedulers": self._schedulers,
            "/sdapi/v1/upscalers": lambda: [{"name": "None", "scale": 4.0}, {"name": "Big 2x", "scale": 2.0}],
            "/sdapi/v1/face-restorers": lambda: [{"name": "CodeFormer"}, {"name": "GFPGAN"}],
            "/sdapi/v1/loras": lambda: [{"name": name, "metadata": data} for name, data in self.loras.items()],
            "/sdapi/v1/options": lambda: dict(self.options),
            "/sdapi/v1/memory": lambda: {"ram": {}, "cuda": {"system": {"free": 123, "used": 1, "total": 124}}},
            "/sdapi/v1/progress": self._progress,
            "/controlnet/model_list": lambda: self._control({"model_list": list(self.controls or ())}),
            "/controlnet/module_list": lambda: self._control({"module_list": ["none", "canny"]}),
            "/controlnet/settings": lambda: self._control({"control_net_unit_count": self.units}),
        }.get(path)
        return found() if found else None

    def _control(self, said: Any) -> Any:
        return said if self.controls is not None else None

    def _models(self) -> Any:
        return [
            {
                "title": title, "model_name": name, "hash": title[-11:-1], "sha256": title[-11:-1] * 6,
                "filename": f"C:\\models\\{name}.safetensors",
            }
            for title, name in self.checkpoints.items()
        ]  # fmt: skip

    def _samplers(self) -> list[str]:
        if self.schedulers:
            return ["DPM++ 2M", "DPM++ 2M SDE", "Euler a", "Euler", "DDIM", "LCM"]
        return ["DPM++ 2M Karras", "DPM++ 2M SDE Karras", "Euler a", "DDIM", "LCM"]

    def _schedulers(self) -> Any:
        names = ["Automatic", "Karras", "SGM Uniform"]
        return [{"name": name.lower(), "label": name} for name in names] if self.schedulers else None

    def _progress(self) -> Any:
        preview = png(Image.new("RGB", (8, 8), "red")) if self.task else None
        state = {"sampling_step": self.step, "sampling_steps": self.steps}
        return {"progress": 0.5, "state": state, "current_image": preview}

    # what is done

    def done(self, path: str, content: dict[str, Any]) -> Any:
        match path:
            case "/sdapi/v1/img2img" | "/sdapi/v1/txt2img":
                return self._painted(content)
            case "/sdapi/v1/interrupt":
                self.interrupts += 1
                self._interrupted = True
                return {}
            case "/sdapi/v1/refresh-loras":
                self.loras.update(self.unlisted)
                return None
            case "/sdapi/v1/extra-single-image":
                return self._extra(content)
            case "/internal/progress":
                mine = content["id_task"]
                return {"active": mine == self.task, "queued": mine in self.waiting} if self.tells_tasks else NO_SUCH
        return NO_SUCH

    def _painted(self, content: dict[str, Any]) -> Any:
        task = content.get("force_task_id", "")
        self.waiting.append(task)
        with self.queue:
            self.waiting.remove(task)
            self.task, self.step, self._interrupted = task, 0, False
            strength = content.get("denoising_strength", 1.0)
            self.steps = min(int(content["steps"] * strength), content["steps"] - 1) + 1
            while self.step < self.steps and not self._interrupted and not self.closing.is_set():
                self.step += 1
                self.painting.set()
                time.sleep(self.step_seconds)
            answer = self._picture(content, strength)
            self.task = ""
            return answer

    def _picture(self, content: dict[str, Any], strength: float) -> Any:
        before = dict(self.options)
        overrides = content["override_settings"]
        if overrides.get("sd_model_checkpoint") not in (None, *self.checkpoints):
            overrides = {key: value for key, value in overrides.items() if key != "sd_model_checkpoint"}
        self.options.update(overrides)
        # Put back is only what had been saved before: the rest stays as the request had it.
        kept = {key: value for key, value in self.options.items() if key not in before}
        title = self.options["sd_model_checkpoint"]
        self.options = {**before, **kept}
        units, extra = self._units(content)
        loras = [(name, weight) for name, weight in TAG.findall(content["prompt"]) if name in self.loras]
        words = [TAG.sub("", content["prompt"]).strip(), content["negative_prompt"], content["seed"], title]
        words += [content["cfg_scale"], content["sampler_name"], units]
        words += [each for each in loras if each[0] not in self.unfit]
        picture = self._coloured(content, str(words), strength)
        info = {
            "seed": content["seed"], "sampler_name": content["sampler_name"], "sd_model_name": self.checkpoints[title],
            "sd_model_hash": title[-11:-1], "extra_generation_params": extra,
        }  # fmt: skip
        maps = [png(Image.new("RGB", (8, 8))) for _ in extra]
        return {"images": [png(picture), *maps], "info": json.dumps(info)}

    def _units(self, content: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
        """What counts of the controls, and what the infotext says."""
        args = content.get("alwayson_scripts", {}).get("controlnet", {}).get("args", [])
        enabled = [unit for unit in args if unit.get("enabled", False)][: self.units]
        fit = set(self.controls or ()) - self.unfit
        counting = [unit for unit in enabled if unit["model"] in fit]
        marks = [f"{u['model']} {u['weight']} {u['guidance_start']} {u['guidance_end']} {u['image']}" for u in counting]
        return marks, {f"ControlNet {n}": f"Module: none, Model: {u['model']}" for n, u in enumerate(enabled)}

    def _coloured(self, content: dict[str, Any], words: str, strength: float) -> Image.Image:
        colour = np.frombuffer(hashlib.sha256(words.encode()).digest()[:3], np.uint8).astype(np.float32)
        shape = (content["height"], content["width"], 3)
        if "init_images" not in content:
            return Image.fromarray(np.broadcast_to(colour, shape).astype(np.uint8))
        ground = np.asarray(picture_of(content["init_images"][0]), np.float32)
        mask = np.asarray(picture_of(content["mask"]).convert("L"), np.float32)[..., None] / 255
        painted = ground * (1 - strength) + colour * strength
        return Image.fromarray((ground * (1 - mask) + painted * mask).astype(np.uint8))

    def _extra(self, content: dict[str, Any]) -> Any:
        picture = picture_of(content["image"])
        factor = content["upscaling_resize"]
        size = (int(picture.width * factor), int(picture.height * factor))
        shift = content["gfpgan_visibility"] > 0 and "GFPGAN" not in self.unfit
        if content["upscaler_1"] != "None":
            way = Image.Resampling.LANCZOS if self.broken_upscaler else Image.Resampling.NEAREST
            picture = picture.resize(size, way)
        if shift or content["codeformer_visibility"] > 0:
            picture = Image.eval(picture, lambda value: 255 - value)
        return {"html_info": "", "image": png(picture)}


NO_SUCH = object()


def png(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode()


def picture_of(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")


def _handler(state: HostState) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({}, is_post=False)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(json.loads(body or b"{}"), is_post=True)

        def _answer(self, content: dict[str, Any], *, is_post: bool) -> None:
            path = self.path.partition("?")[0]
            state.asked.append((path, content))
            state.headers.append(dict(self.headers))
            if path in state.silent:
                state.closing.wait(30)
                return
            if path in state.answers:
                self._send(*state.answers[path])
            elif state.auth and self.headers.get("Authorization") != _basic(state.auth):
                self._send(401, {}, b'{"detail": "Incorrect username or password"}')
            else:
                said = state.done(path, content) if is_post else state.listed(path)
                is_there = said is not NO_SUCH and (is_post or said is not None)
                body = json.dumps(said if is_there else {"detail": "Not Found"}).encode()
                self._send(200 if is_there else 404, {}, body)

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # who asked has gone

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _basic(secret: str) -> str:
    return "Basic " + base64.b64encode(secret.encode()).decode()


@dataclass
class Served:
    state: HostState
    url: str
    server: ThreadingHTTPServer

    def vanish(self) -> None:
        """Nobody listens any more; what is under way stays open and says nothing."""
        self.server.shutdown()
        self.server.socket.close()


@contextmanager
def serving(state: HostState | None = None) -> Iterator[Served]:
    state = state or HostState()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield Served(state, f"http://127.0.0.1:{server.server_address[1]}", server)
    finally:
        state.closing.set()
        server.shutdown()
        server.server_close()
