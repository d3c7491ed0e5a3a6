"""Parses the files of a multipart form in memory, because photos must not be written to temporary files elsewhere."""

import re
from email.message import Message
from urllib.parse import unquote

from easyphoto.api.errors import BadRequest
from easyphoto.messages import text

_HEADERS_END = b"\r\n\r\n"
_PLAIN_NAME = re.compile(r'\bfilename="([^"]*)"', re.IGNORECASE)
_CODED_NAME = re.compile(r"\bfilename\*=utf-8''([^;\s]+)", re.IGNORECASE)


def form_files(content_type: str, body: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return file name and content of every file part. Raises BadRequest for an invalid form."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary.isascii():
        raise BadRequest(text("The form has no boundary."), advice=text("Send multipart/form-data as browsers do."))
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("ascii"))
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise BadRequest(text("The form is cut off."), advice=text("Send it again."))
    files = (_file(part) for part in parts[1:-1])
    return tuple(file for file in files if file is not None)


def _file(part: bytes) -> tuple[str, bytes] | None:
    head, found, content = part.removeprefix(b"\r\n").partition(_HEADERS_END)
    if not found:
        raise BadRequest(
            text("A part of the form has no headers."), advice=text("Send multipart/form-data as browsers do.")
        )
    # Browsers send UTF-8 here, although the e-mail format allows only ASCII.
    words = head.decode("utf-8", "replace")
    if coded := _CODED_NAME.search(words):
        return unquote(coded[1]), content
    plain = _PLAIN_NAME.search(words)
    return None if plain is None else (plain[1], content)
