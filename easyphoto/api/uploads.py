"""Pictures that are uploaded once and named in later requests."""

import json
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from easyphoto.api.errors import BadRequest
from easyphoto.api.guard import FORM, JSON
from easyphoto.api.intake import decoded
from easyphoto.api.multipart import form_files
from easyphoto.api.schemas import InlinePicture, UploadAnswer, UploadsAnswer
from easyphoto.jobs.service import Service
from easyphoto.messages import text

BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "data"],
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 200},
                    "data": {"type": "string", "minLength": 1, "description": "Base64, with or without data: prefix."},
                },
            }
        },
        FORM: {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        },
    },
}


@dataclass(frozen=True)
class UploadRoutes:
    service: Service

    async def add(self, request: Request) -> UploadsAnswer:
        """Keep pictures: one as base64 in JSON, or the files of a form."""
        return await run_in_threadpool(self._kept, request.headers["content-type"], await request.body())

    def _kept(self, kind: str, body: bytes) -> UploadsAnswer:
        pictures = form_files(kind, body) if kind.lower().startswith(FORM) else (json_picture(body),)
        if not pictures:
            raise BadRequest(text("The form has no file."), advice=text("Send the pictures as files."))
        kept = [(self.service.keep(name or "picture", content), len(content)) for name, content in pictures]
        return UploadsAnswer(uploads=[UploadAnswer(name=upload.name, size=size) for upload, size in kept])


def json_picture(body: bytes) -> tuple[str, bytes]:
    """Raises BadRequest for an invalid object, BadPicture for invalid base64."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(text("The body is not JSON."), advice=text("Send an object with name and data.")) from error
    if not isinstance(asked, dict):
        raise BadRequest(text("The body is not a JSON object."), advice=text("Send an object with name and data."))
    try:
        picture = InlinePicture(**asked)
    except (ValidationError, TypeError) as error:
        raise BadRequest(
            text("The body is not what is expected here."),
            advice=text("Send an object with name and data, both texts."),
        ) from error
    return picture.name, decoded(picture.name, picture.data)
