"""What the parts of a trial share: the web UI, what was asked for, the table, and ways to wait for jobs."""

from __future__ import annotations

import argparse
import base64
import io
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageStat

from host_trial.rows import NotTried, Table, expect
from host_trial.web import API, Web

OVER = ("done", "failed", "cancelled", "interrupted")
SIDE, STEPS, SEED = 256, 6, 7
PATIENCE = 900.0
_BETWEEN_LOOKS = 0.5
# A control at work, as each web UI's own log says it.
CONTROL_LINES = {
    "a1111": r"Loading model(?: from cache)?: control\S*",
    "forge": r"ControlNet Method \S+ patched",
}
HOOKED = r"ControlNet Hooked - Time"


@dataclass(frozen=True)
class Course:
    web: Web
    said: argparse.Namespace
    table: Table

    @property
    def person(self) -> str:
        return str(self.said.person)

    @property
    def base(self) -> dict[str, Any]:
        return {"base": self.said.checkpoint}

    def photos(self) -> list[Path]:
        kinds = (".jpg", ".jpeg", ".png", ".webp")
        return sorted(file for file in self.said.photos.iterdir() if file.suffix.lower() in kinds)

    def start(self, verb: str, body: dict[str, Any]) -> str:
        """The id of the job that began."""
        answer = self.web.post(f"{API}/{verb}", body)
        expect(answer.status == 202, f"/{verb} answered {answer.status}: {answer.words}")
        return str(answer.json["id"])

    def job(self, id: str) -> dict[str, Any]:
        answer = self.web.get(f"{API}/jobs/{id}")
        expect(answer.status == 200, f"/jobs/{id} answered {answer.status}: {answer.words}")
        return dict(answer.json)

    def wait(self, id: str, until: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        """The job when it is over, or as soon as `until` holds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            job = self.job(id)
            if job["state"] in OVER or (until is not None and until(job)):
                return job
            time.sleep(_BETWEEN_LOOKS)
        expect(False, f"the job {id} was not over after {PATIENCE:.0f} s")
        raise AssertionError

    def done(self, id: str) -> dict[str, Any]:
        """The result of a job that must end well."""
        job = self.wait(id)
        expect(job["state"] == "done", f"the job ended as {job['state']}: {job['error'] or job['notes']}")
        return dict(job["result"])

    def file(self, job: str, name: str) -> bytes:
        answer = self.web.get(f"{API}/jobs/{job}/files/{name}")
        expect(answer.status == 200, f"the file {name} answered {answer.status}: {answer.words}")
        return answer.body

    def log_mark(self) -> int:
        return self.said.log.stat().st_size if self.said.log is not None else 0

    def log_since(self, mark: int) -> str:
        """What the web UI has logged since. Raises NotTried where its log was not named."""
        if self.said.log is None:
            raise NotTried("the web UI's log was not named (--log)")
        with self.said.log.open("rb") as stream:
            stream.seek(mark)
            return stream.read().decode("utf-8", "replace")


def encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def picture_of(content: bytes | str) -> Image.Image:
    data = base64.b64decode(content.split(",", 1)[-1]) if isinstance(content, str) else content
    return Image.open(io.BytesIO(data))


def painted(course: Course, prompt: str = "a portrait", verb: str = "txt2img", **more: Any) -> tuple[Image.Image, str]:
    """A picture by the host's own API, and its infotext."""
    body = {
        "prompt": prompt, "steps": STEPS, "width": SIDE, "height": SIDE, "seed": SEED, "cfg_scale": 5,
        "sampler_name": "Euler", "scheduler": "Automatic", **more,
    }  # fmt: skip
    answer = course.web.post(f"/sdapi/v1/{verb}", body)
    expect(answer.status == 200, f"/sdapi/v1/{verb} answered {answer.status}: {answer.words}")
    info = json.loads(answer.json["info"])
    return picture_of(answer.json["images"][0]).convert("RGB"), str(info["infotexts"][0])


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean over all pixels and channels, of 255."""
    if one.size != other.size:
        return 255.0
    return float(sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3)


def count(pattern: str, text: str) -> int:
    return len(re.findall(pattern, text))
