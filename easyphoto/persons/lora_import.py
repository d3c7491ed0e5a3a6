"""Imports a scene or an object from a LoRA file alone: the 2023 extension's scenes, or any other LoRA, of which the
user says what it shows."""

from __future__ import annotations

from pathlib import Path

from easyphoto.backends.headers import read_header
from easyphoto.backends.lora_words import MOST_WORDS, kind_in, lora_words
from easyphoto.errors import BadPicture, DiskFailure, InputError
from easyphoto.images.formats import SUFFIXES
from easyphoto.images.pictures import read_picture, write_picture
from easyphoto.messages import Text, joined, note, text
from easyphoto.persons.folder import LORA, PORTRAIT
from easyphoto.persons.lora_family import family_of_header
from easyphoto.storage.files import cause_of, copy_file
from easyphoto.storage.records import utc_now
from easyphoto.workspace.person_record import FACE, Person
from easyphoto.workspace.prompt_words import checked_words, plain_words

SUFFIX = ".safetensors"
_TRIGGER = "modelspec.trigger_phrase"
_PORTRAIT_LONGEST = 1024


def is_lora_file(source: Path) -> bool:
    """Whether a file could be a LoRA, by its name; what it is shows when it is read."""
    return source.suffix.lower() == SUFFIX and source.is_file()


def scene_of_lora(
    source: Path, *, staging: Path, id: str, name: str, kind: str | None = None, words: str | None = None
) -> Person:
    """Copy the LoRA, and a preview beside it, into `staging`; returns the record of the scene or object.

    `kind` and `words` go before what the file says. Raises InputError where neither says what it shows, or the family
    is unknown; DiskFailure.
    """
    header = read_header(source)
    family, metadata = family_of_header(header, source.name), header.metadata
    kind = kind or kind_in(metadata)
    if kind is None:
        raise InputError(
            text("{name} does not say what it shows.", name=source.name),
            advice=text("Say it: --kind scene or --kind object, and --words with what calls it in a prompt."),
        )
    if kind == FACE:
        raise InputError(
            text("The LoRA of a person is not enough: their photos are missing."),
            advice=text("Give the ZIP file of an export, or the person's folder of the 2023 extension."),
        )
    proposed = lora_words(metadata) or tuple(filter(None, (plain_words(metadata.get(_TRIGGER, ""), most=MOST_WORDS),)))
    called = checked_words(words or "") or next(iter(proposed), "")
    try:
        copy_file(source, staging / LORA)
    except OSError as error:
        raise DiskFailure(
            text("{name} could not be copied: {cause}.", name=source.name, cause=cause_of(error)),
            advice=text("Check free space."),
        ) from error
    return Person(
        id=id, name=name, family=family.id, created=utc_now(), lora=LORA, kind=kind, words=called,
        portrait=PORTRAIT if _copy_preview(source, staging) else None, notes=_notes(called, proposed, words),
    )  # fmt: skip


def _copy_preview(source: Path, staging: Path) -> bool:
    """Copy the picture that lies beside the LoRA, as web UIs and the 2023 extension keep it; False for none."""
    stem = source.name.removesuffix(source.suffix)
    for beside in (source.with_name(f"{stem}{more}{suffix}") for more in (".preview", "") for suffix in SUFFIXES):
        if beside.is_file():
            try:
                write_picture(staging / PORTRAIT, read_picture(beside, longest=_PORTRAIT_LONGEST))
            except BadPicture:
                continue
            return True
    return False


def _notes(called: str, proposed: tuple[str, ...], written: str | None) -> tuple[Text, ...]:
    if not called:
        return (
            note(
                "no-words",
                "The file does not say which words call it. If it needs some, write them into the prompt.",
            ),
        )
    others = [words for words in dict.fromkeys(proposed) if words != called] if written is None else []
    if not others:
        return ()
    return (
        note(
            "other-words",
            "It is called by the first of the file's prompts. The others: {others}.",
            others=joined([text("“{words}”", words=words) for words in others[:5]], ", "),
        ),
    )
