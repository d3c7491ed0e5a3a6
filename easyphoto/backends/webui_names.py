"""Which of a web UI's names is meant: it knows checkpoints, controls, samplers and LoRAs by names of its own.

A web UI drops a name that it does not know without a word, so none is said that was not found in its lists; whether we
are in its process or ask over HTTP makes no difference to the names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Sampler


@dataclass(frozen=True)
class HostCheckpoint:
    title: str
    """What an override names: `file.safetensors [hash]`."""
    name: str
    file: str
    hash: str = ""
    sha256: str = ""

    @property
    def names(self) -> frozenset[str]:
        stem = self.file.rpartition(".")[0]
        given = (self.title, self.title.rpartition(" [")[0], self.name, self.file, stem, self.hash, self.sha256)
        return frozenset(name.lower() for name in given if name)


@dataclass(frozen=True)
class HostSampler:
    """A sampler's name, and its scheduler's where the web UI keeps the two apart (since 1.9)."""

    name: str
    scheduler: str | None = None


# "Trailing" time steps are what the scheduler SGM Uniform makes, and Euler's step is DDIM's in other words.
_SAMPLERS: Mapping[Sampler, tuple[str, str]] = MappingProxyType(
    {
        Sampler.DPMPP_2M_KARRAS: ("DPM++ 2M", "Karras"),
        Sampler.DPMPP_2M_SDE_KARRAS: ("DPM++ 2M SDE", "Karras"),
        Sampler.EULER_A: ("Euler a", "Automatic"),
        Sampler.DDIM: ("DDIM", "Automatic"),
        Sampler.EULER_TRAILING: ("Euler", "SGM Uniform"),
        Sampler.DDIM_TRAILING: ("Euler", "SGM Uniform"),
        Sampler.LCM: ("LCM", "Automatic"),
    }
)


def checkpoints_in(listed: Any) -> tuple[HostCheckpoint, ...]:
    """Of the answer to /sdapi/v1/sd-models."""
    return tuple(
        HostCheckpoint(
            title=str(entry["title"]),
            name=str(entry.get("model_name") or ""),
            file=file_name(str(entry.get("filename") or "")),
            hash=str(entry.get("hash") or ""),
            sha256=str(entry.get("sha256") or ""),
        )
        for entry in records(listed)
        if entry.get("title")
    )


def checkpoint_named(name: str, known: Sequence[HostCheckpoint]) -> HostCheckpoint | None:
    """By title, name, file, or hash; a path counts by its file's name."""
    wanted = {name.lower(), file_name(name).lower(), file_name(name).rpartition(".")[0].lower()} - {""}
    return next((each for each in known if wanted & each.names), None)


def control_models(family: Family, listed: Iterable[str]) -> dict[str, str]:
    """Control kind → the web UI's name of its model, for the kinds that have one."""
    known = tuple(listed)
    named = {kind: control_model(id, known) for kind, id in family.controls.items()}
    return {kind: name for kind, name in named.items() if name is not None}


def control_model(id: str, listed: Iterable[str]) -> str | None:
    """The web UI's name for the model of that catalogue id: its plain name is the id, or begins with it."""
    known = sorted(listed, key=len)
    exact = (name for name in known if plain_control(name) == id.lower())
    longer = (name for name in known if plain_control(name).startswith(id.lower()))
    return next(exact, None) or next(longer, None)


def plain_control(name: str) -> str:
    """`Folder/control_v11p_sd15_canny [5968fe0a]` as `control_v11p_sd15_canny`."""
    return file_name(name.rpartition(" [")[0] or name).lower().removesuffix(".safetensors")


def no_module(listed: Iterable[str]) -> str:
    """The word for "no preprocessor": `none` or `None`."""
    known = tuple(listed)
    return next((word for word in ("none", "None") if word in known), "none")


def sampler_named(sampler: Sampler, samplers: Iterable[str], schedulers: Iterable[str] | None) -> HostSampler | None:
    """None where the web UI lacks it; `schedulers` is None for a web UI that has none (before 1.9)."""
    name, scheduler = _SAMPLERS[sampler]
    known = {each.lower(): each for each in samplers}
    if schedulers is None:
        whole = name if scheduler == "Automatic" else f"{name} {scheduler}"
        return HostSampler(known[whole.lower()]) if whole.lower() in known else None
    ways = {each.lower(): each for each in schedulers}
    if name.lower() not in known or scheduler.lower() not in ways:
        return None
    return HostSampler(known[name.lower()], ways[scheduler.lower()])


def records(listed: Any) -> tuple[Mapping[str, Any], ...]:
    """The entries of a list of a web UI that are what they should be."""
    return tuple(entry for entry in listed if isinstance(entry, dict)) if isinstance(listed, list) else ()


def texts(listed: Any) -> tuple[str, ...]:
    return tuple(str(entry) for entry in listed) if isinstance(listed, list) else ()


def file_name(path: str) -> str:
    """The last part of a path of this system or of another."""
    return PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name


def is_path(name: str) -> bool:
    """Whether a base is named as a file or folder of this machine."""
    return "/" in name or "\\" in name or Path(name).exists()
