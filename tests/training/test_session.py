"""A whole run in one process: what it leaves, that it repeats itself, that it goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from easyphoto.errors import DiskFailure, Diverged, InputError, TooFewPhotos
from easyphoto.messages import text
from easyphoto.progress import Cancelled
from easyphoto.training import checkpoint, loop, session, stepping, update
from easyphoto.training.capture import NotCaptured
from easyphoto.training.events import Done, Sample, Step, Warn
from easyphoto.training.lora import read_lora
from easyphoto.training.noise import Noise
from easyphoto.training.pictures import Picture, latest_best, most_like, step_means
from easyphoto.training.run import RunFolder, TrainRun
from tests.fakes import FakeEngine, RecordingProgress
from tests.graphs import StandInRecorder

MakeRun = Callable[..., TrainRun]
TrainHere = Callable[..., list[Any]]


def test_a_run_leaves_a_lora_a_portrait_and_its_evidence(
    make_run: MakeRun, train_here: TrainHere, templates: tuple[str, ...], tmp_path: Path
):
    said = train_here(make_run(templates=templates), tmp_path)
    done = said[-1]

    assert isinstance(done, Done)
    assert done.last is not None
    assert [(event.step, event.template) for event in said if isinstance(event, Sample)] == [
        (2, 0), (4, 0), (4, 1), (6, 0), (6, 1),
    ]  # fmt: skip
    assert {event.of for event in said if isinstance(event, Step)} == {6}
    names = {path.name for path in tmp_path.iterdir()}
    assert {"lora.safetensors", "portrait.png", "contact-sheet.png", "curves.json", "outcome.json"} <= names
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert len(curves["losses"]) == 6
    assert [row["step"] for row in curves["likeness"]] == [2, 4, 6]
    state, metadata = read_lora(tmp_path / "lora.safetensors")
    assert all(bool(tensor.any()) for tensor in state.values())
    assert metadata["ss_steps"] == "6"


def test_the_last_checkpoint_is_the_lora_and_its_most_like_picture_the_portrait(
    make_run: MakeRun, train_here: TrainHere, templates: tuple[str, ...], tmp_path: Path
):
    said = train_here(make_run(templates=templates), tmp_path)

    folder, done = RunFolder(tmp_path), said[-1]
    assert (tmp_path / "lora.safetensors").read_bytes() == folder.checkpoint(6).read_bytes()
    scores = {event.template: event.score for event in said if isinstance(event, Sample) and event.step == 6}
    assert folder.portrait.read_bytes() == folder.sample(6, max(scores, key=scores.__getitem__)).read_bytes()
    assert done.last == pytest.approx(sum(scores.values()) / 2)


def test_the_same_seed_gives_the_same_file_and_another_seed_another(
    make_run: MakeRun, train_here: TrainHere, tmp_path: Path
):
    files = [tmp_path / name / "lora.safetensors" for name in ("one", "two", "other")]
    for file, seed in zip(files, (3, 3, 4), strict=True):
        train_here(make_run(seed=seed), file.parent)

    one, two, other = (file.read_bytes() for file in files)
    assert one == two
    assert one != other


def test_a_cancelled_run_goes_on_to_the_same_bytes(
    make_run: MakeRun, train_here: TrainHere, templates: tuple[str, ...], tmp_path: Path
):
    run = make_run(templates=templates)
    whole = train_here(run, tmp_path / "whole")[-1]
    folder = tmp_path / "parts"
    for cancel_at in (7, 8, 10):
        with pytest.raises(Cancelled):
            train_here(run, folder, RecordingProgress(cancel_at=cancel_at))
    stopped_at = _resume_step(folder)

    done = train_here(run, folder)[-1]

    assert 0 < stopped_at < 6
    assert (folder / "lora.safetensors").read_bytes() == (tmp_path / "whole" / "lora.safetensors").read_bytes()
    assert (folder / "curves.json").read_bytes() == (tmp_path / "whole" / "curves.json").read_bytes()
    assert (done.best_step, done.best, done.last) == (whole.best_step, whole.best, whole.last)


def _resume_step(folder: Path) -> int:
    from safetensors.torch import load_file

    return int(load_file(RunFolder(folder).resume)["step"])


def test_a_finished_run_run_again_gives_the_same_file(make_run: MakeRun, train_here: TrainHere, tmp_path: Path):
    run = make_run()
    first = train_here(run, tmp_path)[-1]

    assert train_here(run, tmp_path)[-1].sha256 == first.sha256


def test_a_changed_record_does_not_go_on_with_the_old_weights(make_run: MakeRun, train_here: TrainHere, tmp_path: Path):
    train_here(make_run(), tmp_path)

    with pytest.raises(InputError, match="changed"):
        train_here(make_run(learning_rate=2e-2), tmp_path)


def test_without_an_embedder_nothing_is_judged_and_there_is_a_portrait_all_the_same(
    make_run: MakeRun, train_here: TrainHere, templates: tuple[str, ...], tmp_path: Path
):
    done = train_here(make_run(templates=templates), tmp_path, engine=FakeEngine(embedder=None))[-1]

    assert (done.best_step, done.best, done.last) == (6, None, None)
    assert Path(done.portrait).read_bytes() == RunFolder(tmp_path).sample(6, 0).read_bytes()


def test_a_template_without_a_face_is_said(
    make_run: MakeRun, train_here: TrainHere, templates: tuple[str, ...], tmp_path: Path
):
    said = train_here(make_run(templates=templates, steps=1), tmp_path, engine=FakeEngine(faces=()))

    assert [event.code for event in said if isinstance(event, Warn)].count("no-face") == 3
    assert said[-1].portrait is None


def test_an_empty_dataset_is_refused(make_run: MakeRun, train_here: TrainHere, tmp_path: Path):
    with pytest.raises(TooFewPhotos):
        train_here(make_run(dataset=tmp_path / "nothing"), tmp_path / "run")


def test_a_write_error_in_the_middle_of_a_save_keeps_the_old_checkpoint_and_the_next_run_goes_on(
    make_run: MakeRun, train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = make_run()
    train_here(run, tmp_path / "whole")
    written = checkpoint.write_bytes
    saves: list[Path] = []

    def full_disk(target: Path, content: bytes) -> None:
        saves.append(target)
        if len(saves) < 2:
            return written(target, content)
        from easyphoto.storage.files import atomic_path

        with atomic_path(target) as temporary:
            temporary.write_bytes(content[: len(content) // 2])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_bytes", full_disk)
    with pytest.raises(DiskFailure, match="No space left"):
        train_here(run, tmp_path / "run")
    monkeypatch.undo()

    assert _resume_step(tmp_path / "run") == 2
    assert not list((tmp_path / "run").rglob(".writing-*"))
    train_here(run, tmp_path / "run")
    whole = (tmp_path / "whole" / "lora.safetensors").read_bytes()
    assert (tmp_path / "run" / "lora.safetensors").read_bytes() == whole


def _sick_at(monkeypatch: pytest.MonkeyPatch, steps: range) -> None:
    healthy = loop.Learner.loss

    def loss(self: loop.Learner, part: slice) -> torch.Tensor:
        return healthy(self, part) * (float("nan") if self.step in steps else 1.0)

    monkeypatch.setattr(loop.Learner, "loss", loss)


def test_a_step_whose_loss_is_no_number_changes_nothing(
    make_run: MakeRun, train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _sick_at(monkeypatch, range(2, 4))

    said = train_here(make_run(), tmp_path)

    assert [event.code for event in said if isinstance(event, Warn)].count("nonfinite") == 2
    assert json.loads((tmp_path / "curves.json").read_text())["losses"][2:4] == [None, None]
    state, _ = read_lora(tmp_path / "lora.safetensors")
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state.values())


def test_too_many_such_steps_end_the_run(
    make_run: MakeRun, train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _sick_at(monkeypatch, range(100))

    with pytest.raises(Diverged) as caught:
        train_here(make_run(steps=40, validations=1), tmp_path)
    assert caught.value.exit_code == 4


def test_what_became_of_steps_is_read_when_it_is_said_and_not_at_every_step(
    make_run: MakeRun, train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "SAY_EVERY_SECONDS", 1000.0)
    _sick_at(monkeypatch, range(12, 14))
    read, reads = loop.Learner.read, list[int]()

    def counted(self: loop.Learner) -> None:
        reads.append(self.step)
        read(self)

    monkeypatch.setattr(loop.Learner, "read", counted)
    said = train_here(make_run(steps=25, validations=1), tmp_path)

    assert sorted(set(reads)) == [1, 11, 21, 25]
    told = [event for event in said if isinstance(event, Step | Warn)]
    course = [event.step if isinstance(event, Step) else event.detail for event in told]
    assert course[1:] == [
        1,
        11,
        "step 13 was skipped: its loss is not a number",
        "step 14 was skipped: its loss is not a number",
        21,
        25,
    ]
    assert len(json.loads((tmp_path / "curves.json").read_text())["losses"]) == 25


def test_steps_left_out_are_named_before_the_run_ends_for_them(
    make_run: MakeRun, train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "SAY_EVERY_SECONDS", 1000.0)
    _sick_at(monkeypatch, range(100))
    named: list[str] = []
    monkeypatch.setattr(session, "Warn", lambda code, detail: named.append(detail) or Warn(code, detail))

    with pytest.raises(Diverged, match="in 31 steps"):
        train_here(make_run(steps=40, validations=1), tmp_path)

    assert named == [f"step {step} was skipped: its loss is not a number" for step in range(1, 32)]


@pytest.mark.parametrize(
    ("graph", "recorder", "notes", "is_captured"),
    [
        ("auto", StandInRecorder(), [], True),
        (
            "auto",
            StandInRecorder(failure=RuntimeError("CUDA error: operation not permitted")),
            [
                "the steps run without a CUDA graph, which takes longer: "
                "the device refused: CUDA error: operation not permitted"
            ],
            False,
        ),
        (
            "auto",
            NotCaptured(text("this is an AMD GPU")),
            ["the steps run without a CUDA graph, which takes longer: this is an AMD GPU"],
            False,
        ),
        ("off", StandInRecorder(), [], False),
        ("auto", None, [], False),
    ],
    ids=["captured", "refused", "AMD", "switched off", "CPU"],
)
def test_a_run_gives_the_same_file_with_a_graph_and_without_and_says_why_it_has_none(
    make_run: MakeRun,
    train_here: TrainHere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    graph: str,
    recorder: Any,
    notes: list[str],
    *,
    is_captured: bool,
):
    def found(device: str) -> Any:
        if isinstance(recorder, NotCaptured):
            raise recorder
        return recorder

    train_here(make_run(), tmp_path / "plain")
    monkeypatch.setattr(stepping, "recorder_for", found)
    said = train_here(make_run(cuda_graph=graph), tmp_path / "run")

    assert [event.detail for event in said if isinstance(event, Warn) and event.code == "graph-off"] == notes
    assert [each for each in said[-1].notes if "CUDA graph" in each] == notes
    assert {event.is_captured for event in said if isinstance(event, Step)} == {is_captured}
    plain, run = ((tmp_path / name / "lora.safetensors").read_bytes() for name in ("plain", "run"))
    assert plain == run


def test_each_distinct_caption_is_encoded_once_in_a_step(
    make_run: MakeRun, train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from transformers import CLIPTextModel

    counts: list[int] = []
    encode = CLIPTextModel.forward

    def counted(self: CLIPTextModel, input_ids: torch.Tensor, **rest: Any) -> Any:
        counts.append(len(input_ids))
        return encode(self, input_ids, **rest)

    monkeypatch.setattr(CLIPTextModel, "forward", counted)
    train_here(make_run(batch=5), tmp_path)

    assert counts == [2] * 6


def test_the_plan_shows_every_photo_equally_often_and_spreads_the_timesteps():
    from easyphoto.training.data import Cached, make_plan

    cached = Cached(torch.zeros(6, 4, 2, 2), None, torch.ones(6, 1, 2, 2), torch.zeros(6), (torch.zeros(1, 3),), 6)

    plan = make_plan(cached, 30, batch=4, timesteps=1000, seed=1)

    assert torch.bincount(plan.indices.flatten()).tolist() == [20] * 6
    assert (plan.timesteps // 250).sort(1).values.tolist() == [[0, 1, 2, 3]] * 30


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_a_perfect_guess_of_any_kind_gives_the_picture_back(prediction: str):
    alphas = torch.linspace(0.99, 0.01, 10)
    noise = Noise(alphas, prediction)
    latents, grain, times = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2), torch.tensor([0, 5, 9])
    mixed, target = noise.mixed(latents, grain, times), noise.target(latents, grain, times)
    alpha = alphas[times][:, None, None, None]

    back = {
        "epsilon": (mixed - (1 - alpha).sqrt() * target) / alpha.sqrt(),
        "v_prediction": alpha.sqrt() * mixed - (1 - alpha).sqrt() * target,
        "sample": target,
    }[prediction]

    assert torch.allclose(back, latents, atol=1e-5)


def test_loss_weights_have_a_mean_of_one(dataset: Path):
    from easyphoto.training.data import _weight_map, read_entries

    cells = _weight_map(read_entries(dataset)[0], mirrored=False, cells=16)

    assert float(cells.mean()) == pytest.approx(1)
    assert float(cells[0, 0, 8, 8] / cells[0, 0, 0, 0]) == pytest.approx(255 / 25)


def test_a_fifth_of_eight_photos_is_kept_for_judging(tmp_path: Path):
    from easyphoto.training.data import read_entries, split
    from tests.training.conftest import write_dataset

    learned, judging = split(read_entries(write_dataset(tmp_path, photos=8)), seed=0)

    assert (len(learned), len(judging)) == (6, 2)
    assert not set(learned) & set(judging)


def test_of_checkpoints_that_are_alike_on_the_test_pictures_the_latest_is_named_the_best():
    scores = {1: 0.30, 2: 0.415, 3: 0.40, 4: None}
    pictures = [Picture(step, 0, "p", score) for step, score in scores.items()]

    means = step_means(pictures)

    assert means == {1: 0.30, 2: 0.415, 3: 0.40}
    assert latest_best(means) == 3
    assert latest_best({1: 0.45, 2: 0.40}) == 1
    assert latest_best({}) is None


def test_the_most_like_picture_is_shown_and_the_first_where_none_was_judged():
    judged = [Picture(6, place, "p", score) for place, score in enumerate((0.2, 0.4, 0.4, None))]
    unjudged = [Picture(6, place, "p", None) for place in range(3)]

    assert most_like(judged) == judged[1]
    assert most_like(unjudged) == unjudged[0]
    assert most_like(()) is None


def test_the_rate_rises_then_falls_to_a_tenth():
    rates = [update.rate(step, 250) for step in range(250)]

    assert np.argmax(rates) in (19, 20)
    assert rates[0] == pytest.approx(1 / 20)
    assert rates[-1] == pytest.approx(0.1, abs=0.001)
