"""The end of a run: voting, merging, judging the merged LoRA, and writing the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

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
from easyphoto.training.selection import Selection, contact_sheet, last_of, select
from easyphoto.weights.catalog import UsedWeight

# A merge is more robust on unseen templates, so it may lose this much likeness (cosine) on the validation templates.
MERGE_MAY_LOSE = 0.01
FEWEST_VOTERS = 2


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
        elected = elect(context, learner, judge, pictures)
        chosen, state, merged, energy_lost = elected.chosen, elected.state, elected.merged, elected.energy_lost
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
    """The selected checkpoints, their merge, and its validation pictures."""

    chosen: Selection
    state: State
    energy_lost: float
    merged: tuple[Picture, ...]


def elect(context: RunContext, learner: Learner, judge: Samples | None, pictures: Sequence[Picture]) -> Elected:
    """Merge the checkpoints by votes; while the merge falls behind the best checkpoint, halve the voters, down to that
    checkpoint alone.

    If training has not converged, the last checkpoints lead and ten votes include poorer ones: on ten drawn persons the
    merge of ten votes lost 0.037 of likeness to the best checkpoint.
    """
    voters = context.run.settings.voters
    if not context.run.shows_face:
        chosen = last_of(pictures, learner.steps)
        return Elected(chosen, *_merged(context, chosen), ())
    while True:
        chosen = select(pictures, voters=voters, last_step=learner.steps)
        if voters < FEWEST_VOTERS and chosen.is_voted:
            chosen = replace(chosen, weights=((chosen.best_step, 1.0),))
        state, energy_lost = _merged(context, chosen)
        merged = _judge_merged(context, learner, judge, state=state, chosen=chosen)
        if len(chosen.weights) == 1 or (mean_score(merged) or 0.0) >= (chosen.leading or 0.0) - MERGE_MAY_LOSE:
            return Elected(chosen, state, energy_lost, merged)
        context.notes.append(
            note(
                "merge-falls-behind",
                "merging the checkpoints of {voters} test pictures gives less likeness than the best checkpoint "
                "alone: fewer are merged",
                voters=voters,
            )
        )
        voters //= 2


def _merged(context: RunContext, chosen: Selection) -> tuple[State, float]:
    files = [context.folder.checkpoint(step) for step, _ in chosen.weights]
    if len(files) == 1:
        return read_lora(files[0])[0], 0.0
    return merge_products(files, [share for _, share in chosen.weights], context.run.rank)


def _judge_merged(
    context: RunContext, learner: Learner, judge: Samples | None, *, state: State, chosen: Selection
) -> tuple[Picture, ...]:
    """Draw validation pictures with the merged weights in the live adapters; nothing without votes, because then the
    weights are the last checkpoint's, which are drawn already."""
    if judge is None or not chosen.is_voted:
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
        sheet = contact_sheet(pictures, judge, merged=merged, root=context.folder.root)
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
    )
