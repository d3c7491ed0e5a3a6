"""A photograph without a template: drawn from words in the host, with a pose and two LoRAs, then painted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from host_trial.course import Course, difference, picture_of
from host_trial.rows import expect
from host_trial.stage import FACE_WORD, SHARE
from host_trial.stopping import cancelled
from host_trial.web import API

PART = "words"
WIDTH, HEIGHT = 256, 320
SETTINGS = {
    "prompt": f"{FACE_WORD} a violinist on a stage, evening light", "scene": "room:0.8", "first_steps": 4,
    "second_steps": 4, "resolution": 256, "seed": 11, "count": 1,
}  # fmt: skip
DRAWING = {"pose": "violin", "size": f"{WIDTH}x{HEIGHT}", "drawing_steps": 4}
UNIT = "control_v11p_sd15_openpose"
LEAST = 0.2
"""Of 255: what a control or a LoRA must change at the least, on average, above the drawn face. The same request twice
gives the same bytes."""


def words_body(course: Course, settings: dict[str, Any] | None = None, **drawing: Any) -> dict[str, Any]:
    return {
        "persons": [course.person],
        "settings": {**SETTINGS, **(settings or {})},
        "drawing": {**DRAWING, **drawing},
        "options": course.base,
    }


def try_words(course: Course) -> None:
    row = course.table.row
    mark = course.log_mark()
    whole: Image.Image | None = None
    with row(PART, "a pose and two LoRAs: drawn, painted, told in the record") as seen:
        whole, record, notes = photographed(course, words_body(course))
        drawn = record["drawn"]
        conditions = [(each["name"], each["weight"]) for each in drawn["conditions"]]
        seen.append(f"{whole.width}×{whole.height}; controls {drawn['controls']}; {conditions}")
        seen.append(f"notes: {' '.join(notes) or 'none'}")
        expect(whole.size == (WIDTH, HEIGHT), f"the picture is {whole.size}")
        expect(drawn["controls"] == ["openpose"], "the pose was not applied")
        expect([weight for _, weight in conditions] == [0.25, 0.8], "the LoRAs have other weights")
    with row(PART, "the same by the web UI's log") as seen:
        log = course.log_since(mark)
        seen.append(f"{log.count(UNIT)} × {UNIT}")
        expect(UNIT in log, "the log does not name the pose's model")
        expect("Error running process" not in log, "the log has an error of a script")
    with row(PART, "the same again is the same picture") as seen:
        again, _, _ = photographed(course, words_body(course))
        seen.append(f"difference {difference(needed(whole), again):.3f}")
        expect(difference(needed(whole), again) == 0, "it is another picture")
    for what, body in (
        ("the pose", words_body(course, pose="")),
        ("the scene's LoRA", words_body(course, {"scene": ""})),
        ("the person's LoRA", words_body(course, drawing_lora_weight=0.0)),
    ):
        with row(PART, f"{what} changes what is around the face") as seen:
            without, _, _ = photographed(course, body)
            changed = difference(beside(needed(whole)), beside(without))
            seen.append(f"{changed:.2f} of 255")
            expect(changed >= LEAST, "it changes nothing that could be seen")
    _try_more(course)


def _try_more(course: Course) -> None:
    row = course.table.row
    with row(PART, "drawn a second time, larger") as seen:
        larger, record, notes = photographed(course, words_body(course, hires=True))
        seen.append(f"{larger.width}×{larger.height}; notes: {' '.join(notes) or 'none'}")
        expect(larger.size == (WIDTH * 3 // 2, HEIGHT * 3 // 2), "it has another size")
    with row(PART, "another checkpoint draws, and the host has its own afterwards") as seen:
        _, record, _ = photographed(course, words_body(course, template_base=course.said.other))
        seen.append(f"drawn by {record['drawn']['checkpoint']}; the host has {chosen(course)}")
        expect(course.said.other in record["drawn"]["checkpoint"], "the other one did not draw")
        expect(course.said.checkpoint in chosen(course), "the host was left with another checkpoint")
    with row(PART, "the same after a cancel") as seen:
        job = course.start("photograph", words_body(course, template_base=course.said.other, drawing_steps=150))
        course.wait(job, lambda now: "drawing" in now["phase"] and now["done"] > 0)
        seen.append(f"{cancelled(course, job)}; the host has {chosen(course)}")
        expect(course.said.checkpoint in chosen(course), "the host was left with another checkpoint")
    with row(PART, "an unknown pose is refused with what was meant") as seen:
        answer = course.web.post(f"{API}/photograph", words_body(course, pose="violn"))
        seen.append(f"{answer.status}: {answer.words}")
        expect(answer.status in (404, 422) and "violin" in answer.words, "it was not refused")


def photographed(course: Course, body: dict[str, Any]) -> tuple[Image.Image, dict[str, Any], list[str]]:
    """The picture, its record, and the notes on it."""
    job = course.start("photograph", body)
    made = course.done(job)["pictures"][0]
    picture = picture_of(course.file(job, made["file"]))
    return picture.convert("RGB"), json.loads(picture.info["easyphoto"]), list(made["notes"])


def beside(picture: Image.Image) -> Image.Image:
    """What lies above the drawn face, where nothing is laid over and no pass paints."""
    return picture.crop((0, 0, picture.width, int((picture.height - SHARE * min(picture.size)) / 2)))


def chosen(course: Course) -> str:
    return str(course.web.get("/sdapi/v1/options").json["sd_model_checkpoint"])


def needed(picture: Image.Image | None) -> Image.Image:
    expect(picture is not None, "there is no picture")
    assert picture is not None
    return picture


def take_in(course: Course, archive: Path) -> None:
    """The trial's person, as another EasyPhoto has exported them."""
    with course.table.row(PART, "a person with a LoRA is imported") as seen:
        course.web.delete(f"{API}/persons/{course.person}")
        body = archive.read_bytes()
        answer = course.web.ask("POST", f"{API}/persons:import", body, headers={"Content-Type": "application/zip"})
        seen.append(f"{answer.status}: {answer.words[:120]}")
        expect(answer.status == 201, "it was refused")
