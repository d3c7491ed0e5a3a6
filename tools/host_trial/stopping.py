"""Cancelling, what the host does meanwhile, and whether it still paints afterwards."""

from __future__ import annotations

from typing import Any

from PIL import Image

from host_trial.course import Course, difference, painted
from host_trial.learning import train_body
from host_trial.portraits import photograph_body
from host_trial.rows import expect
from host_trial.web import API

PART = "cancel"
MANY = 20_000


def try_stopping(course: Course) -> None:
    row = course.table.row
    before: Image.Image | None = None
    with row(PART, "the host paints"):
        before, _ = painted(course)
    job = ""
    with row(PART, "while a training runs /sdapi/v1/txt2img is told so") as seen:
        job = course.start("train", train_body(course, f"{course.person}-cancelled", steps=MANY))
        wait_for_steps(course, job)
        answer = course.web.post("/sdapi/v1/txt2img", {"prompt": "x", "steps": 1, "width": 64, "height": 64})
        seen.append(f"{answer.status}: {answer.words}")
        expect(answer.status >= 400, "it answered with a picture")
        expect("EasyPhoto" in answer.words, "it does not say why")
    with row(PART, "a training is cancelled") as seen:
        seen.append(cancelled(course, job))
    with row(PART, "the host paints as before") as seen:
        seen.append(as_before(course, before))
    with row(PART, "a photograph is cancelled") as seen:
        job = course.start("photograph", photograph_body(course, first_steps=150, second_steps=150))
        course.wait(job, lambda now: "first pass" in now["phase"] and now["done"] > 0)
        seen.append(cancelled(course, job))
    with row(PART, "the host paints as before") as seen:
        seen.append(as_before(course, before))
    with row(PART, "a job that waits is cancelled at once") as seen:
        seen.append(cancelled_in_line(course))
    with row(PART, "the cancelled person is not there"):
        expect(course.web.get(f"{API}/persons/{course.person}-cancelled").status == 404, "the person is there")


def wait_for_steps(course: Course, job: str) -> None:
    for event in course.web.events(job):
        if event["type"] == "train" and '"step"' in str(event.get("line")):
            return
    state = course.job(job)
    expect(False, f"it made no step: {state['state']}, {state['error'] or state['notes']}")


def cancelled(course: Course, job: str) -> str:
    expect(job, "there is no job")
    answer = course.web.delete(f"{API}/jobs/{job}")
    expect(answer.status == 200, f"DELETE answered {answer.status}: {answer.words}")
    ended = course.wait(job)
    expect(ended["state"] == "cancelled", f"it ended as {ended['state']}: {ended['error']}")
    return f"ended as {ended['state']} in {ended['phase']!r}"


def cancelled_in_line(course: Course) -> str:
    first = course.start("photograph", photograph_body(course, first_steps=100))
    second = course.start("photograph", photograph_body(course))
    ended: dict[str, Any] = course.web.delete(f"{API}/jobs/{second}").json
    cancelled(course, first)
    expect(ended["state"] == "cancelled", f"it was {ended['state']}")
    return "the one behind it, too"


def as_before(course: Course, before: Image.Image | None) -> str:
    expect(before is not None, "there is no picture from before")
    now, _ = painted(course)
    apart = difference(now, before or now)
    expect(apart < 0.1, f"the picture is another one, difference {apart:.2f}")
    return f"difference {apart:.4f} of 255"
