"""The election by which version 0.12 made a person's LoRA: test pictures vote, and their checkpoints are merged.

The training takes its last checkpoint instead; the trial compares both, so the rule is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from easyphoto.progress import Progress
from easyphoto.training.loop import Learner
from easyphoto.training.lora import State, read_lora
from easyphoto.training.pictures import Picture, latest_best, mean_score, step_means
from easyphoto.training.run import RunFolder
from easyphoto.training.samples import Samples
from election.merging import load_into_adapters, merge_products

VOTERS, FEWEST_VOTERS = 10, 2
MAY_LOSE = 0.01
"""Cosine by which a merge may fall behind the best checkpoint on the test pictures."""
Shares = Mapping[int, float]


def votes(judged: Sequence[Picture], voters: int = VOTERS, *, by_gain: bool = True) -> Shares:
    """Shares by the best pictures: by the gain over the mean of their template, or by the bare score.

    By the bare score, one favourable template gets all the votes for its checkpoints, good and bad. A later checkpoint
    wins a draw.
    """
    usual: dict[int, float] = {}
    if by_gain:
        columns = {picture.template for picture in judged}
        usual = {one: mean_score([each for each in judged if each.template == one]) or 0.0 for one in columns}
    gains = {picture: (picture.score or 0.0) - usual.get(picture.template, 0.0) for picture in judged}
    ranked = sorted(judged, key=lambda picture: (-gains[picture], -picture.step, picture.template))
    chosen = [picture.step for picture in ranked[:voters]]
    return {step: chosen.count(step) / len(chosen) for step in sorted(set(chosen))}


def elected(judged: Sequence[Picture]) -> Shares:
    """Ten votes, and fewer while their merge is expected to fall behind the best checkpoint; at last that one alone."""
    means = step_means(judged)
    voters = VOTERS
    while voters >= FEWEST_VOTERS:
        shares = votes(judged, voters)
        if sum(share * means[step] for step, share in shares.items()) >= max(means.values()) - MAY_LOSE:
            return shares
        voters //= 2
    return best_alone(means)


def best_alone(means: Mapping[int, float]) -> Shares:
    return {latest_best(means) or 0: 1.0}


def elected_state(
    folder: RunFolder, learner: Learner, judge: Samples, pictures: Sequence[Picture], progress: Progress
) -> State:
    """The elected merge, or the best checkpoint where the merge's own test pictures fall behind it.

    One checkpoint alone is taken as it is, although it need not be the best. Leaves the merge in the live adapters.
    """
    judged = [picture for picture in pictures if picture.score is not None]
    shares, means = elected(judged), step_means(judged)
    if len(shares) > 1:
        files = [folder.checkpoint(step) for step in shares]
        state, _ = merge_products(files, list(shares.values()), learner.adapted.weights.layers[0].down[0])
        load_into_adapters(state, learner.adapted)
        with torch.random.fork_rng(devices=[]):
            drawn = judge.draw(learner.steps + 1, progress, whole=True)
        if (mean_score(drawn) or 0.0) >= max(means.values()) - MAY_LOSE:
            return state
        shares = best_alone(means)
    return read_lora(folder.checkpoint(*shares))[0]
