"""Updating the adapters by their gradients: the learning rate's course, clipping, AdamW, and steps that are left out.

Nothing here reads from the device. Whether a step is left out, because its loss or gradients are not finite, is a
tensor that AdamW's kernel takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

WARM_UP = 20
FINAL_SHARE = 0.1
CLIP = 1.0
FIRST_SCALE, STEPS_TO_RAISE = 2.0**16, 2000
# What torch's own clipping adds to the length of the gradients.
CLIP_MARGIN = 1e-6
# On a CPU torch's norm of 75 million values in a row is 0.7 % too short, of a million 0.002 %.
PIECE = 1 << 20


def rate(step: int, steps: int) -> float:
    """Factor on the learning rate at a step: a short linear warm-up, then cosine decay to a tenth."""
    warm_up = min(WARM_UP, max(1, steps // 10))
    if step < warm_up:
        return (step + 1) / warm_up
    along = (step - warm_up) / max(1, steps - warm_up)
    return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * along))


@dataclass(eq=False)
class LossScale:
    """Loss scaling, which keeps float16 gradients from underflowing; 1 and without effect for other dtypes.

    The factor is raised after good steps and lowered on overflow, with the constants of torch's GradScaler. Unlike
    that, it is saved with the run, and works on every device.
    """

    factor: torch.Tensor
    """float32, a scalar on the device."""
    good_steps: torch.Tensor
    """int64, a scalar on the device: since the last overflow."""
    is_used: bool

    @classmethod
    def of(cls, dtype: torch.dtype, device: torch.device | str) -> LossScale:
        is_used = dtype == torch.float16
        return cls(
            torch.full((), FIRST_SCALE if is_used else 1.0, device=device),
            torch.zeros((), dtype=torch.int64, device=device),
            is_used,
        )

    def judge(self, loss: torch.Tensor, is_bad: torch.Tensor) -> torch.Tensor:
        """Adapt the factor after a step; returns whether a bad step was bad for another reason than an overflow.

        `is_bad` says whether its loss or gradients are not finite; both are bool scalars.
        """
        if not self.is_used:
            return is_bad
        # A factor of 1 cannot be the cause of an overflow, and no factor that of a loss that is not finite.
        overflowed = is_bad & torch.isfinite(loss) & (self.factor > 1)
        good = torch.where(overflowed, 0, self.good_steps + (~is_bad).long())
        is_raised = ~is_bad & (good % STEPS_TO_RAISE == 0)
        self.factor.mul_(torch.where(overflowed, 0.5, torch.where(is_raised, 2.0, 1.0)))
        self.good_steps.copy_(good)
        return is_bad & ~overflowed

    def state(self) -> torch.Tensor:
        """float64 (2,): the factor and the good steps."""
        return torch.stack([self.factor.double(), self.good_steps.double()]).cpu()

    def restore(self, state: torch.Tensor) -> None:
        self.factor.copy_(state[0])
        self.good_steps.copy_(state[1])


def has_fused_adamw(device: torch.device) -> bool:
    """Whether torch has one kernel for the whole of AdamW on the device; before 2.4 a CPU has none, and 2.1 says so at
    the first step."""
    value = torch.zeros(1, device=device, requires_grad=True)
    value.grad = torch.zeros_like(value)
    try:
        torch.optim.AdamW([value], fused=True).step()
    except RuntimeError:
        return False
    return True


class Update:
    """AdamW over the networks' flat values, with gradients clipped to a common length of CLIP."""

    def __init__(
        self, values: Mapping[str, torch.Tensor], gradients: Mapping[str, torch.Tensor], rates: Mapping[str, float]
    ) -> None:
        """Each is by network: values and gradients float32 (n,), and the peak learning rate."""
        self._values, self._rates = values, rates
        groups = [{"params": [value]} for value in values.values()]
        for name, value in values.items():
            value.grad = gradients[name]
        self.is_fused = has_fused_adamw(next(iter(values.values())).device)
        kernel = {"fused": True} if self.is_fused else {"foreach": True}
        self.optimizer = torch.optim.AdamW(groups, **kernel)

    @property
    def learning(self) -> tuple[str, ...]:
        """The networks that are still updated."""
        return tuple(name for name, value in self._values.items() if value.grad is not None)

    def allocate(self) -> None:
        """Take the memory of AdamW's means, which it otherwise takes at its first step."""
        for name in self.learning:
            value = self._values[name]
            if value not in self.optimizer.state:
                means = {key: torch.zeros_like(value) for key in ("exp_avg", "exp_avg_sq")}
                self.restore(name, {**means, "step": torch.zeros(())})

    def stop(self, networks: Sequence[str]) -> None:
        """Leave these networks as they are from now on."""
        for name in networks:
            self._values[name].grad = None

    @torch.no_grad()
    def __call__(self, share: float, loss: torch.Tensor, scale: LossScale) -> torch.Tensor:
        """Make one step at a share of the peak learning rates, unless it is bad; returns whether it was, a bool scalar.

        The gradients are those of `loss` times the scale's factor.
        """
        found = [each.grad for each in self._values.values() if each.grad is not None]
        pieces = [piece for each in found for piece in each.split(PIECE)]
        length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(pieces)))
        is_bad = ~torch.isfinite(length + loss)
        divisor = ((length / scale.factor + CLIP_MARGIN) / CLIP).clamp(min=1) * scale.factor
        for group, name in zip(self.optimizer.param_groups, self._values, strict=True):
            group["lr"] = self._rates[name] * share
        if self.is_fused:
            # As torch's GradScaler does: the kernel divides the gradients, and writes nothing if a bad one was found.
            self.optimizer.grad_scale, self.optimizer.found_inf = divisor, is_bad.float()
            self.optimizer.step()
        elif not is_bad:
            torch._foreach_div_(found, divisor)
            self.optimizer.step()
        return scale.judge(loss, is_bad)

    def moments(self) -> dict[str, dict[str, torch.Tensor]]:
        """By network that was updated: AdamW's running means "exp_avg" and "exp_avg_sq", (n,), and its count "step"."""
        found = {name: self.optimizer.state.get(value, {}) for name, value in self._values.items()}
        return {name: dict(state) for name, state in found.items() if state}

    def restore(self, network: str, moments: Mapping[str, torch.Tensor]) -> None:
        """Take over what `moments` said of a network."""
        value = self._values[network]
        # The fused kernel wants its count on the device, the other one on the CPU.
        count = moments["step"].to(value.device if self.is_fused else "cpu", torch.float32, copy=True)
        self.optimizer.state[value] = {**moments, "step": count}
