"""Requests and the pipeline: a picture is a tint out of everything that should matter to it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from tests.webui.fake_host.host import FakeHost


@dataclass(repr=False)
class Processing:
    sd_model: Any = None
    outpath_samples: str | None = None
    outpath_grids: str | None = None
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = -1
    sampler_name: str | None = None
    scheduler: str | None = None
    batch_size: int = 1
    n_iter: int = 1
    steps: int = 50
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    restore_faces: bool | None = None
    tiling: bool | None = None
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    override_settings: dict[str, Any] = field(default_factory=dict)
    override_settings_restore_afterwards: bool = True
    is_api: bool = field(default=False, init=False)
    extra_generation_params: dict[str, Any] = field(default_factory=dict, init=False)
    closed: bool = field(default=False, init=False)
    _scripts: Any = field(default=None, init=False)
    _arguments: tuple[Any, ...] = field(default=(), init=False)

    @property
    def scripts(self) -> Any:
        return self._scripts

    @scripts.setter
    def scripts(self, runner: Any) -> None:
        self._scripts = runner
        self._set_up()

    @property
    def script_args(self) -> tuple[Any, ...]:
        return self._arguments

    @script_args.setter
    def script_args(self, arguments: tuple[Any, ...]) -> None:
        self._arguments = arguments
        self._set_up()

    def _set_up(self) -> None:
        """As soon as both are there: what `is_api` is by then decides whose steps and sampler count."""
        if self._scripts is not None and self._arguments:
            self._scripts.setup_scrips(self, is_ui=not self.is_api)

    def init(self, all_prompts: Any, all_seeds: Any, all_subseeds: Any) -> None:
        """Where the host reads the picture into its latent space."""

    def close(self) -> None:
        self.closed = True


@dataclass(repr=False)
class Img2Img(Processing):
    init_images: list[Image.Image] = field(default_factory=list)
    resize_mode: int = 0
    denoising_strength: float = 0.75
    mask: Any = None
    mask_blur: Any = None
    mask_round: bool = True
    inpainting_fill: int = 0
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0
    initial_noise_multiplier: float | None = None


@dataclass(repr=False)
class Txt2Img(Processing):
    enable_hr: bool = False


@dataclass
class Processed:
    images: list[Image.Image]
    index_of_first_image: int = 0


class Pipeline:
    """`process_images` of the host."""

    def __init__(self, host: FakeHost):
        self._host = host

    def process_images(self, p: Processing) -> Processed:
        host, options = self._host, self._host.options
        assert host.lock.is_held, "painted outside of the queue"
        stored = {key: options.data[key] for key in p.override_settings if key in options.data}
        try:
            if p.override_settings.get("sd_model_checkpoint") not in host.checkpoints.aliases:
                # Dropped without a word.
                p.override_settings.pop("sd_model_checkpoint", None)
            for key, value in p.override_settings.items():
                options.set(key, value, is_api=True, run_callbacks=False)
            host.checkpoints.reload()
            return self._painted(p)
        finally:
            if p.override_settings_restore_afterwards:
                for key, value in stored.items():
                    if key not in host.never_restores:
                        options.data[key] = value

    def _painted(self, p: Processing) -> Processed:
        host, state = self._host, self._host.state
        host.requests.append(p)
        if host.raises is not None:
            raise host.raises
        if p.sampler_name not in host.samplers:
            p.sampler_name = next(iter(host.samplers))
        p.scripts.process(p)
        p.init([p.prompt], [p.seed], [p.seed])
        if state.job_count == -1:
            state.job_count = p.n_iter
        images = []
        for _ in range(p.n_iter * p.batch_size):
            if state.interrupted or state.stopping_generation:
                break
            images.append(self._sampled(p))
            state.nextjob()
            shown = SimpleNamespace(image=images[-1])
            p.scripts.postprocess_image(p, shown)
            images[-1] = shown.image
        processed = self._answered(p, images)
        p.scripts.postprocess(p, processed)
        return processed

    def _sampled(self, p: Processing) -> Image.Image:
        host = self._host
        words = p.prompt if host.lora is None else host.lora.activate(p.prompt)
        p.scripts.process_before_every_sampling(p)
        made = self._steps(p)
        done = sum(1 for _ in self._stepped(made))
        tint = self._tint(p, words)
        share = done / made * (min(p.denoising_strength, 1.0) if isinstance(p, Img2Img) else 1.0)
        if isinstance(p, Img2Img):
            return self._repainted(p, tint, share)
        flat = np.empty((p.height, p.width, 3), np.float32)
        flat[:] = tint * share
        return Image.fromarray(flat.astype(np.uint8))

    def _steps(self, p: Processing) -> int:
        if not isinstance(p, Img2Img) or self._host.options.img2img_fix_steps:
            return p.steps
        return int(min(p.denoising_strength, 0.999) * p.steps) + 1

    def _stepped(self, made: int) -> Iterator[int]:
        """The denoiser is asked once for each step; it stops at the beginning of one, before it tells anybody."""
        state, host = self._host.state, self._host
        state.sampling_steps = made
        for step in range(made):
            if state.interrupted or state.skipped:
                return
            state.sampling_step = max(0, step - 1)
            state.current_latent = Image.new("RGB", (8, 8))
            if host.pressed_at == step:
                state.interrupt()
            for callback in [] if host.tells_nobody else list(host.denoiser_callbacks):
                params = SimpleNamespace(sampling_step=state.sampling_step, total_sampling_steps=made)
                host.errors.swallow("callback", callback, params)
            state.sampling_step = step
            if host.clears is not None:
                host.clears(state)
            host.steps_made += 1
            yield step

    def _repainted(self, p: Img2Img, tint: np.ndarray, share: float) -> Image.Image:
        before = np.asarray(p.init_images[0].convert("RGB"), np.float32)
        mask = np.asarray(p.mask, np.float32)[..., None] / 255
        if p.mask_round:
            mask = np.round(mask)
        after = before * (1 - share * mask) + tint * share * mask
        # Nothing comes through the autoencoder as it was.
        decoded = np.clip(after + np.where((after.astype(int) % 2) == 0, 2, -2), 0, 255)
        if self._host.options.overlay_inpaint:
            decoded = np.where(mask == 0, before, decoded)
        return Image.fromarray(decoded.astype(np.uint8))

    def _tint(self, p: Processing, words: str) -> np.ndarray:
        host = self._host
        seed = random.randrange(2**31) if p.seed == -1 else p.seed
        said = [words, p.negative_prompt, str(seed), str(p.cfg_scale), str(p.sampler_name), str(p.scheduler)]
        said += [host.sd_model.sd_checkpoint_info.name, str(host.options.CLIP_stop_at_last_layers)]
        said += [] if host.lora is None else host.lora.words()
        said += [effect.words() for effect in host.effects(p.scripts)]
        said += [str(getattr(p, "inpainting_fill", ""))]
        return np.frombuffer(hashlib.sha256("\n".join(said).encode()).digest()[:3], np.uint8).astype(np.float32)

    def _answered(self, p: Processing, images: list[Image.Image]) -> Processed:
        options = self._host.options
        is_alone = not images or (p.do_not_save_grid and not self._host.forces_grid)
        grid = [] if is_alone else [Image.new("RGB", (p.width, p.height), "magenta")]
        extra = [p.mask.convert("RGB")] if isinstance(p, Img2Img) and options.return_mask and images else []
        if not p.do_not_save_samples:
            self._host.saved += images
        return Processed([*grid, *images, *extra], index_of_first_image=len(grid))
