"""Our samplers by the host's names. It takes another one where it does not know a name, so only known ones are said."""

from __future__ import annotations

from easyphoto.backends.base import Sampler
from easyphoto.backends.webui_names import HostSampler, sampler_named
from easyphoto.errors import MissingCapability
from easyphoto.webui.host_modules import host_module, host_module_or_none


def known_samplers() -> tuple[Sampler, ...]:
    return tuple(sampler for sampler in Sampler if _found(sampler) is not None)


def require_sampler(sampler: Sampler) -> HostSampler:
    """Raises MissingCapability where the host has none like it."""
    named = _found(sampler)
    if named is None:
        known = ", ".join(each.value for each in known_samplers())
        raise MissingCapability(f"The web UI has no sampler {sampler.value!r}.", advice=f"It has: {known}.")
    return named


def _found(sampler: Sampler) -> HostSampler | None:
    schedulers = host_module_or_none("sd_schedulers")
    labels = None if schedulers is None else [str(each.label) for each in schedulers.schedulers_map.values()]
    return sampler_named(sampler, host_module("sd_samplers").all_samplers_map, labels)
