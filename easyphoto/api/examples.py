"""Examples of requests, answers and refusals, by operation; a test asks with them, and reads them as a client would."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from easyphoto.architectures.registry import FAMILIES

Examples = Mapping[str, tuple[str, Any]]
"""Name → what it shows, and the value."""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
"""A picture of one pixel, as PNG in base64."""
_FAMILY = next(family.id for family in FAMILIES.values() if not family.ships)
_UPLOAD = "me-at-home-1f2e3d4c5b.jpg"
_SAVED = {
    "easyphoto": "configuration",
    "version": 1,
    "kind": "photograph",
    "name": "beach",
    "base": "v1-5.safetensors",
    "settings": {"count": 2, "lora_weight": 0.8},
}
_QUEUED: dict[str, Any] = {
    "id": "20260131T120000Z-1a2b3c4d",
    "kind": "photograph",
    "title": "photograph anna",
    "persons": ["anna"],
    "state": "queued",
    "created": "2026-01-31T12:00:00.000Z",
    "started": None,
    "ended": None,
    "phase": "",
    "done": 0,
    "total": 0,
    "eta_seconds": None,
    "error": None,
    "notes": [],
    "run": None,
    "lane": None,
    "texts": {"photograph anna": {"code": "", "template": "photograph {persons}", "values": {"persons": "anna"}}},
}
_RUNNING = {
    **_QUEUED,
    "state": "running",
    "started": "2026-01-31T12:00:00.250Z",
    "phase": "first pass · face 1",
    "done": 12,
    "total": 50,
    "eta_seconds": 21.5,
    "lane": "cuda:1",
}
_DONE = {**_RUNNING, "state": "done", "ended": "2026-01-31T12:00:34.000Z", "done": 50, "eta_seconds": None}
_WHOLE: dict[str, Any] = {
    "previews": [],
    "files": [],
    "request": {"persons": ["anna"], "templates": ["03-room.png"], "settings": {"count": 1}, "version": 1},
    "result": None,
}
_MADE = {
    "previews": ["preview-0001.jpg"],
    "files": ["03-room-1.png", "report.html"],
    "result": {
        "pictures": [
            {
                "file": "03-room-1.png",
                "template": "03-room",
                "seed": 7,
                "score": 0.71,
                "likeness": [{"embedder": "sface", "cosine": 0.71, "percentile": None, "strangers": None}],
                "notes": [],
                "stages": [],
            }
        ],
        "report": "report.html",
        "seconds": {"first pass": 21.4},
        "folder": "20260131T120034Z-03-room",
    },
}
_PERSON = {
    "id": "anna",
    "name": "Anna Meyer",
    "family": _FAMILY,
    "domain": "photographs",
    "created": "2026-01-31T11:00:00Z",
    "is_ready": True,
    "is_trained": True,
    "photos": 12,
    "has_portrait": True,
    "likeness": {"embedder": "sface", "cosine": 0.71, "percentile": None, "strangers": None},
    "notes": [],
    "words": "grey hair, glasses",
    "proposed_words": "",
    "run": "20260131T110000Z-anna",
    "trained": None,
    "kind": "face",
    "texts": {},
}
_STYLE: dict[str, Any] = {
    "id": "office",
    "name": "Office",
    "name_zh": "职场形象",
    "group": "work",
    "medium": "photo",
    "positive": "business portrait photo, navy blue suit, white shirt, modern office with glass walls",
    "negative": "painting, drawing",
    "loras": [],
    "sizes": {_FAMILY: [512, 768]},
    "families": [_FAMILY],
    "licence": "CC0-1.0",
    "author": "the EasyPhoto authors",
    "own": False,
    "favourite": True,
    "drawn_with": None,
}
_FREE: dict[str, Any] = {
    "name": "cuda:0",
    "device": "NVIDIA GeForce RTX 4090, 24 GB",
    "node": None,
    "state": "idle",
    "job": None,
    "takes": [],
}
_LANES = [_FREE, {**_FREE, "name": "cuda:1", "state": "busy", "job": _RUNNING["id"]}]
_OWN = {"id": "own-beach", "title": "beach", "own": True}
_PHOTOS = [{"upload": _UPLOAD}, {"name": "in the garden.png", "data": PIXEL}]


def _one(words: str, value: Any) -> Examples:
    return {"one": (words, value)}


ASKED: Mapping[str, Examples] = MappingProxyType(
    {
        "checkPhotos": _one("One photo uploaded before, one in the request", {"photos": _PHOTOS}),
        "addPerson": _one("Anna, from her photos", {"name": "anna", "photos": _PHOTOS}),
        "trainPerson": {
            "photos": ("Photos and two settings", {"name": "anna", "photos": _PHOTOS, "settings": {"steps": 400}}),
            "scene": ("A room, which is used as the setting `scene`", {
                "name": "room", "photos": _PHOTOS, "kind": "scene", "words": "a room with a red sofa",
            }),
            "again": ("Somebody who was added before, from the photos that are kept", {"name": "anna"}),
        },
        "photograph": {
            "one": ("One person, two pictures", {"persons": ["anna"], "templates": [{"template": "03-room"}],
                                                 "settings": {"count": 2}}),
            "two": ("Two persons, and which face each takes", {
                "persons": ["anna", "ben"], "templates": [{"upload": _UPLOAD, "faces": [1, 0]}],
            }),
        },
        "placeObject": {
            "box": ("A cup on the table of a template that ships, by shares of the picture", {
                "name": "cup", "template": {"template": "03-room"},
                "box": {"left": 0.1, "top": 0.6, "width": 0.3, "height": 0.3},
            }),
            "mask": ("Where a mask is painted, four times", {
                "name": "rex", "template": {"upload": _UPLOAD}, "mask": {"name": "mask.png", "data": PIXEL},
                "settings": {"count": 4, "prompt": "sitting on the lawn"},
            }),
        },
        "drawTemplate": _one("A drawn garden", {"name": "garden", "prompt": "portrait of a woman in a garden"}),
        "drawPreviews": _one("Two styles", {"names": ["office", "beach"]}),
        "proposeWords": _one("Anna, from the photos that are kept", {"name": "anna"}),
        "changeWords": _one("Three facts", {"words": "grey hair, glasses, 60 years old"}),
        "markStyle": _one("There is nothing to say", {}),
        "chooseCheckpoint": _one("An earlier one, which has not learned too much", {"name": "room", "step": 400}),
        "resumeTraining": _one("A training that was cut off", {"run": "20260131T110000Z-anna"}),
        "setUpTrainer": _one("There is nothing to say", {}),
        "fetchWeights": _one("What photographs need", {"names": ["photographs"]}),
        "renamePerson": _one("Another name; the id stays", {"name": "Anna Meyer"}),
        "addTemplate": {
            "upload": ("A picture uploaded before", {"name": "beach", "picture": {"upload": _UPLOAD}}),
            "inline": ("A picture in the request", {"name": "beach", "picture": {"name": "beach.png", "data": PIXEL}}),
        },
        "uploadPictures": _one("A picture", {"name": "me at home.png", "data": PIXEL}),
        "saveConfiguration": _one("Two settings", {"configuration": _SAVED}),
        "trainAsIn2023": _one("Five fields of many", {"user_id": "anna", "instance_images": [PIXEL]}),
        "photographAsIn2023": _one("Three fields of many", {"user_ids": ["anna"], "init_image": PIXEL, "tabs": 1}),
    }
)  # fmt: skip
"""Bodies as JSON."""

_ACCEPTED = _one("The job waits", {**_QUEUED, **_WHOLE})
ANSWERED: Mapping[str, Examples] = MappingProxyType(
    {
        **dict.fromkeys(
            ("checkPhotos", "addPerson", "trainPerson", "chooseCheckpoint", "photograph", "placeObject", "drawTemplate",
             "drawPreviews", "proposeWords", "resumeTraining", "setUpTrainer", "fetchWeights"), _ACCEPTED,
        ),
        "listJobs": _one(
            "A page with another after it", {"jobs": [_RUNNING], "next": f"{_RUNNING['created']}~{_RUNNING['id']}"}
        ),
        "getJob": {
            "running": ("At work", {**_RUNNING, **_WHOLE}),
            "done": ("Over, with a picture", {**_DONE, **_WHOLE, **_MADE}),
        },
        "endJob": _one("Cancelled while it waited", {**_QUEUED, **_WHOLE, "state": "cancelled"}),
        "listPersons": _one("One person", {"persons": [_PERSON], "damaged": []}),
        "getPerson": _one("A trained person", _PERSON),
        "listCheckpoints": _one("Eight, of which the training took the last", {
            "run": _PERSON["run"], "steps": [100, 200, 300, 400, 500, 600, 700, 800], "chosen": None,
        }),
        "renamePerson": _one("Renamed", _PERSON),
        "changeWords": _one("Changed", _PERSON),
        "listStyles": _one("One style", {"styles": [_STYLE], "damaged": []}),
        "listPoses": _one("One pose", {"poses": [{
            "id": "standing", "name": "Standing", "name_zh": "站立", "width": 512, "height": 768, "people": 1,
            "author": "the EasyPhoto authors", "licence": "CC0-1.0",
        }]}),
        "markStyle": _one("A favourite", _STYLE),
        "unmarkStyle": _one("None any more", {**_STYLE, "favourite": False}),
        "importPerson": _one("Imported", _PERSON),
        "deletePerson": _one("All of it went", {"deleted": ["persons/anna", "runs/20260131T110000Z-anna"], "left": []}),
        "listTemplates": _one("One that ships, one of the user's own", {
            "templates": [{"id": "03-room", "title": "Room", "own": False}, _OWN],
        }),
        "addTemplate": _one("Kept", _OWN),
        "deleteTemplate": _one("Gone", {"deleted": ["templates/beach.png"]}),
        "uploadPictures": _one("Kept", {"uploads": [{"name": _UPLOAD, "size": 481516}]}),
        "listLanes": _one("Two cards, of which one is at work", {"lanes": _LANES, "texts": {}}),
        "listConfigurations": _one("One", {"configurations": [{"kind": "photograph", "name": "beach"}]}),
        "getConfiguration": _one("Two settings", {"configuration": _SAVED, "notes": []}),
        "saveConfiguration": _one("Saved", {"configuration": _SAVED, "notes": []}),
        "deleteConfiguration": _one("Gone", {"deleted": ["configurations/photograph/beach.json"]}),
        "trainAsIn2023": _one("Trained", {"message": "The training has been completed.", "notes": []}),
        "photographAsIn2023": _one("Made", {
            "message": "Template 1 Success.", "outputs": [PIXEL], "face_id_outputs": [], "notes": [],
        }),
    }
)  # fmt: skip


def _refusal(code: str, message: str, advice: str) -> tuple[str, dict[str, str]]:
    return code, {"code": code, "message": message, "advice": advice}


REFUSED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    dict(
        (
            _refusal("Unauthorised", "This needs an account.",
                     "Send HTTP Basic authentication with user and password."),
            _refusal("ForeignOrigin", "The request came from a page of another site.", "Use this server's own page."),
            _refusal("UnknownPerson", "There is no person 'ana'.", "Known: anna, ben."),
            _refusal("UnknownPose", "There is no pose 'standin'.", "Did you mean 'standing'?"),
            _refusal("UnknownStyle", "There is no style 'ofice'.", "Did you mean 'office'?"),
            _refusal("UnknownTemplate", "There is no template '3-room'.", "List the templates, or upload one."),
            _refusal("UnknownUpload", "There is no upload 'me.jpg'.", "Upload the picture first."),
            _refusal("UnknownJob", "There is no job 'x'.", "It may have been removed; list the jobs."),
            _refusal("UnknownRun", "There is no run 'x' to resume.", "Give the `run` that a training's job names."),
            _refusal("NameTaken", "There is already a template 'beach'.", "Choose another name."),
            _refusal("HostBusy", "anna is being trained or added already.",
                     "Wait until that job is over, or cancel it."),
            _refusal("TooLarge", "me.png is too large.", "A picture may have at most 40 MB."),
            _refusal("WrongMediaType", "The content type 'text/plain' is not accepted here.", "Send application/json."),
            _refusal("BadRequest", "The request does not match the API.",
                     "The OpenAPI document and /easyphoto/v1/capabilities describe the API."),
            _refusal("IdempotencyKeyReused", "This Idempotency-Key belongs to another request.",
                     "Send each request with a key of its own; only a repetition has the same."),
            _refusal("InternalError", "EasyPhoto ran into an internal error: KeyError.",
                     "The traceback is in the log."),
            _refusal("ServerCloses", "The server is closing.", "Ask again in a moment."),
            _refusal("DiskFailure", "No space left on device.",
                     "Check free space, and that the folder exists and can be written to; then try again."),
        )
    )
)  # fmt: skip
"""Code → error, of those that clients meet first."""
