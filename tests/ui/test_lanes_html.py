"""What the page says of devices: nothing where there is one, else what each is and does."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from easyphoto.jobs.records import Job, State
from easyphoto.jobs.runners import LaneFacts
from easyphoto.messages import text
from easyphoto.ui.card import progress_html
from easyphoto.ui.job_rows import JobRows
from easyphoto.ui.lane_names import lane_title
from easyphoto.ui.lanes_html import lanes_html
from easyphoto.ui.language import Translator

EN, ZH = Translator("en"), Translator("zh_CN")
CARD = text("{name}, {size} GB", name="NVIDIA A", size=24)
TRAINING = Job(
    "1", "train", text("train {name}", name="anna"), State.RUNNING, "2026-01-31T12:00:00.000Z", "o",
    lane="cuda:1", done=40, total=100,
)  # fmt: skip


def told(*lanes: LaneFacts, jobs: tuple[Job, ...] = (), words: Translator = EN) -> list[str]:
    """What each row says of the first card, and of these lanes."""
    html = lanes_html((LaneFacts("cuda:0", CARD), *lanes), jobs, words)
    rows = [re.findall(r"<span.*?</span>", row) for row in html.split("<li>")[1:]]
    return [" | ".join(unescape(re.sub(r"<[^>]+>", "", part)) for part in row) for row in rows]


def row_of(state: State, lane: str) -> str:
    """A job of the queue, or of those that have ended."""
    job = Job("1", "train", "train anna", state, "2026-01-31T12:00:00Z", "o", lane=lane)
    return JobRows(EN, ("train",), "to").html((job,), None)


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        ("cuda:0", "Graphics card 1", "显卡 1"),
        ("cuda:1+cuda:2", "Graphics card 2 + Graphics card 3", "显卡 2 + 显卡 3"),
        ("cpu:1", "Processor 2", "处理器 2"),
        ("node-2/0", "Computer node-2, device 1", "计算机 node-2，设备 1"),
        ("work", "", ""),
        ("look", "", ""),
    ],
)
def test_a_lane_is_called_what_people_call_its_device(name, english, chinese):
    assert (lane_title(name, EN), lane_title(name, ZH)) == (english, chinese)


def test_a_single_device_is_not_worth_a_word():
    assert lanes_html((), (), EN) == ""
    assert lanes_html((LaneFacts("work", CARD, state="busy", job="1"),), (TRAINING,), EN) == ""


def test_each_device_says_what_it_does_now():
    assert told(LaneFacts("cuda:1", CARD, state="busy", job="1"), jobs=(TRAINING,)) == [
        "○ Free | Graphics card 1 · NVIDIA A, 24 GB",
        "● Busy | Graphics card 2 · NVIDIA A, 24 GB | Train anna · 40 %",
    ]
    assert told(LaneFacts("cuda:1", "NVIDIA A", state="busy", job="1"), jobs=(TRAINING,), words=ZH)[1] == (
        "● 忙碌 | 显卡 2 · NVIDIA A | 训练 anna · 40 %"
    )


@pytest.mark.parametrize(
    ("more", "sign", "said"),
    [
        ({"state": "busy"}, "● Busy", " | Somebody else's job"),
        ({"takes": ("resume", "train")}, "○ Free", " | Only for trainings"),
        ({"state": "starting"}, "◌ Starting", ""),
        ({"state": "lost"}, "✕ Stopped", " | Restarts with its next job"),
    ],
)
def test_what_a_device_does_that_runs_nothing_of_the_visitors(more, sign, said):
    assert told(LaneFacts("cuda:1", CARD, **more))[1] == f"{sign} | Graphics card 2 · NVIDIA A, 24 GB{said}"


def test_what_others_do_on_a_device_keeps_the_page_looking():
    """So that it says so when the device is free again."""
    html = [
        JobRows(EN, (), "to").html((), None, lanes=(LaneFacts("cuda:0", CARD), LaneFacts("cuda:1", CARD, state=state)))
        for state in ("busy", "idle")
    ]

    assert ['data-active="true"' in each for each in html] == [True, False]


def test_a_running_job_says_where_and_others_do_not():
    assert "Graphics card 2 · <time" in row_of(State.RUNNING, "cuda:1")
    assert "Graphics card 2" not in row_of(State.DONE, "cuda:1")
    assert "·" not in row_of(State.RUNNING, "work")
    assert "training · 40 / 100 · Graphics card 2</p>" in progress_html(replace(TRAINING, phase="training"), EN)
    assert "training · 40 / 100</p>" in progress_html(replace(TRAINING, phase="training", lane="work"), EN)


def test_names_of_devices_and_computers_are_escaped():
    html = lanes_html((LaneFacts("<b>/0", "<i>"), LaneFacts("cuda:0", CARD)), (), EN)

    assert "<b>" not in html
    assert "<i>" not in html
