"""Finding a web UI's own names for checkpoints, controls and samplers.

A web UI silently drops a name it does not know, so only names from its lists are sent. The names are the same in its
process and over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Sampler
from easyphoto.messages import Text, text


@dataclass(frozen=True)
class HostCheckpoint:
    title: str
    """The name in an override: `file.safetensors [hash]`."""
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
    """A sampler's name, with its scheduler's if the web UI separates the two (since 1.9)."""

    name: str
    scheduler: str | None = None


# The scheduler SGM Uniform has trailing time steps, and Euler's step is equivalent to DDIM's.
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
    """The checkpoints in the answer to /sdapi/v1/sd-models."""
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
    """The checkpoint with that title, name, file or hash; a path is matched by its file name."""
    wanted = {name.lower(), file_name(name).lower(), file_name(name).rpartition(".")[0].lower()} - {""}
    return next((each for each in known if wanted & each.names), None)


def control_models(family: Family, listed: Iterable[str]) -> dict[str, str]:
    """Control kind → the web UI's name for its model, for the kinds that have one there."""
    known = tuple(listed)
    named = {kind: control_model(id, known) for kind, id in family.controls.items()}
    return {kind: name for kind, name in named.items() if name is not None}


def missing_controls(family: Family, listed: Iterable[str] | None) -> dict[str, Text]:
    """Control kind → why the web UI cannot apply it, to follow "left out"; `listed` is None without ControlNet."""
    if listed is None:
        return dict.fromkeys(family.controls, text("the web UI has no ControlNet (extension sd-webui-controlnet)"))
    there = control_models(family, listed)
    return {
        kind: text("the web UI lacks its model: put {id}.safetensors into its models/ControlNet", id=id)
        for kind, id in family.controls.items()
        if kind not in there
    }


def control_model(id: str, listed: Iterable[str]) -> str | None:
    """The web UI's name for the model with that catalogue id: its plain name equals the id or starts with it."""
    known = sorted(listed, key=len)
    exact = (name for name in known if plain_control(name) == id.lower())
    longer = (name for name in known if plain_control(name).startswith(id.lower()))
    return next(exact, None) or next(longer, None)


def plain_control(name: str) -> str:
    """`Folder/control_v11p_sd15_canny [5968fe0a]` as `control_v11p_sd15_canny`."""
    return file_name(name.rpartition(" [")[0] or name).lower().removesuffix(".safetensors")


def no_module(listed: Iterable[str]) -> str:
    """The web UI's name for "no preprocessor": `none` or `None`."""
    known = tuple(listed)
    return next((word for word in ("none", "None") if word in known), "none")


def sampler_named(sampler: Sampler, samplers: Iterable[str], schedulers: Iterable[str] | None) -> HostSampler | None:
    """The web UI's name for a sampler, None if it lacks it. `schedulers` is None for a web UI before 1.9."""
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
    """The dict entries of a web UI's list; empty if it is not a list."""
    return tuple(entry for entry in listed if isinstance(entry, dict)) if isinstance(listed, list) else ()


def texts(listed: Any) -> tuple[str, ...]:
    return tuple(str(entry) for entry in listed) if isinstance(listed, list) else ()


def file_name(path: str) -> str:
    """The last part of a POSIX or Windows path."""
    return PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name


def is_path(name: str) -> bool:
    """Whether a base model's name is a local path."""
    return "/" in name or "\\" in name or Path(name).exists()
