"""What a job tells while it is done: thinned to what people can read, and never less than they need."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import NoFaceFound
from easyphoto.inference.results import Photograph, Stage
from easyphoto.jobs import context as context_module
from easyphoto.jobs.context import MOST_PREVIEWS
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.training.events import Step
from easyphoto.workspace.folders import Workspace
from tests.jobs.asked import Asked


@pytest.fixture
def clock(monkeypatch):
    """Time that only passes when the test says so."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(context_module, "time", clock)
    return clock


@pytest.fixture
def doing(tmp_path):
    """Does one job, and returns the queue with it when it is over."""
    queue = JobQueue(Workspace(tmp_path / "workspace"))

    def do(work, kind="check"):
        job = queue.submit(Asked(kind, kind), lambda context: work(context) or {})
        while not queue.get(job.id).state.is_over:
            queue.wait(job.id, len(queue.events(job.id)), 1.0)
        assert queue.get(job.id).state is (State.FAILED if kind == "train" else State.DONE), queue.get(job.id).error
        return queue, queue.get(job.id)

    yield do
    queue.close()


def told(queue, job, type):
    return [event.values for event in queue.events(job.id) if event.type == type]


def test_a_step_that_several_pictures_share_is_written_once(doing):
    step, names, files = Image.new("RGB", (8, 8), "teal"), [], []

    def work(context):
        names.extend(context.keep_picture(f"{seed}-crop.jpg", step) for seed in (7, 8))
        names.append(context.keep_picture("8-result.jpg", step.copy()))
        files.extend(sorted(file.name for file in context.folder.glob("*.jpg")))

    doing(work)

    assert names == ["7-crop.jpg", "7-crop.jpg", "8-result.jpg"]
    assert files == ["7-crop.jpg", "8-result.jpg"]


def test_a_finished_picture_is_shown_at_once_however_new_the_last_preview_is(doing, clock):
    image = Image.new("RGB", (8, 8), "teal")
    made = Photograph(image, 7, (), (Stage("result", image),), (), np.zeros((8, 8), np.float32))

    def work(context):
        context.step(1, 2, "painting", preview=Image.new("RGB", (8, 8), "red"))
        file = context.folder / "template-anna-7.png"
        image.save(file)
        context.picture_finished(file, Path("template.png"), made)
        names.extend(context._previews)
        with Image.open(context.folder / names[-1]) as shown:
            colours.append(shown.getpixel((4, 4)))

    names, colours = [], []
    doing(work)

    assert len(names) == 2
    assert colours[0] == pytest.approx((0, 128, 128), abs=8)


def test_progress_faster_than_people_read_is_thinned_but_the_last_step_is_told(doing, clock):
    def work(context):
        for step in range(1, 501):
            context.step(step, 500, "training")

    queue, job = doing(work)

    assert [values["done"] for values in told(queue, job, "progress")] == [1, 500]
    assert (job.done, job.total, job.phase) == (500, 500, "training")


def test_progress_at_reading_speed_is_told_whole(doing, clock):
    def work(context):
        for step in range(1, 6):
            clock.now += 1
            context.step(step, 5, "training")

    queue, job = doing(work)

    assert [values["done"] for values in told(queue, job, "progress")] == [1, 2, 3, 4, 5]


def test_a_new_phase_is_told_at_once(doing, clock):
    def work(context):
        context.step(1, 10, "reading photos")
        context.step(1, 10, "training · loss 0.2")
        context.step(2, 10, "training · loss 0.1")

    queue, job = doing(work)

    assert [values["phase"] for values in told(queue, job, "progress")] == ["reading photos", "training · loss 0.2"]


def test_the_time_left_is_told_from_the_speed_since_the_count_began(doing, clock):
    def work(context):
        context.step(0, 10, "training")
        clock.now += 4
        context.step(2, 10, "training")

    queue, job = doing(work)

    assert [values["eta_seconds"] for values in told(queue, job, "progress")] == [None, 16.0]
    assert job.eta_seconds is None


def test_what_a_training_says_of_its_end_is_told_and_not_the_speed_of_its_photos(doing, clock):
    def training(context):
        context.step(0, 10, "looking at photos")
        clock.now += 4
        context.step(10, 10, "photos ready for training")
        context.step(0, 0, "starting the trainer")
        clock.now += 4
        context.training_event(Step(20, 40, 0.2, 1e-4, 0.3, 60.0, 900))
        context.step(20, 40, "training")
        clock.now += 10
        context.step(40, 40, "drawing test pictures")
        clock.now += 100
        context.step(40, 40, "choosing")
        raise NoFaceFound("It ends here.")

    queue, job = doing(training, "train")

    assert [values["eta_seconds"] for values in told(queue, job, "progress")] == [None, None, None, 60.0, 50.0, None]


def test_previews_are_small_bounded_and_the_newest_are_kept(doing, clock):
    def work(context):
        for step in range(1, MOST_PREVIEWS + 6):
            clock.now += 2
            context.step(step, 100, "painting", preview=Image.new("RGB", (1600, 800)))

    queue, job = doing(work)

    assert len(job.previews) == 24
    assert job.previews[0] == "preview-0006.jpg"
    assert job.previews[-1] == "preview-0029.jpg"
    assert sorted(path.name for path in queue.folder(job.id).glob("*.jpg")) == list(job.previews)
    assert Image.open(queue.file(job.id, job.previews[-1])).size == (768, 384)


def test_a_file_of_the_workspace_among_the_previews_stays_when_newer_ones_come(doing, clock):
    def work(context):
        sample = context.folder.parent.parent / "runs" / "sample.png"
        sample.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(sample)
        context.show_file("sample.png", sample)
        context.show_file("missing.png", sample.with_name("missing.png"))
        for step in range(MOST_PREVIEWS + 1):
            clock.now += 2
            context.step(step, 100, "painting", preview=Image.new("RGB", (8, 8)))

    queue, job = doing(work)

    assert "sample.png" not in job.previews
    assert Image.open(queue.file(job.id, "sample.png")).size == (8, 8)


def test_training_steps_are_thinned_but_the_first_and_the_last_are_told(doing, clock):
    def work(context):
        for step in range(1, 101):
            context.training_event(Step(step, 100, 0.1, 1e-4, 0.1, 0.0, 10))

    queue, job = doing(work)

    lines = told(queue, job, "train")
    assert len(lines) == 2
    assert '"step": 1,' in lines[0]["line"]
    assert '"step": 100,' in lines[1]["line"]


def test_a_note_is_told_once(doing):
    def work(context):
        context.note("the hair is cut off")
        context.note("the hair is cut off")

    queue, job = doing(work)

    assert told(queue, job, "note") == [{"text": "the hair is cut off"}]
    assert job.notes == ("the hair is cut off",)


def test_a_file_outside_the_workspace_is_not_handed_out(doing, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    refused = []

    def work(context):
        try:
            context.hand_out("secret.txt", tmp_path / "secret.txt")
        except ValueError as error:
            refused.append(error)

    _, job = doing(work)

    assert len(refused) == 1
    assert dict(job.files) == {}
