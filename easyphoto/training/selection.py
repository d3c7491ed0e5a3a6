"""Selecting the checkpoints to merge into the person's LoRA, by the votes of the best validation pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw

from easyphoto.images.pictures import built_in_font, read_picture
from easyphoto.messages import note
from easyphoto.training.pictures import Picture, by_step, mean_score
from easyphoto.training.samples import Samples

# Means of four validation pictures that differ by less are a draw, which the later checkpoint wins, because it has
# trained longer (seen on a person whose means stayed flat while strangers' templates kept improving).
DRAW = 0.02
# A merge is more robust on unseen templates, so it may lose this much likeness (cosine) on the validation templates.
MERGE_MAY_LOSE = 0.01
FEWEST_VOTERS = 2
SHEET_LINE = 16


@dataclass(frozen=True)
class Selection:
    """The selected checkpoints: `weights` holds the steps to merge and their shares, which sum to 1."""

    weights: tuple[tuple[int, float], ...]
    portrait: Picture | None
    best_step: int
    best: float | None
    last: float | None
    leading: float | None = None
    """The highest mean of any checkpoint; `best` is the latest within DRAW of it."""
    expected: float | None = None
    """The mean of the checkpoints to merge, by their shares."""
    notes: tuple[str, ...] = ()

    @property
    def is_voted(self) -> bool:
        return self.best is not None


def elect(pictures: Sequence[Picture], *, voters: int, last_step: int) -> Selection:
    """Let the pictures vote, and halve the voters while their merge is expected to fall behind the best checkpoint, at
    last down to that checkpoint alone.

    If training has not converged, the last checkpoints lead and ten votes include poorer ones: on ten drawn persons the
    merge of ten votes lost 0.037 of likeness to the best checkpoint. What a merge scores is known before it is drawn:
    in nine merges it was at most 0.004 from the mean of its checkpoints by their shares.
    """
    while voters >= FEWEST_VOTERS:
        chosen = select(pictures, voters=voters, last_step=last_step)
        if not chosen.is_voted or (chosen.expected or 0.0) >= (chosen.leading or 0.0) - MERGE_MAY_LOSE:
            return chosen
        voters //= 2
    return alone(select(pictures, voters=1, last_step=last_step))


def alone(chosen: Selection) -> Selection:
    """The same with the best checkpoint in place of a merge; as it is where nothing voted."""
    if not chosen.is_voted:
        return chosen
    return replace(chosen, weights=((chosen.best_step, 1.0),), expected=chosen.best)


def select(pictures: Sequence[Picture], *, voters: int, last_step: int) -> Selection:
    """Let the `voters` pictures with the largest gain over their template vote; the most similar one is the portrait.

    Without a judged picture the last checkpoint is taken and a note says so.
    """
    judged = [picture for picture in pictures if picture.score is not None]
    if not judged:
        remark = note(
            "not-voted",
            "checkpoints could not be compared (no face recognition, or no fitting face on the test pictures): "
            "the last one is used",
        )
        return replace(last_of(pictures, last_step), notes=(remark,))
    gains = gain_over_template(judged)
    # A later checkpoint wins a draw: it has trained longer.
    ranked = sorted(judged, key=lambda picture: (-gains[picture], -picture.step, picture.template))
    votes = [picture.step for picture in ranked[:voters]]
    means = {step: mean_score(of_step) for step, of_step in by_step(judged).items()}
    leading = max(mean or 0.0 for mean in means.values())
    best_step = max(step for step, mean in means.items() if (mean or 0.0) >= leading - DRAW)
    weights = tuple((step, votes.count(step) / len(votes)) for step in sorted(set(votes)))
    portrait = max(judged, key=lambda picture: (picture.score or 0.0, picture.step))
    expected = sum(share * (means[step] or 0.0) for step, share in weights)
    return Selection(weights, portrait, best_step, means[best_step], means.get(last_step), leading, expected)


def last_of(pictures: Sequence[Picture], last_step: int) -> Selection:
    """The last checkpoint, whose first picture becomes the portrait."""
    shown = [picture for picture in pictures if picture.step == last_step]
    return Selection(((last_step, 1.0),), shown[0] if shown else None, last_step, None, None)


def gain_over_template(judged: Sequence[Picture]) -> dict[Picture, float]:
    """Each picture's score minus the mean score of all pictures on its template.

    By the raw score, one favourable template would get all the votes for its checkpoints, good and bad: of 16 miniature
    pictures the four of one template led by 0.3, and the merge fell behind the last checkpoint.
    """
    of_template: dict[int, list[float]] = {}
    for picture in judged:
        of_template.setdefault(picture.template, []).append(picture.score or 0.0)
    usual = {template: sum(scores) / len(scores) for template, scores in of_template.items()}
    return {picture: (picture.score or 0.0) - usual[picture.template] for picture in judged}


def contact_sheet(
    pictures: Sequence[Picture], samples: Samples, *, merged: Sequence[Picture], root: Path
) -> Image.Image:
    """An RGB sheet with a column per test picture: what it is compared with on top, a row per checkpoint, the merged
    LoRA last."""
    rows = [(f"step {step}", of_step) for step, of_step in by_step(pictures).items()]
    rows += [("merged", tuple(merged))] if merged else []
    heads, side = samples.columns, samples.cell
    height, font = side + round(SHEET_LINE * samples.letters / 10), built_in_font(samples.letters)
    sheet = Image.new("RGB", ((len(heads) + 1) * side, (len(rows) + 1) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for column, head in enumerate(heads, start=1):
        sheet.paste(head.image.resize((side, side)), (column * side, 0))
        draw.text((column * side + 4, side + 2), head.label, "black", font)
    columns = {head.number: column for column, head in enumerate(heads, start=1)}
    for row, (label, of_row) in enumerate(rows, start=1):
        mean = mean_score(of_row)
        draw.text((4, row * height + side // 2), label if mean is None else f"{label}\n{mean:.3f}", "black", font)
        for picture in of_row:
            place = (columns[picture.template] * side, row * height)
            sheet.paste(read_picture(root / picture.path).resize((side, side)), place)
            score = samples.unscored if picture.score is None else f"{picture.score:.3f}"
            draw.text((place[0] + 4, place[1] + side + 2), score, "black", font)
    return sheet
