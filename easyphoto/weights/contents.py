"""What a file holds in place of a model, told by its first bytes: pages and pointers that were saved under a model's
name, and other programs' formats.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import NotAFile
from easyphoto.messages import Text, text
from easyphoto.storage.files import open_regular

ENOUGH = 512
"""Bytes of a file's beginning by which everything here is told."""
_MOST_QUOTED = 80
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_SIZE = re.compile(rb"^size (\d+)$", re.MULTILINE)
_ANNEX = re.compile(rb"(\.\./)*(\.git|/)?/?annex/objects/")
_PAGE = (b"<!doctype html", b"<html", b"<head", b"<!--")
_AGAIN = text("Download or copy the file again.")
_CONVERTED = text("Use the same model as .safetensors, in 16 bit.")


@dataclass(frozen=True)
class Mistaken:
    """What a file is, to follow “is”, and what to do about it."""

    what: Text
    advice: Text


def _archive(kind: str) -> tuple[Text, Text]:
    return text("an archive ({kind})", kind=kind), text("Unpack it, and name the file in it.")


ARCHIVE = Mistaken(*_archive("ZIP"))


def mistaken(beginning: bytes) -> Mistaken | None:
    """What the file is that begins so, if no model begins so; None: it may be one.

    A safetensors file is never mistaken, nor a pickle, nor a ZIP archive: torch writes pickles as archives.
    """
    if begins_like_safetensors(beginning):
        return None
    return stand_in(beginning) or _binary(beginning) or _description(beginning) or _text(beginning)


def stand_in(beginning: bytes) -> Mistaken | None:
    """What was saved in place of a file of whatever kind: nothing, a web page or a repository's pointer; else None."""
    if not beginning:
        return Mistaken(text("empty"), _AGAIN)
    if looks_like_a_web_page(beginning):
        return Mistaken(
            text("a web page"),
            text(
                "The site has sent it in place of the file. Log in there and accept the licence if it asks for that, "
                "then download the file itself."
            ),
        )
    return _pointer(beginning)


def stand_in_at(file: Path) -> Mistaken | None:
    """The same for a file; None if it cannot be read."""
    try:
        with open_regular(file) as stream:
            return stand_in(stream.read(ENOUGH))
    except (OSError, NotAFile):
        return None


def begins_like_safetensors(beginning: bytes) -> bool:
    """Whether a length of a header stands first, which the bytes of no text make, and then the header's brace."""
    return beginning[8:9] == b"{" and int.from_bytes(beginning[:8], "little") < 1 << 40


def _description(beginning: bytes) -> Mistaken | None:
    """A file of a model that describes the others."""
    if b'"weight_map"' in beginning or b'"total_size"' in beginning:
        what = text("the list of a model's parts, which lie beside it")
    elif b'"_class_name"' in beginning or b'"architectures"' in beginning:
        what = text("a configuration, which describes the files beside it")
    else:
        return None
    return Mistaken(what, text("Give the model's folder, or a checkpoint in one file."))


def looks_like_a_web_page(beginning: bytes) -> bool:
    """Whether the bytes begin a log-in or error page, sent with the status of a file."""
    return beginning.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower().startswith(_PAGE)


def _pointer(beginning: bytes) -> Mistaken | None:
    if beginning.startswith(_POINTER):
        size = _POINTER_SIZE.search(beginning)
        what = (
            text("a Git LFS pointer, which only stands for the file ({size:,.1f} MB)", size=int(size[1]) / 1e6)
            if size
            else text("a Git LFS pointer, which only stands for the file")
        )
        return Mistaken(
            what, text("Run `git lfs pull` in the repository that it comes from, or download the file from its page.")
        )
    if _ANNEX.match(beginning):
        return Mistaken(
            text("a git-annex pointer, which only stands for the file"),
            text("Run `git annex get` in the repository that it comes from."),
        )
    return None


def _text(beginning: bytes) -> Mistaken | None:
    """A text that a server has sent in place of the file, such as its error."""
    try:
        # The last letter may be cut through.
        said = beginning.decode("utf-8-sig", "ignore" if len(beginning) >= ENOUGH else "strict").strip()
    except UnicodeDecodeError:
        return None
    if not said or not all(letter.isprintable() or letter.isspace() for letter in said):
        return None
    return Mistaken(
        text("a text: {beginning}", beginning=_quoted(said)),
        text("A server has probably sent it in place of the file. See what it says, and download the file again."),
    )


def _quoted(said: str) -> str:
    """The text's beginning in one line; of a server's error in JSON, what it says."""
    try:
        content = json.loads(said)
    except ValueError:
        content = None
    if isinstance(content, dict):
        worded = [content[key] for key in ("error", "message", "detail") if isinstance(content.get(key), str)]
        said = worded[0] if worded else said
    line = " ".join(said.split()).rstrip(".")
    return line if len(line) <= _MOST_QUOTED else f"{line[:_MOST_QUOTED]}…"


def _binary(beginning: bytes) -> Mistaken | None:
    for magic, what, advice in _BINARIES:
        if beginning.startswith(magic):
            return Mistaken(what, advice)
    if beginning[257:262] == b"ustar":
        return Mistaken(*_archive("TAR"))
    if len(beginning) >= ENOUGH and not any(beginning):
        return Mistaken(text("a download that has not finished: it begins with zeros"), _AGAIN)
    return None


_BINARIES: tuple[tuple[bytes | tuple[bytes, ...], Text, Text], ...] = (
    (b"GGUF", text("a GGUF file, with quantised weights"), _CONVERTED),
    ((b"\x08\x03\x12", b"\x08\x04\x12", b"\x08\x05\x12", b"\x08\x06\x12", b"\x08\x07\x12", b"\x08\x08\x12",
      b"\x08\x09\x12", b"\x08\x0a\x12"), text("an ONNX network"), _CONVERTED),
    (b"\x89HDF", text("an HDF5 file, as Keras writes it"), _CONVERTED),
    (b"ftrt", text("a TensorRT engine"), _CONVERTED),
    (b"\0\x05\x16\x07", text("what macOS keeps beside a file (._)"), text("Give the file without ._ in its name.")),
    (b"L\0\0\0\x01\x14\x02\0", text("a shortcut of Windows"), text("Give the file that it leads to.")),
    (b"\x1f\x8b", *_archive("GZIP")),
    (b"7z\xbc\xaf\x27\x1c", *_archive("7Z")),
    (b"Rar!", *_archive("RAR")),
    (b"\xfd7zXZ", *_archive("XZ")),
    (b"\x28\xb5\x2f\xfd", *_archive("ZSTD")),
    ((b"\x89PNG", b"\xff\xd8\xff", b"RIFF"), text("a picture"),
     text("Give the model's own file; beside it, sites often offer a preview of the same name.")),
)  # fmt: skip
