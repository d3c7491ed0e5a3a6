"""The course of a training: one step after another, and the state that persists between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from easyphoto.backends.graphs import Recorder
from easyphoto.errors import Diverged
from easyphoto.messages import text
from easyphoto.settings.training import TrainSettings
from easyphoto.training.adapters import Adapted
from easyphoto.training.arithmetic import RepeatableWork
from easyphoto.training.budget import MemoryPlan, OffloadedNetworks, checkpoint_networks
from easyphoto.training.capture import CapturedWork, NotCaptured
from easyphoto.training.data import BatchOrder, Cached
from easyphoto.training.noise import Noise
from easyphoto.training.ranks import Ranks, SingleRank
from easyphoto.training.step import StepDraws, StepInputs, StepLoss
from easyphoto.training.update import LossScale, Update, rate

BAD_STEPS = 25
UNET = "unet"
MOMENTS = ("exp_avg", "exp_avg_sq")


class Learner:
    """The adapters, their optimizer and the training progress.

    A step reads nothing from the device, so the host runs ahead of it. `losses`, `skipped` and `bad_steps` are up to
    date after `read`, which waits for the device.
    """

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
        self.skipped: list[int] = []
        """The numbers of the steps, from 1, that this process has left out."""
        self.bad_steps = 0
        self.footing = MemoryPlan(plan.indices.shape[1], checkpointing=False)
        self.idle = OffloadedNetworks()
        self.ranks: Ranks = SingleRank()
        """The processes that compute the steps together."""
        self.recorder: Recorder | None = None
        """Captures the steps; None: they are launched kernel by kernel."""
        self.on_plain: Callable[[str], None] = lambda reason: None
        """Told why the steps cannot be captured."""
        self.scale = LossScale.of(adapted.unet.conv_in.weight.dtype, device)
        inputs = StepInputs.of(cached, plan.indices.shape[1])
        self._draws = StepDraws(plan, inputs)
        self._loss = StepLoss(adapted, cached, noise, inputs, gamma=settings.min_snr_gamma)
        self._rates = {name: rates[0] if name == UNET else rates[1] for name in adapted.weights.flat}
        self._update = Update(adapted.weights.flat, adapted.weights.grads, self._rates)
        self._text_steps = round(settings.text_encoder_share * self.steps) if adapted.text_learns else 0
        self._captured: CapturedWork | None = None
        self._repeatable = RepeatableWork()
        self._value = torch.zeros((), device=device)
        self._outcomes = torch.zeros(self.steps, 2, device=device)
        """float32 (steps, 2): each step's loss, and 1 if it was left out."""

    @property
    def is_done(self) -> bool:
        return self.step >= self.steps

    @property
    def learning_rate(self) -> float:
        return self._rates[UNET] * rate(min(self.step, self.steps - 1), self.steps)

    @property
    def text_learns(self) -> bool:
        """Whether the text encoders learn in the current step."""
        return self.step < self._text_steps

    @property
    def is_captured(self) -> bool:
        return self._captured is not None

    def stand_on(self, footing: MemoryPlan) -> None:
        """Run the following steps by another memory plan; the steps' results stay the same."""
        self.footing, self._captured = footing, None
        if footing.checkpointing:
            checkpoint_networks(self.adapted)
        if footing.offload:
            if not self.text_learns:
                self._freeze_words()
            self.idle.send_away()

    def make_room(self) -> None:
        """Free the captured step's memory where other work could need it; the next step is then captured anew."""
        if self._captured is not None and (self.is_done or self._captured.is_crowding):
            self._captured = None

    def advance(self) -> None:
        """Run one step."""
        self.gradients()
        self.update()

    def gradients(self) -> None:
        """Compute this rank's share of the current step's loss and gradients.

        Gradients of an earlier attempt are dropped, so that a step that ran out of memory can be repeated.
        """
        if not self.text_learns:
            self._freeze_words()
        self._draws.fill(self.step)
        self._work()()

    def _freeze_words(self) -> None:
        """From now on leave the text encoders as they are, and encode their words only once."""
        if self._loss.is_frozen:
            return
        self._loss.freeze_words()
        self._update.stop([name for name in self._rates if name != UNET])
        self._captured = None

    def _work(self) -> Callable[[], None]:
        """What computes the gradients: the captured step where there is one, or can be."""
        if self._captured is not None and not self._captured.is_current:
            self._captured = None
        # Recomputing activations asks for the random state, which a capture forbids; and it says that memory is short.
        if self._captured is None and self.recorder is not None and not self.footing.checkpointing:
            # Before, because a graph keeps the memory of its activations.
            self._update.allocate()
            try:
                self._captured = CapturedWork(
                    self._compute,
                    self.recorder,
                    results=self._results(),
                    fixed=self._networks_tensors(),
                    device=self.device,
                )
            except NotCaptured as refused:
                self.launch_plainly(refused.reason)
        return self._captured or self._compute

    def launch_plainly(self, reason: str) -> None:
        """From now on capture no step."""
        self.recorder = self._captured = None
        self.on_plain(reason)

    def _compute(self) -> None:
        """This rank's share of the current step's loss and gradients, from the inputs alone."""
        self._repeatable(self._backward)

    def _backward(self) -> None:
        """The same, part by part of its share of the batch."""
        weights = self.adapted.weights
        weights.clear()
        self._value.zero_()
        for part in self.parts():
            loss = self.loss(part)
            (loss * self.scale.factor if self.scale.is_used else loss).backward()
            weights.gather()
            self._value.add_(loss.detach())

    def update(self) -> None:
        """Update the adapters by all ranks' gradients, unless something is not finite, and advance to the next step."""
        self.ranks.add_up([self._value, *(self.adapted.weights.grads[name] for name in self._update.learning)])
        is_bad = self._update(rate(self.step, self.steps), self._value, self.scale)
        self.adapted.weights.refresh(self._update.learning)
        self._outcomes[self.step, 0] = self._value
        self._outcomes[self.step, 1] = is_bad
        self.step += 1

    def parts(self) -> tuple[slice, ...]:
        """The slices of a batch that pass through this rank's networks one at a time."""
        share, count = self.ranks.share(self.plan.indices.shape[1]), self.footing.at_a_time
        starts = range(share.start, share.stop, count)
        return tuple(slice(start, min(start + count, share.stop)) for start in starts)

    def loss(self, part: slice = slice(None)) -> torch.Tensor:
        """The share of the current step's loss from part of its batch, a float32 scalar."""
        return self._loss(part)

    def read(self) -> None:
        """Wait for the device, and learn what became of the steps so far."""
        outcomes = self._outcomes[len(self.losses) : self.step].tolist()
        for number, (loss, is_bad) in enumerate(outcomes, len(self.losses) + 1):
            self.losses.append(loss)
            if is_bad:
                self.skipped.append(number)
                self.bad_steps += 1

    def stop_if_diverged(self) -> None:
        """Raises Diverged if BAD_STEPS steps have been left out."""
        if self.bad_steps >= BAD_STEPS:
            raise Diverged(
                text("The loss was not a number in {bad_steps} steps.", bad_steps=self.bad_steps),
                advice=text("Lower the learning rate; if that does not help, the base model may be damaged."),
            )

    def state(self) -> dict[str, torch.Tensor]:
        """Everything a later process needs to resume bit for bit, by name.

        These are the adapters, the optimizer, the losses (float64), the loss scale and the random state.
        """
        self.read()
        found: dict[str, torch.Tensor] = {"step": torch.tensor(self.step), "bad_steps": torch.tensor(self.bad_steps)}
        found["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        found["scale"] = self.scale.state()
        # The steps have generators of their own; this one is saved for a base model with dropout.
        found["random"] = torch.get_rng_state()
        weights = self.adapted.weights
        found |= {f"value.{name}": value.detach() for name, value in weights.values.items()}
        for network, moments in self._update.moments().items():
            for key in MOMENTS:
                found |= {f"{key}.{name}": view for name, view in weights.views(network, moments[key]).items()}
            found |= {f"step.{name}": moments["step"] for name in weights.views(network, weights.flat[network])}
        return found

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load a state that `state` returned."""
        self.step, self.bad_steps = int(state["step"]), int(state["bad_steps"])
        self.losses = state["losses"].tolist()
        if "scale" in state:
            self.scale.restore(state["scale"])
        torch.set_rng_state(state["random"])
        weights = self.adapted.weights
        for network, flat in weights.flat.items():
            for name, value in weights.views(network, flat).items():
                value.copy_(state[f"value.{name}"])
            self._restore_moments(network, state)
        weights.refresh()

    def _restore_moments(self, network: str, state: Mapping[str, torch.Tensor]) -> None:
        weights = self.adapted.weights
        names = [name for name in weights.views(network, weights.flat[network]) if f"exp_avg.{name}" in state]
        if not names:
            return
        moments = {key: torch.zeros_like(weights.flat[network]) for key in MOMENTS}
        for key, flat in moments.items():
            views = weights.views(network, flat)
            for name in names:
                views[name].copy_(state[f"{key}.{name}"])
        self._update.restore(network, {**moments, "step": state[f"step.{names[0]}"]})

    def _results(self) -> list[torch.Tensor]:
        return [self._value, *self.adapted.weights.grads.values()]

    def _networks_tensors(self) -> list[torch.Tensor]:
        networks = (self.adapted.unet, *(self.adapted.text_encoders if self.text_learns else ()))
        return [each for network in networks for each in network.parameters()]
