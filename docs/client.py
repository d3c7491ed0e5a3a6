"""Adds a person and photographs them on an EasyPhoto server: `python client.py anna photo1.jpg photo2.jpg … beach.png`.

The last picture is the template; with no other, the person is there already. Needs httpx. EASYPHOTO_SERVER is the
server's address, http://127.0.0.1:7870 where it is not set; EASYPHOTO_ACCOUNT is an account, user:password, for a
server that asks for one.
"""

import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx

user, _, password = os.environ.get("EASYPHOTO_ACCOUNT", "").partition(":")
address = os.environ.get("EASYPHOTO_SERVER", "http://127.0.0.1:7870")
server = httpx.Client(base_url=f"{address}/easyphoto/v1", auth=(user, password) if user else None, timeout=60)


def answered(answer: httpx.Response) -> Any:
    if answer.is_error:
        error = answer.json()["error"]
        sys.exit(f"{error['code']}: {error['message']} {error['advice']}")
    return answer.json()


def uploaded(file: str) -> dict[str, str]:
    kept = answered(server.post("/uploads", files={"file": (Path(file).name, Path(file).read_bytes())}))
    return {"upload": kept["uploads"][0]["name"]}


def done(path: str, request: dict[str, Any]) -> Any:
    """The job of the request, when it is over. Sent again with the same key it would still be one job."""
    job = answered(server.post(path, json=request, headers={"Idempotency-Key": str(uuid.uuid4())}))
    with server.stream("GET", f"/jobs/{job['id']}/events", timeout=None) as events:
        for line in events.iter_lines():
            if line.startswith("data: ") and (phase := json.loads(line.removeprefix("data: ")).get("phase")):
                print(phase)
    job = answered(server.get(f"/jobs/{job['id']}"))
    if job["state"] != "done":
        sys.exit(f"{job['title']}: {job['state']}. {job['error']['message'] if job['error'] else ''}")
    return job


name, *photos, template = sys.argv[1:]
if photos:
    done("/persons", {"name": name, "photos": [uploaded(photo) for photo in photos]})
made = done("/photograph", {"persons": [name], "templates": [uploaded(template)], "settings": {"count": 1}})
for picture in made["result"]["pictures"]:
    file = server.get(f"/jobs/{made['id']}/files/{picture['file']}")
    Path(picture["file"]).write_bytes(file.content)
    print(picture["file"])
