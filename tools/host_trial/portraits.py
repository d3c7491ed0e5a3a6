"""Portraits: through EasyPhoto's own API, and by the always-on script in whatever the host's API generates."""

from __future__ import annotations

import json
from typing import Any

from PIL import Image

from host_trial.course import CONTROL_LINES, HOOKED, SEED, Course, count, difference, encoded, painted, picture_of
from host_trial.rows import NotTried, expect
from host_trial.web import API

PART = "photograph"
FAILURE, OF_PERSON = "EasyPhoto failure", "EasyPhoto person"
NOBODY = "somebody-unknown"
RESOLUTION = 512
SETTINGS = {"first_steps": 6, "second_steps": 6, "resolution": RESOLUTION, "seed": 11}
FIRST, SECOND = 3, 2
# LoRA weight and strengths; steps have no place, and low strengths make few of them.
BY_PLACE = (0.9, 0.2, 0.1)


def photograph_body(course: Course, **changes: Any) -> dict[str, Any]:
    template = {"name": course.said.template.name, "data": encoded(course.said.template)}
    return {
        "persons": [course.person],
        "templates": [template],
        "settings": {**SETTINGS, **changes},
        "options": course.base,
    }


def try_photograph(course: Course) -> None:
    row = course.table.row
    mark, record, picture = course.log_mark(), None, None
    with row(PART, "a portrait through /easyphoto/v1") as seen:
        job = course.start("photograph", photograph_body(course))
        result = course.done(job)
        made = result["pictures"][0]
        picture = picture_of(course.file(job, made["file"]))
        record = json.loads(picture.info["easyphoto"])
        template = Image.open(course.said.template)
        seen.append(f"score {made['score']}; {len(made['stages'])} stages; {sum(result['seconds'].values()):.0f} s")
        seen.append(f"notes: {' '.join(made['notes']) or 'none'}")
        expect(picture.size == template.size, f"its size is {picture.size}, the template's {template.size}")
        expect(difference(picture.convert("RGB"), template.convert("RGB")) > 0.1, "it is the template")
        expect(not any("layers fit" in note for note in made["notes"]), "not every layer of the LoRA fits")
    with row(PART, f"{FIRST} controls in the first pass, {SECOND} in the second, by the record") as seen:
        expect(record is not None, "there is no picture")
        passes = {each["pass"]: each["controls"] for each in (record or {})["passes"]}
        seen.append("; ".join(f"{name}: {', '.join(controls)}" for name, controls in passes.items()))
        expect([len(each) for each in passes.values()] == [FIRST, SECOND], "other numbers of controls")
    with row(PART, "the same by the web UI's log") as seen:
        text = course.log_since(mark)
        found = {kind: count(pattern, text) for kind, pattern in CONTROL_LINES.items()}
        seen.append(f"{max(found.values())} units at work, {count(HOOKED, text)} × hooked")
        expect(max(found.values()) == FIRST + SECOND, f"{found} units were at work, not {FIRST + SECOND}")
        expect("Error running process" not in text, "the log has an error of a script")
    with row(PART, "the same seed and settings give the same picture") as seen:
        expect(picture is not None, "there is no picture")
        again = course.start("photograph", photograph_body(course))
        other = picture_of(course.file(again, course.done(again)["pictures"][0]["file"]))
        apart = difference((picture or other).convert("RGB"), other.convert("RGB"))
        seen.append(f"difference {apart:.4f} of 255")
        expect(apart < 0.1, "they differ")


def try_always_on(course: Course) -> None:
    row = course.table.row
    with row("always-on", "/sdapi/v1/script-info lists it") as seen:
        known = [each for each in course.web.get("/sdapi/v1/script-info").json if each["name"] == "easyphoto"]
        expect({each["is_img2img"] for each in known} == {True, False}, "not in both tabs")
        seen.append(", ".join(argument["label"] for argument in known[0]["args"]))
    source = Image.open(course.said.template).convert("RGB")
    shown = {
        "init_images": [encoded(course.said.template)], "denoising_strength": 0.02, "steps": 20,
        "width": source.width // 8 * 8, "height": source.height // 8 * 8,
    }  # fmt: skip
    arguments: dict[str, list[Any]] = {
        "by place": [True, course.person, *BY_PLACE],
        "as an object": [{"person": course.person, **SETTINGS, "seed": SEED}],
    }
    for how, values in arguments.items():
        with row("always-on", f"img2img, arguments {how}") as seen:
            seen.append(put_in(course, "img2img", shown, values))
    with row("always-on", "txt2img") as seen:
        seen.append(put_in(course, "txt2img", {}, [True, course.person, *BY_PLACE]))
    with row("always-on", "an unknown person: the picture stays, the infotext says why") as seen:
        plain, _ = painted(course)
        same, infotext = painted(course, alwayson_scripts=script([True, NOBODY]))
        expect(difference(plain, same) < 0.1, "the picture is another one")
        expect(FAILURE in infotext and NOBODY in infotext, f"the infotext does not say it: {infotext[-200:]}")
        seen.append(infotext[infotext.index(FAILURE) :])


def put_in(course: Course, verb: str, more: dict[str, Any], values: list[Any]) -> str:
    """The person into a generated picture. Raises NotTried where the checkpoint paints nobody."""
    mark = course.log_mark()
    plain, before = painted(course, verb=verb, **more)
    made, infotext = painted(course, verb=verb, alwayson_scripts=script(values), **more)
    if FAILURE in infotext and "no face" in infotext:
        raise NotTried(f"the checkpoint paints no face; {infotext[infotext.index(FAILURE) :]}")
    expect(FAILURE not in infotext, infotext[infotext.find(FAILURE) :])
    expect(OF_PERSON in infotext and OF_PERSON not in before, f"the infotext lacks it: {infotext[-200:]}")
    changed = difference(plain, made)
    expect(changed > 0.1, "the picture is the same with and without it")
    said = f"difference {changed:.2f}; {infotext[infotext.index(OF_PERSON) :]}"
    if course.said.log is None:
        return said
    text = course.log_since(mark)
    return f"{max(count(each, text) for each in CONTROL_LINES.values())} units at work by the log; {said}"


def script(values: list[Any]) -> dict[str, Any]:
    return {"EasyPhoto": {"args": values}}


def try_persons(course: Course) -> None:
    row = course.table.row
    with row("persons", "listed, with portrait and export"):
        listed = [each["id"] for each in course.web.get(f"{API}/persons").json["persons"]]
        expect(course.person in listed, f"{course.person} is not among {listed}")
        expect(course.web.get(f"{API}/persons/{course.person}/portrait").status == 200, "there is no portrait")
        archive = course.web.get(f"{API}/persons/{course.person}/export")
        expect(archive.body[:2] == b"PK", f"the export answered {archive.status}: {archive.words}")
