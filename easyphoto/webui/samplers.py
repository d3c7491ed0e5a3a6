"""Our samplers by the host's names. It takes another one where it does not know a name, so only known ones are said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from easyphoto.backends.base import Sampler
from easyphoto.errors import MissingCapability
from easyphoto.webui.access import host_module, host_module_or_none

AUTOMATIC = "automatic"


@dataclass(frozen=True)
class Named:
    """What a request says to the host. Before 1.9 it had no schedulers: they were a part of the name."""

    sampler: str
    scheduler: str | None = None


# In the order of trying. Euler without noise makes DDIM's own steps, and "SGM Uniform" are the steps called trailing.
_WANTED: Mapping[Sampler, tuple[Named, ...]] = MappingProxyType(
    {
        Sampler.DPMPP_2M_KARRAS: (Named("DPM++ 2M", "karras"), Named("DPM++ 2M Karras")),
        Sampler.DPMPP_2M_SDE_KARRAS: (Named("DPM++ 2M SDE", "karras"), Named("DPM++ 2M SDE Karras")),
        Sampler.EULER_A: (Named("Euler a", AUTOMATIC), Named("Euler a")),
        Sampler.DDIM: (Named("DDIM", AUTOMATIC), Named("DDIM")),
        Sampler.EULER_TRAILING: (Named("Euler", "sgm_uniform"),),
        Sampler.DDIM_TRAILING: (Named("Euler", "sgm_uniform"),),
        Sampler.LCM: (Named("LCM", AUTOMATIC), Named("LCM")),
    }
)


def known_samplers() -> tuple[Sampler, ...]:
    return tuple(sampler for sampler in Sampler if _found(sampler) is not None)


def require_sampler(sampler: Sampler) -> Named:
    """Raises MissingCapability where the host has none like it."""
    named = _found(sampler)
    if named is None:
        known = ", ".join(each.value for each in known_samplers())
        raise MissingCapability(f"The web UI has no sampler {sampler.value!r}.", advice=f"It has: {known}.")
    return named


def _found(sampler: Sampler) -> Named | None:
    names = host_module("sd_samplers").all_samplers_map
    schedulers = host_module_or_none("sd_schedulers")
    for named in _WANTED[sampler]:
        if named.sampler not in names or (named.scheduler is None) != (schedulers is None):
            continue
        if named.scheduler is None:
            return named
        scheduler = schedulers.schedulers_map.get(named.scheduler)
        if scheduler is not None:
            return Named(named.sampler, str(scheduler.label))
    return None
