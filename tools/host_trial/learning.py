"""A person is checked and trained, and the host finds and applies the LoRA."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

from host_trial.course import Course, difference, encoded, painted
from host_trial.rows import NotTried, expect
from host_trial.web import API

PART = "train"
RESOLUTION = 256
# Modules that a LoRA of ours has, by family: those of the UNet, and those of all text encoders.
MODULES = {"sd15": (192, 72), "sdxl": (722, 264)}


def settings_of(course: Course) -> dict[str, Any]:
    return {
        "steps": course.said.steps, "batch": 1, "validations": 2, "validation_steps": 4, "resolution": RESOLUTION,
        "rank": 8, "alpha": 8,
    }  # fmt: skip


def inline(course: Course) -> list[dict[str, Any]]:
    return [{"name": file.name, "data": encoded(file)} for file in course.photos()]


def train_body(course: Course, name: str, **changes: Any) -> dict[str, Any]:
    settings = {**settings_of(course), **changes}
    return {"name": name, "photos": inline(course), "settings": settings, "options": course.base}


def try_learning(course: Course) -> dict[str, Any]:
    """The training's result; empty where it failed."""
    row = course.table.row
    with row(PART, "capabilities") as seen:
        told = course.web.get(f"{API}/capabilities").json
        host = told["host"]
        seen.append(f"{host['name']} ({host['kind']}); checkpoints {', '.join(host['checkpoints'])}")
        seen.append(f"warnings: {' '.join(host['warnings']) or 'none'}")
        expect(any(course.said.checkpoint in name for name in host["checkpoints"]), "the checkpoint is not listed")
    with row(PART, "photos:check") as seen:
        job = course.start("photos:check", {"photos": inline(course), "options": course.base})
        result = course.done(job)
        verdicts = result["verdicts"]
        kept = [each for each in verdicts if each["kept"]]
        reasons = sorted({str(each["reason"]) for each in verdicts if not each["kept"]})
        seen.append(f"{len(kept)} of {len(verdicts)} kept; set aside: {', '.join(reasons) or 'none'}")
        thumbnail = course.file(job, next(iter(result["files"].values())))
        expect(thumbnail[:2] == b"\xff\xd8", "the thumbnail is no JPEG")
    return trained(course)


def trained(course: Course) -> dict[str, Any]:
    result: dict[str, Any] = {}
    with course.table.row(PART, "training, followed by its events") as seen:
        job = course.start("train", train_body(course, course.person))
        kinds: dict[str, int] = {}
        for event in course.web.events(job):
            kinds[event["type"]] = kinds.get(event["type"], 0) + 1
        result = course.done(job)
        seen.append(", ".join(f"{number} {kind}" for kind, number in kinds.items()))
        seen.append(f"likeness {result['likeness']}; published {result['published']}")
        expect(kinds.get("train") and kinds.get("verdicts") and kinds.get("preview"), "an event is missing")
        expect(b"<html" in course.file(job, result["report"])[:2000].lower(), "the report is no page")
    return result


def try_lora(course: Course, trained_result: dict[str, Any]) -> None:
    row = course.table.row
    name = Path(str(trained_result.get("published") or "")).stem
    with row("LoRA", "the host lists it"):
        expect(name, "the training published no LoRA")
        names = [each["name"] for each in course.web.get("/sdapi/v1/loras").json]
        expect(name in names, f"{name} is not among {names}")
    with row("LoRA", "the host applies it by its name") as seen:
        mark = course.log_mark()
        without, _ = painted(course)
        with_it, infotext = painted(course, f"a portrait <lora:{name}:1>")
        again, _ = painted(course)
        changed, noise = difference(without, with_it), difference(without, again)
        seen.append(f"difference {changed:.2f} of 255, without it {noise:.3f}")
        expect(changed > max(2 * noise, 0.02), "the picture is the same with and without it")
        hashes = re.search(r'Lora hashes: "?([^"\n]*)', infotext)
        expect(hashes is not None and name in hashes.group(1), f"the infotext names no LoRA hash: {infotext[-200:]}")
    with row("LoRA", "every key matched") as seen:
        seen.append(matched_in_file(course, name))
        if lines := re.findall(
            r"\[LORA\] Loaded \S+ for \S+ with (\d+) keys .*?\(skipped (\d+) keys\)", log_or_empty(course, mark)
        ):
            seen.append(f"the web UI's log: {', '.join(f'{keys} keys, {skipped} skipped' for keys, skipped in lines)}")
            expect(all(skipped == "0" for _, skipped in lines), "keys were skipped")


def matched_in_file(course: Course, name: str) -> str:
    """The file's module names by part, held against what the family has."""
    if course.said.lora_folder is None:
        raise NotTried("the LoRA folder was not named (--lora-folder)")
    modules = modules_of(next(course.said.lora_folder.rglob(f"{name}.safetensors")))
    of_text = sum(module.startswith("lora_te") for module in modules)
    counts = (len(modules) - of_text, of_text)
    expect(counts in MODULES.values(), f"the file has {counts[0]} UNet modules and {counts[1]} of the text encoder")
    return f"the file has {counts[0]} modules of the UNet and {counts[1]} of the text encoder, all that there are"


def modules_of(file: Path) -> set[str]:
    """By the header alone."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    return {key.split(".")[0] for key in header if key != "__metadata__"}


def log_or_empty(course: Course, mark: int) -> str:
    return course.log_since(mark) if course.said.log is not None else ""
