"""What a job says is written down with what it was made from, so that another process can say it in Chinese."""

import json

import pytest

from easyphoto.errors import InputError
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.jobs.store import JobStore
from easyphoto.messages import Text, note, phase, text
from easyphoto.ui.card import card_html, event_lines
from easyphoto.ui.language import Translator
from easyphoto.workspace.folders import JOB_FILE, Workspace
from tests.jobs.asked import Asked

CHINESE = Translator("zh_CN")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


def work(context):
    context.step(1, 2, phase("look", "looking at {name}", name="a.jpg"))
    context.note(note("few-photos", "Only {kept} photos are kept; 5 to 20 give a better likeness.", kept=3))
    raise InputError(
        text("There is no upload {name!r}.", name="b.jpg"),
        advice=text("It must be between {low} and {high}.", low=1, high=9),
    )


def failed(workspace: Workspace) -> tuple[str, Workspace]:
    queue = JobQueue(workspace)
    try:
        job = queue.submit(Asked("check", "check 1 photo"), work)
        while not queue.get(job.id).state.is_over:
            queue.wait(job.id, 0, 1.0)
        return job.id, workspace
    finally:
        queue.close()


def test_another_process_says_it_in_chinese(workspace):
    id, _ = failed(workspace)

    store = JobStore(workspace.jobs)
    job, card = store.read(id), card_html(store.read(id), CHINESE)

    assert job.state is State.FAILED
    assert "只保留了 3 张照片；5 至 20 张的相似度更好。" in card
    assert "必须在 1 到 9 之间。" in card
    assert "正在查看 a.jpg" in "\n".join(event_lines(store.events(id), CHINESE))
    assert [said.code for said in job.notes if isinstance(said, Text)] == ["few-photos"]


def test_the_sentences_of_a_record_are_where_they_have_always_been(workspace):
    id, _ = failed(workspace)

    record = json.loads((workspace.jobs / id / JOB_FILE).read_text("utf-8"))

    assert record["notes"] == ["Only 3 photos are kept; 5 to 20 give a better likeness."]
    assert record["error"] == {
        "code": "InputError",
        "message": "There is no upload 'b.jpg'.",
        "advice": "It must be between 1 and 9.",
    }
    assert record["phase"] == "looking at a.jpg"
    assert record["texts"]["There is no upload 'b.jpg'."] == {
        "template": "There is no upload {name!r}.",
        "values": {"name": "b.jpg"},
    }


def test_a_record_of_before_is_read_and_stays_english(workspace):
    id, _ = failed(workspace)
    file = workspace.jobs / id / JOB_FILE
    record = json.loads(file.read_text("utf-8"))
    del record["texts"]
    file.write_text(json.dumps(record), "utf-8")

    job = JobStore(workspace.jobs).read(id)

    assert job.error == {
        "code": "InputError",
        "message": "There is no upload 'b.jpg'.",
        "advice": "It must be between 1 and 9.",
    }
    assert job.notes == ("Only 3 photos are kept; 5 to 20 give a better likeness.",)
