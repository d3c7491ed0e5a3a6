"""The rounds of test pictures of a run: how many each has, and how long those to come will take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch

from easyphoto.messages import text
from easyphoto.training.context import RunContext
from easyphoto.training.events import Sample
from easyphoto.training.pictures import Picture
from easyphoto.training.samples import Samples


def is_whole(mark: int, steps: int) -> bool:
    """Whether the round after that step has a picture for every template, and their likeness is measured.

    In the first half it has one picture, for whoever watches: four cost SD 1.5 as much as 11 steps.
    """
    return 2 * mark > steps


@dataclass(eq=False)
class Rounds:
    """Draws the round of every mark, and estimates the time of those that are left."""

    context: RunContext
    judge: Samples | None
    """None: nothing is drawn."""
    marks: tuple[int, ...]
    timed: list[tuple[int, float]] = field(default_factory=list)
    """Pictures and seconds of each round that this process has drawn."""

    @property
    def steps(self) -> int:
        return self.marks[-1]

    @cached_property
    def most(self) -> int:
        """Pictures of a whole round."""
        return len(self.judge.columns) if self.judge is not None else 0

    def drawn(self, mark: int, *, is_live: bool) -> tuple[Picture, ...]:
        """The mark's pictures, those of an earlier process where they are complete; `is_live`: the networks hold its
        checkpoint."""
        if self.judge is None:
            return ()
        whole, is_kept = is_whole(mark, self.steps), self.judge.kept(mark) is not None
        if not is_live and not is_kept:
            if whole:
                self.context.note("not-judged", text("the test pictures of step {mark} are lost", mark=mark))
            return ()
        began = time.monotonic()
        with self.context.phase("validate"), torch.random.fork_rng(devices=[]):
            pictures = self.judge.judged(mark, self.context.progress, whole=whole)
        if not is_kept:
            self.timed.append((len(pictures), time.monotonic() - began))
        for picture in pictures:
            path = str(self.context.folder.root / picture.path)
            self.context.emit(Sample(mark, path, picture.template, picture.score))
        return pictures

    def seconds_from(self, mark: int) -> float | None:
        """Estimate the seconds of the rounds from that mark on; None if none has been timed yet."""
        if self.judge is None:
            return 0.0
        left = [self.most if is_whole(each, self.steps) else 1 for each in self.marks if each >= mark]
        return judging_seconds(self.timed, left)


def judging_seconds(timed: Sequence[tuple[int, float]], left: Sequence[int]) -> float | None:
    """Estimate the seconds of the rounds that are left, given their numbers of pictures; None if none has been timed.

    `timed` are pictures and seconds of earlier rounds. Those of the same size are the measure; on a GPU four pictures
    take less than four times as long as one.
    """
    if not timed:
        return None
    by_picture = sum(seconds for _, seconds in timed) / sum(count for count, _ in timed)
    found = 0.0
    for size in left:
        same = [seconds for count, seconds in timed if count == size]
        found += sum(same) / len(same) if same else by_picture * size
    return found
