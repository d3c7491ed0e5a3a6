"""Requests that must be refused, each with its status, and nothing written outside the workspace meanwhile."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from host_trial.course import Course, encoded
from host_trial.rows import NotTried, expect
from host_trial.web import API, Answer

PART = "refusals"
PATHS = ("../../x", "/etc/passwd", "C:\\x", "..%2f..%2fx", "%2e%2e/x", "a\x00b", "~")
ADDRESSES = (
    "http://127.0.0.1:1/x.png",
    "https://example.org/x.png",
    "file:///etc/passwd",
    "data:text/html;base64,eA==",
)
TINY = base64.b64encode(bytes.fromhex("89504e470d0a1a0a")).decode()
MEGABYTE = 1_000_000
Tree = Mapping[str, tuple[int, int]]


def try_refusals(course: Course) -> None:
    row = course.table.row
    before = tree_of(course.said.host_folder, course.said.workspace) if course.said.host_folder else None
    template = {"template": "01-lights"}
    with row(PART, "unknown fields") as seen:
        train = {"name": "x", "photos": [{"name": "a.png", "data": TINY}]}
        seen.append(refused(course, "/train", {**train, "nonsense": 1}, 422))
        seen.append(refused(course, "/train", {**train, "settings": {"stepz": 1}}, 422))
        seen.append(refused(course, "/photograph", {"persons": ["x"], "templates": [template], "x": 1}, 422))
        seen.append(refused(course, "/photos:check", [], 422))
    with row(PART, "no JSON, another media type") as seen:
        answer = course.web.ask("POST", f"{API}/train", b"{", headers={"Content-Type": "application/json"})
        seen.append(with_status(answer, 400, 422))
        answer = course.web.ask("POST", f"{API}/train", b"{}", headers={"Content-Type": "text/plain"})
        seen.append(with_status(answer, 415))
    with row(PART, "50 MB of base64 that is no picture, and 70 MB") as seen:
        photo = {"name": "a.png", "data": "A" * 50 * MEGABYTE}
        seen.append(refused(course, "/photos:check", {"photos": [photo]}, 422))
        seen.append(refused(course, "/uploads", photo, 422))
        seen.append(with_status(course.web.announce(f"{API}/photos:check", 70 * MEGABYTE), 413))
        seen.append(with_status(course.web.announce(f"{API}/uploads", 70 * MEGABYTE), 413))
    with row(PART, "paths where a name belongs") as seen:
        seen.append(paths_refused(course))
    with row(PART, "addresses where a picture belongs") as seen:
        seen.append(addresses_refused(course))
    try_auth(course)
    with row(PART, "nothing was written outside the workspace") as seen:
        if before is None:
            raise NotTried("the web UI's folder was not named (--host-folder)")
        after = tree_of(course.said.host_folder, course.said.workspace)
        changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        expect(not changed, f"changed: {', '.join(changed[:10])}")
        seen.append(f"{len(after)} files looked at, by size and time")


def paths_refused(course: Course) -> str:
    photo = {"name": "a.png", "data": encoded(course.photos()[0])}
    for path in PATHS:
        if "%" not in path:
            refused(course, "/train", {"name": path, "photos": [photo]}, 422)
            refused(course, "/templates", {"name": path, "picture": photo}, 422)
            refused(course, "/photos:check", {"photos": [{"upload": path}]}, 404, 422)
            refused(course, "/photograph", {"persons": [path], "templates": [{"template": "01-lights"}]}, 404, 422)
            refused(course, "/photograph", {"persons": [course.person], "templates": [{"template": path}]}, 404, 422)
            refused(course, "/resume", {"run": path}, 404, 422)
            refused(course, "/train", {"name": "x", "photos": [photo], "options": {"base": path}}, 422)
        for place in ("persons/{}", "persons/{}/portrait", "persons/{}/export", "jobs/{}", "templates/{}/picture"):
            asked = path.replace("\x00", "%00").replace("\\", "%5C").replace("/", "%2f")
            with_status(course.web.get(f"{API}/{place.format(asked)}"), 404, 422)
    return f"{len(PATHS)} kinds of path, in bodies and in addresses"


def addresses_refused(course: Course) -> str:
    for address in ADDRESSES:
        refused(course, "/photos:check", {"photos": [{"name": "a.png", "data": address}]}, 422)
        refused(course, "/photos:check", {"photos": [{"upload": address}]}, 404, 422)
        refused(course, "/uploads", {"name": "a.png", "data": address}, 422)
    picture = {"persons": [course.person], "templates": [{"name": "a.png", "data": ADDRESSES[0]}]}
    return refused(course, "/photograph", picture, 422)


def try_auth(course: Course) -> None:
    with course.table.row(PART, "without an account, and with a wrong one") as seen:
        if course.web.account is None:
            raise NotTried("the web UI was started without --api-auth, or --auth was not given")
        job = course.web.get(f"{API}/jobs").json["jobs"][0]["id"]
        asked = (
            "capabilities",
            "jobs",
            f"jobs/{job}",
            f"jobs/{job}/events",
            f"jobs/{job}/files/report.html",
            "persons",
            "templates",
        )
        for account in (None, "somebody:else"):
            stranger = replace(course.web, account=account)
            for path in asked:
                with_status(stranger.get(f"{API}/{path}"), 401)
            for path in ("/train", "/photograph", "/uploads", "/setup"):
                with_status(stranger.post(API + path, {}), 401)
            for path in ("train", "infer"):
                with_status(stranger.post(f"/easyphoto/easyphoto_{path}_forward", {}), 401)
        seen.append(f"401 at {len(asked) + 6} routes, events and files among them")


def refused(course: Course, path: str, body: Any, *statuses: int) -> str:
    return with_status(course.web.post(API + path, body), *statuses, of=json.dumps(body)[:80])


def with_status(answer: Answer, *statuses: int, of: str = "") -> str:
    expect(answer.status in statuses, f"{of} answered {answer.status}, not {statuses}: {answer.words[:200]}")
    return f"{answer.status} {answer.words[:60]}"


def tree_of(root: Path, without: Path | None) -> Tree:
    """Every file below `root` by size and time; links are not followed, and what Python compiles is left out."""
    left_out = without.resolve() if without is not None else None
    found: dict[str, tuple[int, int]] = {}
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name != "__pycache__" and (Path(folder) / name).resolve() != left_out]
        for name in files:
            said = os.lstat(os.path.join(folder, name))
            found[os.path.relpath(os.path.join(folder, name), root)] = (said.st_size, said.st_mtime_ns)
    return found
