"""What lanes are called on the page, for people who do not know what a lane is."""

from __future__ import annotations

from collections.abc import Mapping

from easyphoto.devices import CPU, CUDA
from easyphoto.jobs.records import Job, State
from easyphoto.ui.language import Translator

_DEVICE_WORDS: Mapping[str, str] = {CUDA: "Graphics card {number}", CPU: "Processor {number}"}


def place_words(job: Job, words: Translator) -> str:
    """Return where a running job runs, "" where that is the only place for it."""
    return lane_title(job.lane, words) if job.state is State.RUNNING and job.lane else ""


def lane_title(name: str, words: Translator) -> str:
    """Return a lane's name for people who do not know what a lane is: cuda:1 is their second graphics card.

    "" for one that is not named after a device.
    """
    node, slash, number = name.rpartition("/")
    if slash:
        return words("Computer {node}, device {number}", node=node, number=_from_one(number))
    parts = [part.partition(":") for part in name.split("+")]
    named = [words(_DEVICE_WORDS[kind], number=_from_one(number)) for kind, _, number in parts if kind in _DEVICE_WORDS]
    return " + ".join(named)


def _from_one(number: str) -> int | str:
    return int(number) + 1 if number.isdecimal() else number
