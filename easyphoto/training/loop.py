"""The training step, and the state that persists between steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from easyphoto.backends.prompts import encoded_tokens
from easyphoto.errors import Diverged
from easyphoto.messages import text
from easyphoto.settings.training import TrainSettings
from easyphoto.training.adapters import Adapted
from easyphoto.training.budget import MemoryPlan, OffloadedNetworks, checkpoint_networks
from easyphoto.training.data import BatchOrder, Cached

WARM_UP = 20
FINAL_SHARE = 0.1
CLIP = 1.0
BAD_STEPS = 25
FIRST_SCALE, STEPS_TO_RAISE = 2.0**16, 2000


@dataclass(frozen=True, eq=False)
class Noise:
    """The base model's noise schedule and prediction type.

    In its methods latents and noise are (N, channels, height, width), and `timesteps` are int64 (N,).
    """

    alphas: torch.Tensor
    prediction: str

    @classmethod
    def of(cls, scheduler: Any, device: str) -> Noise:
        return cls(scheduler.alphas_cumprod.float().to(device), str(scheduler.config.prediction_type))

    @property
    def timesteps(self) -> int:
        return len(self.alphas)

    def mixed(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """The noisy latents at the time steps, in the shape of `latents`."""
        alpha = self.alphas[timesteps][:, None, None, None]
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise

    def target(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """What the UNet should predict for the prediction type, in the shape of `latents`."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "sample":
            return latents
        if self.prediction == "v_prediction":
            alpha = self.alphas[timesteps][:, None, None, None]
            return alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
        raise ValueError(f"unknown prediction type {self.prediction!r}")

    def importance(self, timesteps: torch.Tensor, gamma: float) -> torch.Tensor:
        """float32 (N,): Min-SNR weights, which cap the loss of nearly clean pictures (arXiv 2303.09556).

        They are all 1 if gamma is 0.
        """
        if gamma <= 0:
            return torch.ones_like(self.alphas[timesteps])
        alpha = self.alphas[timesteps]
        ratio = alpha / (1 - alpha)
        capped = ratio.clamp(max=gamma)
        return {"epsilon": capped / ratio, "v_prediction": capped / (ratio + 1), "sample": capped}[self.prediction]


def rate(step: int, steps: int) -> float:
    """Factor on the learning rate at a step: a short linear warm-up, then cosine decay to a tenth."""
    warm_up = min(WARM_UP, max(1, steps // 10))
    if step < warm_up:
        return (step + 1) / warm_up
    along = (step - warm_up) / max(1, steps - warm_up)
    return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * along))


@dataclass
class LossScale:
    """Loss scaling, which keeps float16 gradients from underflowing; 1 and without effect for other dtypes.

    The factor is raised after good steps and lowered on overflow, with the constants of torch's GradScaler. Unlike
    that, it is saved with the run and works on every device.
    """

    factor: float = 1.0
    is_used: bool = False
    good_steps: int = 0

    @classmethod
    def of(cls, dtype: torch.dtype) -> LossScale:
        return cls(FIRST_SCALE, True) if dtype == torch.float16 else cls()

    def worked(self) -> None:
        self.good_steps += 1
        if self.is_used and self.good_steps % STEPS_TO_RAISE == 0:
            self.factor *= 2

    def lowered(self) -> bool:
        """Halve the factor; False if the scale cannot be the cause of the overflow."""
        if not self.is_used or self.factor <= 1:
            return False
        self.factor, self.good_steps = self.factor / 2, 0
        return True


class Learner:
    """The adapters, their optimizer and the training progress."""

    def __init__(
        self,
        adapted: Adapted,
        cached: Cached,
        *,
        noise: Noise,
        plan: BatchOrder,
        settings: TrainSettings,
        rates: tuple[float, float],
        device: str,
    ) -> None:
        """`rates` are the peak learning rates of the UNet's and the text encoder's adapters."""
        self.adapted, self.cached, self.noise, self.plan = adapted, cached, noise, plan
        self.settings, self.device = settings, device
        self.steps = len(plan.indices)
        self.step = 0
        self.losses: list[float] = []
        self.bad_steps = 0
        self.footing = MemoryPlan(plan.indices.shape[1], checkpointing=False)
        self.idle = OffloadedNetworks()
        self._frozen: tuple[torch.Tensor, torch.Tensor | None] | None = None
        self.scale = LossScale.of(adapted.unet.conv_in.weight.dtype)
        self._parameters = adapted.parameters()
        for name, value in self._parameters.items():
            value.grad = adapted.weights.gradients[name]
        text = [each for name, each in self._parameters.items() if name.startswith("text_encoder")]
        unet = [each for name, each in self._parameters.items() if name.startswith("unet.")]
        self._rates = rates[: 2 if text else 1]
        self.optimizer = torch.optim.AdamW([{"params": group} for group in (unet, text) if group], foreach=True)

    @property
    def is_done(self) -> bool:
        return self.step >= self.steps

    @property
    def learning_rate(self) -> float:
        return self._rates[0] * rate(min(self.step, self.steps - 1), self.steps)

    def stand_on(self, footing: MemoryPlan) -> None:
        """Run the following steps by another memory plan; the steps' results stay the same."""
        self.footing = footing
        if footing.checkpointing:
            checkpoint_networks(self.adapted)
        if footing.offload:
            if not self.adapted.text_learns:
                self._frozen_words()
            self.idle.send_away()

    def advance(self) -> float:
        """Run one step and return its loss. Raises Diverged after BAD_STEPS steps with non-finite values."""
        loss = self.gradients()
        self.update(loss)
        return loss

    def gradients(self) -> float:
        """Compute the current step's gradients, part by part of the batch, and return its loss.

        Gradients of an earlier attempt are dropped, so that a step that ran out of memory can be repeated.
        """
        self.adapted.weights.clear()
        value = 0.0
        for part in self.parts():
            loss = self.loss(part)
            (loss * self.scale.factor if self.scale.is_used else loss).backward()
            self.adapted.weights.gather()
            value += float(loss.detach())
        if self.scale.factor != 1.0:
            torch._foreach_mul_(list(self.adapted.weights.grads.values()), 1 / self.scale.factor)
        return value

    def update(self, loss: float) -> None:
        """Update the adapters by the gradients, and advance to the next step. Raises Diverged."""
        for group, base in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = base * rate(self.step, self.steps)
        norm = torch.nn.utils.clip_grad_norm_(list(self._parameters.values()), CLIP)
        if math.isfinite(loss) and bool(torch.isfinite(norm)):
            self.optimizer.step()
            self.adapted.weights.refresh()
            self.scale.worked()
        elif not (math.isfinite(loss) and self.scale.lowered()):
            self._skip()
        self.step += 1
        self.losses.append(loss)

    def parts(self) -> tuple[slice, ...]:
        """The slices of a batch that pass through the networks one at a time."""
        batch, count = self.plan.indices.shape[1], self.footing.at_a_time
        return tuple(slice(start, start + count) for start in range(0, batch, count))

    def _skip(self) -> None:
        self.bad_steps += 1
        if self.bad_steps >= BAD_STEPS:
            raise Diverged(
                text("The loss was not a number in {bad_steps} steps.", bad_steps=self.bad_steps),
                advice=text("Lower the learning rate; if that does not help, the base model may be damaged."),
            )

    def loss(self, part: slice = slice(None)) -> torch.Tensor:
        """The share of the current step's loss from part of its batch, a float32 scalar; deterministic per step."""
        whole = self.plan.indices[self.step]
        draw = torch.Generator().manual_seed(int(self.plan.noise_seeds[self.step]))
        # Drawn for the whole batch, so that a picture's noise does not depend on how the batch is split.
        shape = (len(whole), *self.cached.mean.shape[1:])
        indices, timesteps = whole[part], self.plan.timesteps[self.step][part].to(self.device)
        rows = indices.to(self.device)
        latents = self.cached.mean[rows]
        if self.cached.deviation is not None:
            latents = latents + self.cached.deviation[rows] * torch.randn(shape, generator=draw)[part].to(self.device)
        noise = torch.randn(shape, generator=draw)[part].to(self.device)
        words, added = self._words(indices)
        noisy = self.noise.mixed(latents, noise, timesteps).to(words.dtype)
        guess = self.adapted.unet(
            noisy, timesteps, encoder_hidden_states=words, added_cond_kwargs=added, return_dict=False
        )[0]
        error = (guess.float() - self.noise.target(latents, noise, timesteps)) ** 2
        each = (error * self.cached.weights[rows]).mean(dim=(1, 2, 3))
        mean = (each * self.noise.importance(timesteps, self.settings.min_snr_gamma)).mean()
        return mean * (len(indices) / len(whole))

    def _words(self, indices: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor] | None]:
        """The pictures' hidden states and extra UNet inputs; each distinct caption is encoded once."""
        distinct, place = torch.unique(self.cached.captions[indices], return_inverse=True)
        place = place.to(self.device)
        states, pooled = self._encoded(distinct.to(self.device))
        if pooled is None or self.cached.times is None:
            return states[place], None
        return states[place], {"text_embeds": pooled[place], "time_ids": self.cached.times[indices.to(self.device)]}

    def _encoded(self, captions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.adapted.text_learns:
            tokens = [each[captions] for each in self.cached.tokens]
            return encoded_tokens(self.adapted.said, self.adapted.text_encoders, tokens)
        states, pooled = self._frozen_words()
        return states[captions], None if pooled is None else pooled[captions]

    def _frozen_words(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """All captions encoded by frozen text encoders, once for the whole run."""
        if self._frozen is None:
            with torch.no_grad():
                self._frozen = encoded_tokens(self.adapted.said, self.adapted.text_encoders, self.cached.tokens)
        return self._frozen

    def state(self) -> dict[str, torch.Tensor]:
        """Everything a later process needs to resume bit for bit, by name.

        These are the adapters, the optimizer, the losses (float64), the loss scale and the random state.
        """
        found: dict[str, torch.Tensor] = {"step": torch.tensor(self.step), "bad_steps": torch.tensor(self.bad_steps)}
        found["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        found["scale"] = torch.tensor([self.scale.factor, self.scale.good_steps], dtype=torch.float64)
        # The steps have generators of their own; this one is saved for a base model with dropout.
        found["random"] = torch.get_rng_state()
        for name, parameter in self._parameters.items():
            found[f"value.{name}"] = parameter.detach()
            for key, value in self.optimizer.state.get(parameter, {}).items():
                found[f"{key}.{name}"] = torch.as_tensor(value)
        return found

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load a state that `state` returned."""
        self.step, self.bad_steps = int(state["step"]), int(state["bad_steps"])
        self.losses = state["losses"].tolist()
        if "scale" in state:
            self.scale.factor, self.scale.good_steps = float(state["scale"][0]), int(state["scale"][1])
        torch.set_rng_state(state["random"])
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(state[f"value.{name}"])
                if f"exp_avg.{name}" in state:
                    keys = ("step", "exp_avg", "exp_avg_sq")
                    self.optimizer.state[parameter] = {key: self._placed(key, state[f"{key}.{name}"]) for key in keys}
        self.adapted.weights.refresh()

    def _placed(self, key: str, value: torch.Tensor) -> torch.Tensor:
        # AdamW keeps its step count on the CPU, whatever the device.
        return value.clone() if key == "step" else value.to(self.device).clone()
