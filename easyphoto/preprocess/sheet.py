"""The verdict sheet: a card for every photo with its face, the decision, the reason and the advice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from easyphoto.errors import BadPicture
from easyphoto.geometry import Size, square_around
from easyphoto.images.pictures import Font, built_in_font, drawable, write_picture
from easyphoto.preprocess.reading import upright_face, upright_photo
from easyphoto.preprocess.verdict import Check, Reason, Verdict, question_about
from easyphoto.storage.files import inside
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.workspace.person_record import FACE

CHECK_FILE = "verdicts.json"
_CARD = Size(300, 432)
_PICTURE = Size(276, 230)
_GAP = 16
_BAND, _LINE = 92, 20
_ASKED = Size(320, 320)
_AROUND_FACE = 2.4
_PAPER, _WHITE, _INK, _FAINT = (241, 241, 238), (255, 255, 255), (32, 34, 38), (112, 116, 122)
_GREEN, _RED, _GREY, _BLUE = (38, 140, 84), (190, 58, 48), (132, 136, 142), (36, 92, 168)
_AMBER = (168, 104, 0)
_MOST_LINES = 7


@dataclass(frozen=True)
class _Pen:
    """A drawing with its fonts, made once for a sheet."""

    draw: ImageDraw.ImageDraw
    title: Font
    bold: Font
    text: Font


def verdict_sheet(check: Check, person: str | None = None) -> Image.Image:
    """All verdicts on one picture, in the order of the photos; `person` is the person's name, where known.

    A reference photo that could not be checked is shown large, with a question.
    """
    count = len(check.verdicts)
    columns = max(1, min(count, 4 if count <= 16 else 6))
    columns = max(columns, 2)
    rows = -(-count // columns)
    width = _GAP + columns * (_CARD.width + _GAP)
    notes = _wrapped_notes(check, width)
    asked = check.question
    cards = _BAND + _GAP + _LINE * len(notes) + (_GAP if notes else 0) + (_ASKED.height + 3 * _GAP if asked else 0)
    sheet = Image.new("RGB", (width, cards + rows * (_CARD.height + _GAP)), _PAPER)
    pen = _pen(sheet)
    _draw_header(pen, check, notes, width=width)
    if asked is not None:
        _draw_question(sheet, pen, asked, question_about(person), top=cards - _ASKED.height - 3 * _GAP)
    for index, verdict in enumerate(check.verdicts):
        x = _GAP + index % columns * (_CARD.width + _GAP)
        y = cards + index // columns * (_CARD.height + _GAP)
        is_reference = verdict.photo == check.reference
        _draw_card(sheet, pen, verdict, place=(x, y), is_reference=is_reference, is_asked=verdict is asked)
    return sheet


def write_check(check: Check, folder: Path, *, person: str | None = None) -> tuple[Path, Path]:
    """Write verdicts.json and verdicts.png into `folder`; returns their paths in that order."""
    json_path, png_path = folder / CHECK_FILE, folder / "verdicts.png"
    write_picture(png_path, verdict_sheet(check, person))
    write_json(json_path, check.record())
    return json_path, png_path


@dataclass(frozen=True)
class CheckRecord:
    """What a training needs from its check."""

    kept: tuple[str, ...]
    """Names of photos, best first."""
    verdicts: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


def read_check(folder: Path) -> CheckRecord:
    """Read what `write_check` wrote. Raises BadRecord, OutsideFolder."""
    record = typed(CheckRecord, read_json(folder / CHECK_FILE), f"The check in {folder.name}")
    for name in record.kept:
        inside(folder, name)
    return record


def _pen(sheet: Image.Image) -> _Pen:
    return _Pen(ImageDraw.Draw(sheet), built_in_font(26), built_in_font(16), built_in_font(14))


def _draw_header(pen: _Pen, check: Check, notes: list[str], *, width: int) -> None:
    """Green where the reference photo is known to show the person, amber where unknown, red where there is none."""
    is_sure = check.reference_assured or check.kind != FACE
    colour = _RED if check.reference is None else _GREEN if is_sure else _AMBER
    pen.draw.rectangle((0, 0, width, _BAND), fill=colour)
    pen.draw.text((_GAP, 16), f"{len(check.kept)} of {len(check.verdicts)} photos kept", _WHITE, pen.title)
    chosen = ", which was chosen" if check.reference_chosen else ""
    reference = f"reference photo: {check.reference}{chosen}" if check.reference else "no reference photo"
    facts = f"{reference}  ·  {check.domain or check.kind}  ·  {check.identity_words}"
    pen.draw.text((_GAP, 54), _shortened(facts, pen.bold, width - 2 * _GAP), _WHITE, pen.bold)
    for index, line in enumerate(notes):
        pen.draw.text((_GAP, _BAND + _GAP + _LINE * index), line, _FAINT, pen.text)


def _draw_question(sheet: Image.Image, pen: _Pen, verdict: Verdict, question: str, *, top: int) -> None:
    """Draws the reference photo large, with the advice for a photo that shows somebody else."""
    right, bottom = sheet.width - _GAP, top + _ASKED.height + 2 * _GAP
    pen.draw.rounded_rectangle((_GAP, top, right, bottom), 8, fill=_WHITE, outline=_AMBER, width=2)
    picture = face_close_up(verdict, _ASKED)
    sheet.paste(picture, (2 * _GAP, top + _GAP))
    x, y = 3 * _GAP + _ASKED.width, top + _GAP
    room = right - _GAP - x
    for line in wrapped(question, pen.title, room):
        pen.draw.text((x, y), line, _AMBER, pen.title)
        y += 34
    said = f"{verdict.photo} is taken for the reference photo: its face is laid on the pictures, and likeness is "
    said += "measured by it. Nobody could check whether it shows the person who is meant."
    todo = "If it shows somebody else, choose another photo that is kept: --reference FILE on the command line, "
    todo += "or the button under the photo in the tab."
    for text, colour in ((said, _INK), (todo, _BLUE)):
        for line in wrapped(text, pen.text, room):
            pen.draw.text((x, y + 8), line, colour, pen.text)
            y += _LINE
        y += 8


def _wrapped_notes(check: Check, width: int) -> list[str]:
    font = built_in_font(14)
    return [line for note in check.notes for line in wrapped(f"- {note}", font, width - 2 * _GAP)]


def _draw_card(
    sheet: Image.Image, pen: _Pen, verdict: Verdict, *, place: tuple[int, int], is_reference: bool, is_asked: bool
) -> None:
    x, y = place
    colour = _AMBER if is_asked else _colour(verdict)
    pen.draw.rounded_rectangle((x, y, x + _CARD.width, y + _CARD.height), 8, fill=_WHITE)
    pen.draw.rounded_rectangle((x, y, x + _CARD.width, y + 30), 8, fill=colour)
    pen.draw.rectangle((x, y + 16, x + _CARD.width, y + 30), fill=colour)
    word = verdict.reason.value if verdict.reason else "kept, reference photo" if is_reference else "kept"
    pen.draw.text((x + 12, y + 6), word.capitalize(), _WHITE, pen.bold)
    picture = framed_photo(verdict, _PICTURE)
    left = x + 12 + (_PICTURE.width - picture.width) // 2
    top = y + 40 + (_PICTURE.height - picture.height) // 2
    pen.draw.rectangle((x + 12, y + 40, x + 12 + _PICTURE.width, y + 40 + _PICTURE.height), fill=(230, 230, 227))
    sheet.paste(picture, (left, top))
    _draw_words(pen, verdict, place=(x + 12, y + 40 + _PICTURE.height + 8))


def _draw_words(pen: _Pen, verdict: Verdict, *, place: tuple[int, int]) -> None:
    x, y = place
    pen.draw.text((x, y), _shortened(verdict.photo, pen.bold, _PICTURE.width), _INK, pen.bold)
    y += 24
    lines = [(line, _INK) for line in wrapped(verdict.explanation, pen.text, _PICTURE.width)]
    lines += [(line, _BLUE) for line in wrapped(verdict.advice, pen.text, _PICTURE.width)]
    notes = "; ".join(verdict.notes)
    lines += [(line, _FAINT) for line in wrapped(notes, pen.text, _PICTURE.width)]
    for line, colour in lines[:_MOST_LINES]:
        pen.draw.text((x, y), line, colour, pen.text)
        y += 18


def _colour(verdict: Verdict) -> tuple[int, int, int]:
    return _GREEN if verdict.kept else _GREY if verdict.reason is Reason.NOT_AMONG_BEST else _RED


def framed_photo(verdict: Verdict, size: Size) -> Image.Image:
    """The photo upright within `size`, its faces framed: the judged one thick, and numbered where there are several."""
    try:
        picture, _ = upright_photo(verdict, longest=2 * size.long)
    except BadPicture:
        return _no_picture()
    full = max(picture.size)
    picture.thumbnail((size.width, size.height), Image.Resampling.LANCZOS)
    if verdict.reason is Reason.UNREADABLE or full < 16:
        return picture
    colour = _colour(verdict)
    draw, font = ImageDraw.Draw(picture), built_in_font(16)
    factor = max(picture.size) / _full_side(verdict)
    for number, face in enumerate(verdict.faces, start=1):
        box = face.box.scaled(factor)
        judged = face is verdict.face or (verdict.face is None and len(verdict.faces) > 1)
        draw.rectangle(box.as_ints(), outline=colour if judged else _GREY, width=3 if judged else 1)
        if len(verdict.faces) > 1:
            spot = (max(box.left, 0) + 5, max(box.top, 0) + 3)
            draw.text(spot, str(number), _WHITE, font, stroke_width=2, stroke_fill=(0, 0, 0))
    return picture


def face_close_up(verdict: Verdict, size: Size) -> Image.Image:
    """The judged face with hair and neck, large and upright; a cross where the photo is no longer readable."""
    try:
        picture, face = upright_face(verdict, size.long // 2)
    except BadPicture:
        return _no_picture().resize((size.width, size.height))
    square = square_around(face.box, _AROUND_FACE, Size.of(picture))
    return picture.crop(square.as_ints()).resize((size.width, size.height), Image.Resampling.LANCZOS)


def _full_side(verdict: Verdict) -> int:
    from easyphoto.preprocess.reading import original_size

    return original_size(verdict.path).long


def _no_picture() -> Image.Image:
    picture = Image.new("RGB", (_PICTURE.width, _PICTURE.height), (214, 214, 210))
    draw = ImageDraw.Draw(picture)
    draw.line((90, 70, 186, 160), _GREY, 6)
    draw.line((186, 70, 90, 160), _GREY, 6)
    return picture


def wrapped(text: str, font: Font, width: int) -> list[str]:
    """The words of `text` in lines of at most `width` pixels."""
    lines: list[str] = []
    # Pillow's built-in font covers Latin 1 only in part.
    for word in drawable(text.replace("×", "x"), font).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_shortened(word, font, width))
    return lines


def _shortened(text: str, font: Font, width: int) -> str:
    text = drawable(text, font)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
