"""The errors of the weight store, each with advice on what to do by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from easyphoto.errors import ChecksumMismatch, LicenceRefused, WeightsMissing
from easyphoto.messages import Text, joined, text
from easyphoto.weights.contents import stand_in_at
from easyphoto.weights.entries import Variant, WeightFile
from easyphoto.weights.sources import shown_url

OFFLINE = text("the offline switch is on")


def missing(file: WeightFile, because: Text, root: Path | None = None, *, first: Sequence[Text] = ()) -> WeightsMissing:
    """The error for a missing file: says where to get it and where to put it, after the advice in `first`."""
    return WeightsMissing(
        text(
            "{name} ({purpose}) is not available: {because}.", name=file.name, purpose=file.needed_by, because=because
        ),
        advice=joined([*first, _by_hand(file, root)], " "),
        weights=(file.id,),
    )


def wrong_content(file: WeightFile, because: Text, root: Path | None = None) -> ChecksumMismatch:
    """The error where every source that answered sent other content."""
    return ChecksumMismatch(
        text(
            "{name} could not be downloaded as the catalogue describes it: {because}.", name=file.name, because=because
        ),
        advice=text(
            "{by_hand} To accept other content: easyphoto weights trust {id}", by_hand=_by_hand(file, root), id=file.id
        ),
    )


def in_the_way(file: WeightFile, form: Variant, target: Path, sha256: str) -> ChecksumMismatch:
    """The error where the store has a file of that name with other content; the file is left unchanged."""
    if (other := stand_in_at(target)) is not None:
        return ChecksumMismatch(
            text("{source} is {what}.", source=target, what=other.what),
            advice=text("Nothing was changed. Move it away and run the same command again."),
        )
    return ChecksumMismatch(
        text(
            "{target} is not the expected file: its sha256 is {sha256}, not {expected}.",
            target=target,
            sha256=sha256,
            expected=form.sha256 or text("the one seen first"),
        ),
        advice=(
            text(
                "Nothing was changed. Move it away and run the same command again, or accept it: easyphoto "
                "weights trust {id}",
                id=file.id,
            )
        ),
    )


def not_allowed(file: WeightFile, licences: str) -> LicenceRefused:
    if file.alternative:
        advice = text(
            "Use {alternative} instead, or choose --licences research if your use is not commercial.",
            alternative=file.alternative,
        )
    else:
        advice = text("To use it all the same, choose --licences research if your use is not commercial.")
    return LicenceRefused(
        text(
            "{id} ({name}, {purpose}) is not allowed by the licence setting {licences}: its licence is "
            "{licence}, commercial use: {commercial}.",
            id=file.id,
            name=file.name,
            purpose=file.needed_by,
            licences=licences,
            licence=file.licence,
            commercial=file.commercial.value,
        ),
        advice=advice,
    )


def _by_hand(file: WeightFile, root: Path | None) -> Text:
    ways = [_way(form) for form in file.forms if form.sources]
    return text(
        "Download {ways} elsewhere and put it into {place}, or into a folder DIR with EASYPHOTO_WEIGHTS_MIRROR=DIR.",
        ways=joined(ways, "; or ") if ways else _with_hash(file.name, file.sha256),
        place=root / file.folder if root else text("the folder for weights"),
    )


def _way(form: Variant) -> Text:
    sources = " or ".join(shown_url(source) for source in form.sources)
    return text("{file} from {sources}", file=_with_hash(form.name, form.sha256), sources=sources)


def _with_hash(name: str, sha256: str) -> Text:
    if not sha256:
        return text("{name} (sha256 not published, trusted on first use)", name=name)
    return text("{name} (sha256 {sha256})", name=name, sha256=sha256)
