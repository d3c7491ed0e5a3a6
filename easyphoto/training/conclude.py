"""The end of a run: voting, merging, judging the merged LoRA, and writing the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch

from easyphoto.images.pictures import write_picture
from easyphoto.messages import note
from easyphoto.storage.files import write_bytes
from easyphoto.storage.records import write_json
from easyphoto.training.context import RunContext
from easyphoto.training.events import Done, to_line
from easyphoto.training.loop import Learner
from easyphoto.training.lora import (
    LoraFacts,
    State,
    load_into_adapters,
    lora_metadata,
    merge_products,
    read_lora,
    write_lora,
)
from easyphoto.training.pictures import Picture, mean_score, record_of
from easyphoto.training.run import TrainRun
from easyphoto.training.samples import Samples
from easyphoto.training.selection import MERGE_MAY_LOSE, Selection, alone, contact_sheet, elect, last_of
from easyphoto.weights.catalog import UsedWeight


def conclude(
    context: RunContext,
    learner: Learner,
    judge: Samples | None,
    pictures: Sequence[Picture],
    *,
    used: Sequence[UsedWeight] = (),
) -> Done:
    """Select and merge the checkpoints, judge the result, and write the LoRA and the run's curves and pictures."""
    with context.phase("select"):
        found = elected(context, learner, judge, pictures)
        chosen, state, merged, energy_lost = found.chosen, found.state, found.merged, found.energy_lost
        context.notes += chosen.notes
    with context.phase("save"):
        facts = facts_of(context.run, learner, merge=chosen.weights)
        target = context.folder.path(context.run.output)
        digest = write_lora(target, state, lora_metadata(facts))
        _keep_evidence(context, learner, judge, pictures, chosen=chosen, merged=merged, energy_lost=energy_lost)
    done = Done(
        path=str(target),
        sha256=digest,
        portrait=str(context.folder.portrait) if chosen.portrait else None,
        best_step=chosen.best_step,
        best=chosen.best,
        merged=mean_score(merged) if chosen.is_voted else None,
        last=chosen.last,
        weights={str(step): share for step, share in chosen.weights},
        energy_lost=energy_lost,
        embedder=judge.embedder if judge else None,
        notes=tuple(context.notes),
        seconds={name: round(seconds, 3) for name, seconds in context.seconds.items()},
        plan=context.plan,
        used=tuple(asdict(each) for each in used),
    )
    write_bytes(context.folder.outcome, (to_line(done) + "\n").encode())
    return done


@dataclass(frozen=True, eq=False)
class Elected:
    """The selected checkpoints, their merge, and its validation pictures: of one checkpoint those that it has."""

    chosen: Selection
    state: State
    energy_lost: float
    merged: tuple[Picture, ...]


def elected(context: RunContext, learner: Learner, judge: Samples | None, pictures: Sequence[Picture]) -> Elected:
    """Merge the elected checkpoints, and take the best one alone if the merge's own test pictures fall behind it."""
    if not context.run.shows_face:
        return _single(context, last_of(pictures, learner.steps), ())
    chosen = elect(pictures, voters=context.run.settings.voters, last_step=learner.steps)
    if len(chosen.weights) == 1:
        return _single(context, chosen, pictures)
    state, energy_lost = _merged(context, chosen)
    merged = _judge_merged(context, learner, judge, state=state)
    if (mean_score(merged) or 0.0) >= (chosen.leading or 0.0) - MERGE_MAY_LOSE:
        return Elected(chosen, state, energy_lost, merged)
    context.notes.append(
        note(
            "merge-falls-behind",
            "The merged checkpoints give less likeness than the best checkpoint alone: that one is taken.",
        )
    )
    return _single(context, alone(chosen), pictures)


def _single(context: RunContext, chosen: Selection, pictures: Sequence[Picture]) -> Elected:
    ((step, _),) = chosen.weights
    own = tuple(each for each in pictures if each.step == step) if chosen.is_voted else ()
    return Elected(chosen, read_lora(context.folder.checkpoint(step))[0], 0.0, own)


def _merged(context: RunContext, chosen: Selection) -> tuple[State, float]:
    files = [context.folder.checkpoint(step) for step, _ in chosen.weights]
    return merge_products(files, [share for _, share in chosen.weights], context.run.rank)


def _judge_merged(context: RunContext, learner: Learner, judge: Samples | None, *, state: State) -> tuple[Picture, ...]:
    """Draw validation pictures with the merged weights in the live adapters."""
    if judge is None:
        return ()
    load_into_adapters(state, learner.adapted)
    with torch.random.fork_rng(devices=[]):
        return judge.draw(learner.steps, "merged", context.progress)


def _keep_evidence(
    context: RunContext,
    learner: Learner,
    judge: Samples | None,
    pictures: Sequence[Picture],
    *,
    chosen: Selection,
    merged: Sequence[Picture],
    energy_lost: float,
) -> None:
    write_json(
        context.folder.curves,
        {
            "losses": [loss if loss == loss else None for loss in learner.losses],
            "likeness": record_of(pictures),
            "embedder": judge.embedder if judge else None,
            "merge": {str(step): share for step, share in chosen.weights},
            "energy_lost": energy_lost,
            "merged": mean_score(merged),
            "merged_scores": [picture.score for picture in merged],
        },
    )
    if judge is not None:
        drawn = merged if len(chosen.weights) > 1 else ()
        sheet = contact_sheet(pictures, judge, merged=drawn, root=context.folder.root)
        write_picture(context.folder.sheet, sheet)
    if chosen.portrait is not None:
        write_bytes(context.folder.portrait, (context.folder.root / chosen.portrait.path).read_bytes())


def facts_of(run: TrainRun, learner: Learner, *, merge: tuple[tuple[int, float], ...] = ()) -> LoraFacts:
    """The LoRA metadata of the current step, or of the finished run if `merge` is given."""
    family, settings = run.kind, run.settings
    return LoraFacts(
        name=run.person,
        trigger=run.trigger,
        base_version=family.kohya_version,
        architecture=family.architecture,
        base_name=family.id,
        resolution=family.resolution,
        rank=run.rank,
        alpha=run.alpha,
        photos=learner.cached.photos,
        steps=learner.steps if merge else learner.step,
        batch=settings.batch,
        unet_lr=run.rates[0],
        text_lr=run.rates[1],
        seed=settings.seed,
        min_snr_gamma=settings.min_snr_gamma,
        prediction_type=learner.noise.prediction,
        merge=merge,
        concept=run.concept,
        base_weights=run.base_weights,
    )
