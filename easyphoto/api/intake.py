"""Turns requests into what the service takes: pictures, options, settings. No client's text becomes a path."""

import base64
import binascii
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from easyphoto.api.errors import BadRequest, TooLarge, UnknownTemplate, UnknownUpload, UrlRefused
from easyphoto.api.models import given
from easyphoto.commands.templates import TemplateEntry
from easyphoto.errors import BadPicture, InputError
from easyphoto.jobs.bases import check_base
from easyphoto.jobs.service import Service
from easyphoto.jobs.uploads import MOST_BYTES, Upload
from easyphoto.messages import text
from easyphoto.settings.declarations import Settings, settings_from
from easyphoto.settings.options import Options
from easyphoto.settings.presets import preset

S = TypeVar("S", bound=Settings)
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*:(?!image/|application/octet-stream)", re.IGNORECASE)
_DATA_PREFIX = re.compile(r"\s*data:[^,]{0,200};base64,", re.IGNORECASE)


@dataclass(frozen=True)
class TakenPhotos:
    paths: tuple[Path, ...]
    faces: dict[str, int]
    """File name → number of the chosen face, where a request names one."""
    reference: str | None


def take_photos(service: Service, photos: list[Any], reference: str | None) -> TakenPhotos:
    """Store the photos, the same photo only once. `reference` names an upload or a picture of the request."""
    kept = [(take_picture(service, photo), photo) for photo in photos]
    faces = {upload.name: photo.face for upload, photo in kept if photo.face is not None}
    called = {getattr(photo, "name", upload.name): upload.name for upload, photo in kept}
    wanted = called.get(reference, reference) if reference is not None else None
    return TakenPhotos(tuple(dict.fromkeys(upload.path for upload, _ in kept)), faces, wanted)


def take_templates(
    service: Service, templates: list[Any]
) -> tuple[tuple[Path, ...], tuple[tuple[int, ...] | None, ...]]:
    """Return the templates' files, and each one's assignment of faces. Raises BadRequest for a repeated template."""
    paths = [take_template(service, template) for template in templates]
    if len(set(paths)) < len(paths):
        raise BadRequest(
            text("A template is named twice."), advice=text("Name it once; `count` makes several pictures of it.")
        )
    return tuple(paths), tuple(None if each.faces is None else tuple(each.faces) for each in templates)


def take_template(service: Service, template: Any) -> Path:
    """Return the file of a template that is named, uploaded before, or sent with the request."""
    is_known = hasattr(template, "template")
    return find_template(service, template.template).path if is_known else take_picture(service, template).path


def take_picture(service: Service, picture: Any) -> Upload:
    """Return an earlier upload, or store a picture sent with the request."""
    if hasattr(picture, "upload"):
        return find_upload(service, picture.upload)
    return service.keep(picture.name, decoded(picture.name, picture.data))


def picture_content(service: Service, picture: Any) -> bytes:
    """Return the bytes of an earlier upload, or of a picture sent with the request, which is not stored."""
    if hasattr(picture, "upload"):
        try:
            return find_upload(service, picture.upload).path.read_bytes()
        except FileNotFoundError as error:
            raise UnknownUpload(
                text("The upload {upload!r} is gone.", upload=picture.upload), advice=text("Upload it again.")
            ) from error
    return decoded(picture.name, picture.data)


def find_upload(service: Service, name: str) -> Upload:
    if _ADDRESS.match(name):
        raise url_refused(name)
    try:
        return service.upload(name)
    except InputError as error:
        raise UnknownUpload(
            error.message, advice=text("Upload the picture first, and use the name in the answer.")
        ) from error


def find_template(service: Service, id: str) -> TemplateEntry:
    try:
        return service.template(id)
    except InputError as error:
        raise UnknownTemplate(text("There is no template {name!r}.", name=id), advice=error.advice) from error


def decoded(name: str, data: str) -> bytes:
    """Decode a base64 text, with or without a data: prefix. Raises UrlRefused, TooLarge, BadPicture."""
    prefix = _DATA_PREFIX.match(data)
    if prefix is None and _ADDRESS.match(data[:200]):
        raise url_refused(name)
    written = data[prefix.end() :] if prefix else data
    if len(written) > MOST_BYTES * 4 // 3 + 1_000_000:
        raise TooLarge(
            text("{name} is too large.", name=name),
            advice=text("A picture may have at most {most_bytes} MB.", most_bytes=MOST_BYTES // 1_000_000),
        )
    try:
        # Lines of 76 letters are common; anything else that is not base64 is an error.
        return base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPicture(
            text("{name} is not valid base64.", name=name), advice=text("Send the file's bytes as base64.")
        ) from error


def url_refused(name: str) -> UrlRefused:
    return UrlRefused(
        text("{name} is a web address.", name=name[:80]),
        advice=text("Nothing is downloaded here: send the picture itself as base64, or upload it."),
    )


def options_of(service: Service, asked: Any, *, starts_from_base: bool) -> Options:
    """Return the options. `starts_from_base`: the default base is the host's first one, not the person's."""
    values = given(asked)
    base = values.get("base")
    if base is not None:
        check_base(base, service.facts().checkpoints)
    elif starts_from_base:
        base = service.app.options.base or next(iter(service.facts().checkpoints), None)
    # Where the request says nothing, the server owner's options apply.
    faces = replace(service.app.options.faces, **values.get("faces") or {})
    weights = replace(service.app.options.weights, **values.get("weights") or {})
    return Options(base=base, engine=values.get("engine", service.app.options.engine), faces=faces, weights=weights)


def settings_of(kind: type[S], asked: BaseModel | None, *, preset_name: str | None = None) -> S:
    if preset_name is None:
        return settings_from(kind, given(asked))
    return preset(kind, preset_name, **given(asked))
