"""Jobs as they were recorded, most of them before there were commands: read and shown as ever."""

import json
import shutil
from pathlib import Path

import pytest

from easyphoto.api.answers import job_answer
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.ui.card import card_html
from easyphoto.ui.job_rows import JobRows
from easyphoto.ui.language import Translator
from easyphoto.workspace.folders import Workspace

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"), key=lambda file: file.stem)
TITLES = {
    "add": "add Anna",
    "check": "check 5 photos",
    "choose": "take the checkpoint of step 400 for carla",
    "import": "import dora.zip",
    "photograph": "photograph anna",
    "place": "place cup",
    "previews": "previews of styles",
    "propose": "words for anna",
    "resume": "resume carla",
    "setup": "set up the trainer",
    "template": "draw garden",
    "train": "train Anna",
    "train-cancelled": "train carla",
    "weights": "fetch photographs, sd15",
}


@pytest.fixture
def queue(tmp_path: Path):
    for file in SAMPLES:
        folder = tmp_path / "jobs" / json.loads(file.read_text())["id"]
        folder.mkdir(parents=True)
        shutil.copy(file, folder / "job.json")
    queue = JobQueue(Workspace(tmp_path))
    yield queue
    queue.close()


def test_every_kind_is_listed_with_its_title_and_its_end(queue: JobQueue):
    jobs = {job.title: job.state for job in queue.list()}

    assert jobs == {
        title: State.CANCELLED if name == "train-cancelled" else State.DONE for name, title in TITLES.items()
    }


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_each_is_shown_and_answered_with_what_it_was_asked(queue: JobQueue, file: Path):
    record, words = json.loads(file.read_text()), Translator("en")
    job = queue.get(record["id"])

    assert job_answer(job).request == record["request"]
    assert card_html(job, words)
    title = TITLES[file.stem]
    assert title[0].upper() + title[1:] in JobRows(words, (job.kind,), "to").html([job], None)


@pytest.mark.parametrize(
    ("name", "said"),
    [("check", "检查 5 张照片"), ("photograph", "拍摄 anna"), ("train", "训练 Anna")],
)
def test_a_title_of_before_is_said_in_chinese(queue: JobQueue, name: str, said: str):
    record = json.loads((Path(__file__).parent / "samples" / f"{name}.json").read_text())

    job = queue.get(record["id"])

    assert job.title == TITLES[name]
    assert Translator("zh").translate(job.title) == said
