"""Running steps so that they fit the memory: the plan before the first one, and a smaller one where memory runs out.

Every rank of a training passes through here at the same steps, and all of them go by the same rung of their plans: each
waits for the slowest in any case.
"""

from __future__ import annotations

from typing import Any

from easyphoto.backends.memory import clear_memory
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import text
from easyphoto.training.budget import MemoryPlan, memory_plans, plan_training
from easyphoto.training.capture import NotCaptured, recorder_for
from easyphoto.training.context import RunContext
from easyphoto.training.loop import Learner
from easyphoto.training.ranks import StepOutcome


def plan_steps(context: RunContext, learner: Learner, components: Any) -> None:
    """Have the learner stand on the first memory plan that fits every rank, and say it. Raises OutOfMemory."""
    footing, plan = plan_training(
        learner.adapted,
        components,
        context.run.settings,
        device=learner.device,
        idle=learner.idle,
        ranks=learner.ranks,
    )
    context.plan = plan.text
    context.emit(plan)
    learner.stand_on(footing)


def capture_steps(context: RunContext, learner: Learner) -> None:
    """Have the steps captured, where the device can and the settings allow it; say it where they are not."""

    def say(reason: str) -> None:
        context.note(
            "graph-off", text("the steps run without a CUDA graph, which takes longer: {reason}", reason=reason)
        )

    learner.on_plain = say
    if context.run.settings.cuda_graph == "off":
        return
    try:
        learner.recorder = recorder_for(learner.device)
    except NotCaptured as refused:
        say(refused.reason)


def advance(context: RunContext, learner: Learner) -> None:
    """Run one step; where memory runs out in any rank, repeat it in all, on the same pictures, by a smaller plan.

    Raises what computing raises, where no plan is smaller, and RankLost.
    """
    plans = _plans(context, learner)
    while True:
        agreed = learner.ranks.agreed(_attempted(learner, plans))
        if agreed.is_plain and learner.recorder is not None:
            learner.launch_plainly(text("another device of the training cannot capture them"))
        if not agreed.is_short:
            break
        # Outside the handler, because the error keeps the attempt's tensors alive.
        clear_memory(learner.device)
        learner.stand_on(_on_rung(plans, agreed.rung))
        how = learner.footing.words(context.run.settings.batch, learner.ranks.count)
        context.note(
            "oom-retry", text("memory ran out in step {step}; from there: {how}", step=learner.step + 1, how=how)
        )
    learner.update()


def _attempted(learner: Learner, plans: tuple[MemoryPlan, ...]) -> StepOutcome:
    rung = plans.index(learner.footing)
    try:
        learner.gradients()
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error) or rung + 1 == len(plans):
            raise
        return StepOutcome(rung + 1, is_short=True)
    return StepOutcome(rung, is_plain=learner.recorder is None)


def _plans(context: RunContext, learner: Learner) -> tuple[MemoryPlan, ...]:
    share = learner.ranks.share(learner.plan.indices.shape[1])
    return memory_plans(context.run.settings, share.stop - share.start, can_offload=learner.idle.bytes > 0)


def _on_rung(plans: tuple[MemoryPlan, ...], rung: int) -> MemoryPlan:
    """A plan counted from the first; the last one where a smaller share has fewer."""
    return plans[min(rung, len(plans) - 1)]
