"""The computation of one step, on tensors that stay where they are.

Everything that differs between steps (which photos, how much noise, which noise) is written into `StepInputs` before,
and nothing is read back to the host. A device can therefore record a step once and repeat it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from easyphoto.backends.prompts import encoded_tokens
from easyphoto.training.adapters import Adapted
from easyphoto.training.data import BatchOrder, Cached
from easyphoto.training.noise import Noise

Words = tuple[torch.Tensor, torch.Tensor | None]
"""Hidden states (captions, tokens, width), and pooled embeddings (captions, width) for a family that has them."""


@dataclass(frozen=True, eq=False)
class StepInputs:
    """The draws of one step, on the device."""

    rows: torch.Tensor
    """int64 (batch,): rows of the cache; `timesteps` has the same shape."""
    timesteps: torch.Tensor
    spread: torch.Tensor | None
    """float32 (batch, channels, height, width): where the latents lie in the autoencoder's distribution; None if it
    has no noise."""
    noise: torch.Tensor
    """float32, in the shape of `spread`."""

    @classmethod
    def of(cls, cached: Cached, batch: int) -> StepInputs:
        shape, device = (batch, *cached.mean.shape[1:]), cached.mean.device
        rows, timesteps = (torch.zeros(batch, dtype=torch.int64, device=device) for _ in range(2))
        spread = None if cached.deviation is None else torch.zeros(shape, device=device)
        return cls(rows, timesteps, spread, torch.zeros(shape, device=device))


class StepDraws:
    """Fills the inputs of any step of a run: the same values at every call, and on every device of the same kind."""

    def __init__(self, plan: BatchOrder, inputs: StepInputs) -> None:
        device = inputs.rows.device
        self._inputs = inputs
        self._rows, self._timesteps = plan.indices.to(device), plan.timesteps.to(device)
        self._seeds: list[int] = plan.noise_seeds.tolist()
        # On the device, so that nothing waits for a copy: a CPU's generator gives other noise for the same seed.
        self._draw = torch.Generator(device)

    def fill(self, step: int) -> None:
        self._inputs.rows.copy_(self._rows[step])
        self._inputs.timesteps.copy_(self._timesteps[step])
        self._draw.manual_seed(self._seeds[step])
        for buffer in (self._inputs.spread, self._inputs.noise):
            if buffer is not None:
                torch.randn(buffer.shape, generator=self._draw, out=buffer)


class StepLoss:
    """The loss of the pictures in the inputs."""

    def __init__(self, adapted: Adapted, cached: Cached, noise: Noise, inputs: StepInputs, *, gamma: float) -> None:
        """`gamma` is Min-SNR's."""
        device = cached.mean.device
        self.inputs = inputs
        self._adapted, self._cached, self._noise = adapted, cached, noise
        self._captions = cached.captions.to(device)
        self._importance = noise.importance(torch.arange(noise.timesteps, device=device), gamma)
        self._frozen: Words | None = None

    @property
    def is_frozen(self) -> bool:
        """Whether the words are encoded already."""
        return self._frozen is not None

    def freeze_words(self) -> None:
        """Encode every caption once, by the text encoders as they are now, for all steps to come."""
        with torch.no_grad():
            self._frozen = encoded_tokens(self._adapted.said, self._adapted.text_encoders, self._cached.tokens)

    def __call__(self, part: slice = slice(None)) -> torch.Tensor:
        """The share of the step's loss that part of its batch has, a float32 scalar."""
        rows, timesteps, noise = self.inputs.rows[part], self.inputs.timesteps[part], self.inputs.noise[part]
        latents = self._cached.mean[rows]
        if self._cached.deviation is not None and self.inputs.spread is not None:
            latents = latents + self._cached.deviation[rows] * self.inputs.spread[part]
        words, added = self._words(rows)
        guess = self._adapted.guess(self._noise.mixed(latents, noise, timesteps), timesteps, words, added)
        error = (guess.float() - self._noise.target(latents, noise, timesteps)) ** 2
        each = (error * self._cached.weights[rows]).mean(dim=(1, 2, 3))
        return (each * self._importance[timesteps]).sum() / len(self.inputs.rows)

    def _words(self, rows: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor] | None]:
        """The pictures' hidden states and extra UNet inputs."""
        states, pooled = self._said(rows)
        if pooled is None or self._cached.times is None:
            return states, None
        return states, {"text_embeds": pooled, "time_ids": self._cached.times[rows]}

    def _said(self, rows: torch.Tensor) -> Words:
        """The words of each row.

        How many captions are encoded depends on the number of rows alone: all there are, or each row's own if those are
        fewer.
        """
        captions = self._captions[rows]
        if self._frozen is not None:
            return _taken(self._frozen, captions)
        said, encoders, tokens = self._adapted.said, self._adapted.text_encoders, self._cached.tokens
        if len(tokens[0]) > len(rows):
            return encoded_tokens(said, encoders, [each[captions] for each in tokens])
        return _taken(encoded_tokens(said, encoders, tokens), captions)


def _taken(words: Words, captions: torch.Tensor) -> Words:
    states, pooled = words
    if len(states) == 1:
        # A copy for each row: in the backward pass this is a plain sum.
        return states.repeat(len(captions), 1, 1), None if pooled is None else pooled.repeat(len(captions), 1)
    return states[captions], None if pooled is None else pooled[captions]
