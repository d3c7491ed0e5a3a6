"""What the report says became the LoRA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.images.pictures import write_picture
from easyphoto.report.learning import training_section
from easyphoto.report.parts import Gallery
from easyphoto.training.events import Done, Sample, to_line
from easyphoto.training.run import TrainRun

DONE = Done("l", "ab", None, 500, 0.312, 0.312, "e", (), {"train": 1.0})
RUN = TrainRun("lena", "a person", "miniature", "miniature", "dataset")
HINT = "To take another, look at the test pictures and run: easyphoto persons choose NAME STEP"


def run_that_said(folder: Path, *events: Done | Sample) -> Path:
    RUN.write(folder)
    (folder / "events.jsonl").write_text("\n".join(map(to_line, events)))
    return folder


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (DONE, "The last checkpoint is used: likeness 0.312."),
        (
            replace(DONE, best_step=375, best=0.35),
            f"The last checkpoint is used: likeness 0.312. That of step 375 has 0.350. {HINT}",
        ),
        (
            replace(DONE, best=None, last=None),
            "The last checkpoint, of step 500, is used. Likeness could not be measured.",
        ),
        # A run of an earlier version.
        (
            replace(DONE, weights={"375": 0.3, "500": 0.7}),
            "The LoRA is made of the checkpoints of these steps: 375, 500.",
        ),
        (replace(DONE, weights={"200": 1.0}), "The LoRA is made of the checkpoint of step 200."),
    ],
)
def test_the_report_says_which_checkpoint_is_used_and_where_another_is_more_like(
    done: Done, words: str, tmp_path: Path
):
    assert training_section(run_that_said(tmp_path, done)).words == words


def test_where_only_the_last_checkpoint_has_no_judged_face_it_is_named_and_so_is_the_most_like(tmp_path: Path):
    events = Sample(150, "a.png", 0, 0.3), Sample(200, "b.png", 0, None)
    done = replace(DONE, best_step=150, best=0.3, last=None)

    assert training_section(run_that_said(tmp_path, *events, done)).words == (
        "The last checkpoint, of step 200, is used. Its likeness could not be measured. "
        f"That of step 150 has 0.300. {HINT}"
    )


def test_the_portrait_is_marked_among_the_last_checkpoints_pictures_or_those_of_the_chosen_one(tmp_path: Path):
    scores = {(375, 0): 0.9, (375, 1): 0.5, (500, 0): 0.3, (500, 1): 0.4}
    for step, number in scores:
        write_picture(tmp_path / f"{step}-{number}.png", Image.new("RGB", (8, 8)))
    samples = [Sample(step, f"{step}-{number}.png", number, score) for (step, number), score in scores.items()]

    def portraits(done: Done = DONE) -> list[tuple[str, str]]:
        parts = training_section(run_that_said(tmp_path, *samples, done)).parts
        (gallery,) = (part for part in parts if isinstance(part, Gallery))
        return [(figure.caption, figure.detail) for figure in gallery.figures if figure.badge == "portrait"]

    assert portraits() == [("step 500", "template 1 · likeness 0.40")]
    # Of an earlier version: of one checkpoint, or merged of several, of which no test picture shows the result.
    assert portraits(replace(DONE, weights={"375": 1.0})) == [("step 375", "template 0 · likeness 0.90")]
    assert portraits(replace(DONE, weights={"375": 0.5, "500": 0.5})) == []
    (tmp_path / "choice.json").write_text('{"format": 1, "step": 375}')
    assert portraits() == [("step 375", "template 0 · likeness 0.90")]


def test_of_equally_like_pictures_only_one_is_the_portrait(tmp_path: Path):
    for number in range(2):
        write_picture(tmp_path / f"{number}.png", Image.new("RGB", (8, 8)))
    samples = [Sample(500, f"{number}.png", number, 0.4) for number in range(2)]

    parts = training_section(run_that_said(tmp_path, *samples, DONE)).parts

    (gallery,) = (part for part in parts if isinstance(part, Gallery))
    assert [figure.badge for figure in gallery.figures] == ["portrait", ""]
