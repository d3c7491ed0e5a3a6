"""The errors of the weight store, each with what to do by hand."""

from __future__ import annotations

from pathlib import Path

from easyphoto.errors import ChecksumMismatch, LicenceRefused, WeightsMissing
from easyphoto.weights.entries import Variant, WeightFile
from easyphoto.weights.sources import url_of

OFFLINE = "the offline switch is on"


def missing(file: WeightFile, because: str, root: Path | None = None) -> WeightsMissing:
    """Says which file to put where, and where it can be had."""
    return WeightsMissing(f"{file.name} ({file.needed_by}) is not at hand: {because}.", advice=_by_hand(file, root))


def wrong_content(file: WeightFile, because: str, root: Path | None = None) -> ChecksumMismatch:
    """Every source that answered sent something else."""
    return ChecksumMismatch(
        f"{file.name} could not be had as the catalogue names it: {because}.",
        advice=f"{_by_hand(file, root)} To accept other content: easyphoto weights trust {file.id}",
    )


def in_the_way(file: WeightFile, form: Variant, target: Path, sha256: str) -> ChecksumMismatch:
    """A file of that name lies in the store, and its content is not what was expected; it is left as it is."""
    return ChecksumMismatch(
        f"{target} is another file than expected: its sha256 is {sha256}, not {form.sha256 or 'what was seen first'}.",
        advice=(
            f"Nothing was changed. Move it away and run the same command again, or accept it: "
            f"easyphoto weights trust {file.id}"
        ),
    )


def not_allowed(file: WeightFile, licences: str) -> LicenceRefused:
    instead = f"Use {file.alternative} instead, or" if file.alternative else "To use it all the same,"
    return LicenceRefused(
        f"{file.id} ({file.name}, {file.needed_by}) is not allowed in the set {licences}: "
        f"its licence is {file.licence}, commercial use: {file.commercial.value}.",
        advice=f"{instead} choose --licences research if your use is not commercial.",
    )


def _by_hand(file: WeightFile, root: Path | None) -> str:
    ways = "; or ".join(_way(form) for form in file.forms if form.sources)
    place = f"{root / file.folder}" if root else "the store's folder"
    return (
        f"Fetch {ways or f'{file.name} ({_hash_words(file.sha256)})'} elsewhere and put it into {place}, "
        f"or into a folder DIR with EASYPHOTO_WEIGHTS_MIRROR=DIR."
    )


def _way(form: Variant) -> str:
    return f"{form.name} ({_hash_words(form.sha256)}) from {' or '.join(url_of(source) for source in form.sources)}"


def _hash_words(sha256: str) -> str:
    return f"sha256 {sha256}" if sha256 else "sha256 not published, trusted on first use"
