"""The card of a job says how it stands, to eyes and to screen readers, and escapes what others wrote."""

import json
import re
from dataclasses import replace

from easyphoto.jobs.records import Job, JobEvent, State
from easyphoto.ui.card import (
    announced,
    card_html,
    curves_html,
    duration_words,
    error_html,
    event_lines,
    sample_captions,
    sheet_html,
    training_events,
)
from easyphoto.ui.language import Translator
from easyphoto.ui.photo_names import known_stem

ENGLISH = Translator("en")
JOB = Job("1", "train", "train anna", State.RUNNING, "2026-11-21T16:00:00Z", "me", done=30, total=120)


def event(number: int, type: str, **values: object) -> JobEvent:
    return JobEvent(number, type, f"2026-11-21T16:00:{number:02d}.000Z", values)


def train_event(number: int, **values: object) -> JobEvent:
    return event(number, "train", line=json.dumps(values))


def step(number: int, loss: float | None) -> JobEvent:
    return train_event(number, type="step", step=number, of=9, loss=loss, lr=1, s_per_step=1, eta_s=1, mem_mb=1)


def test_a_running_job_shows_a_bar_with_its_value():
    card = card_html(replace(JOB, phase="training · loss 0.1 · 1:10 left", eta_seconds=70.0), ENGLISH)

    assert 'role="progressbar"' in card
    assert 'aria-valuenow="25"' in card
    assert "training · loss 0.1 · 30 / 120 · about 1 min left" in card
    assert 'data-active="true"' in card


def test_a_bar_is_not_full_while_something_is_left_to_do():
    card = card_html(replace(JOB, done=120, phase="drawing test pictures"), ENGLISH)

    assert 'aria-valuenow="99"' in card
    assert "left" not in card  # nobody knows how long


def test_a_job_without_a_count_claims_no_value():
    card = card_html(replace(JOB, done=0, total=0), ENGLISH)

    assert "aria-valuenow" not in card
    assert "easyphoto-uncounted" in card


def test_a_job_that_is_over_is_not_asked_about_again():
    card = card_html(replace(JOB, state=State.DONE), ENGLISH)

    assert 'data-active="false"' in card
    assert "progressbar" not in card


def test_a_state_is_a_sign_and_a_word():
    signs = {re.search(r'data-state="\w+">(.) ', card_html(replace(JOB, state=state), ENGLISH))[1] for state in State}

    assert len(signs) == 6


def test_what_others_wrote_is_escaped():
    job = replace(
        JOB, title="train <b>", phase="<script>", notes=('<img src=x onerror="1">',), state=State.FAILED,
        error={"code": "X", "message": "<i>", "advice": '"><script>'},
    )  # fmt: skip

    card = card_html(job, ENGLISH) + card_html(replace(job, state=State.RUNNING), ENGLISH)
    sheet = sheet_html([("data:,", '"><script>')], ENGLISH, title="Test pictures")

    assert not re.search(r"<script|<img src=x|<i>|<b>", card + sheet)


def test_an_error_says_what_to_do():
    said = error_html({"code": "X", "message": "The disk is full.", "advice": "Free some space."}, ENGLISH)

    assert 'role="alert"' in said
    assert "The disk is full." in said
    assert "Free some space." in said


def test_a_screen_reader_is_told_in_steps_of_ten_percent():
    said = {announced(replace(JOB, phase="training", done=done), ENGLISH) for done in range(120)}

    assert len(said) == 10
    assert "train anna: training, 20 percent" in said


def test_the_time_left_is_no_more_exact_than_it_can_be_known():
    assert duration_words(12, ENGLISH) == "less than a minute left"
    assert duration_words(600, ENGLISH) == "about 10 min left"
    assert duration_words(7500, ENGLISH) == "about 2 h 5 min left"


def test_loss_and_likeness_are_drawn_once_they_are_there():
    nothing = curves_html(training_events([event(1, "progress", phase="x")]), ENGLISH)
    losses = curves_html(training_events([step(1, 0.5), step(2, None), step(3, 0.4)]), ENGLISH)
    sample = train_event(4, type="sample", step=3, path="x", template=0, score=0.5)
    both = curves_html(training_events([step(1, 0.5), step(3, 0.4), sample]), ENGLISH)

    assert nothing == ""
    assert losses.count("<svg") == 1
    assert both.count("<svg") == 2


def test_a_validation_picture_is_named_by_step_and_likeness():
    sample = train_event(1, type="sample", step=100, path="x", template=2, score=0.634)

    assert sample_captions(training_events([sample]), ENGLISH) == {"sample-000100-02.png": "step 100 · likeness 0.63"}


def test_the_story_of_a_job_tells_what_repeats_itself_once():
    events = [
        event(1, "state", state="running"),
        event(2, "progress", phase="training · loss 0.2"),
        event(3, "progress", phase="training · loss 0.1"),
        train_event(4, type="warn", code="slow", detail="no GPU"),
        event(5, "error", error={"message": "It broke."}),
    ]

    assert event_lines(events, ENGLISH) == [
        "16:00:01  Running", "16:00:02  training", "16:00:04  slow: no GPU", "16:00:05  It broke.",
    ]  # fmt: skip


def test_photos_are_called_as_their_user_called_them_and_two_of_one_name_are_told_apart():
    photos = ["01-0123456789.jpg", "01-abcdef0123-b0123456789ab.jpg", "me_2-0123456789.png"]
    job = replace(
        JOB, request={"photos": photos}, phase=f"looking at {photos[1]}", notes=(f"{photos[0]} is dark.",),
        error={"code": "X", "message": f"{photos[2]} shows nobody.", "advice": "Not 09-0123456789.jpg either."},
    )  # fmt: skip

    said = re.sub("<[^>]*>", " ", card_html(job, ENGLISH))

    assert "looking at 01.jpg (2) · 30 / 120" in said
    assert "01.jpg is dark." in said
    assert "me_2.png shows nobody." in said
    assert "Not 09.jpg either." in said  # a photo that is not among the job's


def test_an_uploaded_template_is_called_as_its_user_called_it():
    assert known_stem("beach-0123456789-a0123456789ab") == "beach"
    assert known_stem("03-room") == "03-room"
    assert known_stem("-0123456789") == "-0123456789"
