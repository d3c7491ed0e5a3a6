"""What a file is that is not read as a picture, so that its owner is told what to do with it."""

from __future__ import annotations

from pathlib import PurePath

from easyphoto.messages import Text, text


class NotRead(ValueError):
    """A file of a known kind that is not read: `why` says what it is, as a sentence, `advice` what to do."""

    def __init__(self, why: Text, advice: Text) -> None:
        super().__init__(str(why))
        self.why, self.advice = why, advice


_VIDEO = text("It is a video."), text("Save single pictures of it as JPEG or PNG.")
_RAW = text("It is a camera's raw file, without a finished picture."), text("Export it as JPEG or TIFF.")
_LAYERS = text("It is an image editor's file with layers."), text("Export it as JPEG or PNG.")
_DRAWING = text("It is a vector drawing."), text("Export it as PNG.")
_ARCHIVE = (
    text("It is an archive."),
    text("Unpack it, and give the pictures in it."),
)
_DOCUMENT = text("It is a document."), text("Save its pictures as JPEG or PNG.")
_RARE = text("Its format is not among those that EasyPhoto reads."), text("Save it as JPEG or PNG.")
_SOUND = text("It is a sound."), text("Remove it.")
_TEXT = text("It is a text."), text("Remove it.")
_PAGE = text("It is a web page."), text("Save the picture itself: open it alone, then save it.")
_POINTER = (
    text("It is only a pointer to the picture, which lies in Git LFS."),
    text("Fetch the picture, for instance with git lfs pull."),
)
_EMPTY = text("It is empty."), text("Copy it again from where it came.")

_BEGINNINGS: tuple[tuple[bytes, int, tuple[Text, Text]], ...] = (
    (b"ftypqt  ", 4, _VIDEO),
    (b"ftypcrx ", 4, _RAW),
    (b"\x1aE\xdf\xa3", 0, _VIDEO),
    (b"AVI LIST", 8, _VIDEO),
    (b"\0\0\x01\xba", 0, _VIDEO),
    (b"FLV\x01", 0, _VIDEO),
    (b"FUJIFILM", 0, _RAW),
    (b"IIRO", 0, _RAW),
    (b"IIU\0", 0, _RAW),
    (b"8BPS", 0, _LAYERS),
    (b"gimp xcf", 0, _LAYERS),
    (b"%PDF", 0, _DOCUMENT),
    (b"%!PS", 0, _DRAWING),
    (b"\0\0\0\x0cjP  ", 0, _RARE),
    (b"\xffO\xffQ", 0, _RARE),
    (b"\0\0\0\x0cJXL ", 0, _RARE),
    (b"\xff\x0a", 0, _RARE),
    (b"\0\0\x01\0", 0, _RARE),
    (b"DDS ", 0, _RARE),
    (b"qoif", 0, _RARE),
    (b"\x76\x2f\x31\x01", 0, _RARE),
    (b"#?RADIANCE", 0, _RARE),
    (b"PK\x03\x04", 0, _ARCHIVE),
    (b"Rar!", 0, _ARCHIVE),
    (b"7z\xbc\xaf", 0, _ARCHIVE),
    (b"\x1f\x8b", 0, _ARCHIVE),
    (b"ustar", 257, _ARCHIVE),
    (b"ID3", 0, _SOUND),
    (b"fLaC", 0, _SOUND),
    (b"WAVEfmt", 8, _SOUND),
    (b"version https://git-lfs", 0, _POINTER),
)
"""What stands at which byte of a file, with what is said of it."""
_RAW_SUFFIXES = (".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw", ".nrw", ".3fr", ".iiq")
_RARE_SUFFIXES = (".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".pcx", ".jp2", ".j2k", ".jxl", ".wmf", ".emf", ".xpm")
_MARKUP = (b"<!doctype html", b"<html")


def why_not(beginning: bytes, name: str) -> NotRead | None:
    """What a file is that begins so (512 bytes are enough) and has that name; None for an unknown kind.

    A camera's raw file is known by its name: it is laid out as TIFF, whose first picture is a thumbnail.
    """
    if PurePath(name).suffix.lower() in _RAW_SUFFIXES:
        return NotRead(*_RAW)
    if not beginning:
        return NotRead(*_EMPTY)
    for mark, place, words in _BEGINNINGS:
        if beginning.startswith(mark, place):
            return NotRead(*words)
    if beginning[4:8] == b"ftyp":
        return NotRead(*_VIDEO)
    if PurePath(name).suffix.lower() in _RARE_SUFFIXES:
        return NotRead(*_RARE)
    return _of_text(beginning)


def _of_text(beginning: bytes) -> NotRead | None:
    start = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(_MARKUP):
        return NotRead(*_PAGE)
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return NotRead(*_DRAWING)
    try:
        # A letter may be cut at the end.
        beginning.decode("utf-8") if len(beginning) < 4 else beginning[:-3].decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if b"\0" in beginning else NotRead(*_TEXT)
