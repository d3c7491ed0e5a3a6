"""Every weight file that EasyPhoto may fetch: where it comes from, what it must be, and who may use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from easyphoto.errors import InputError


@dataclass(frozen=True)
class WeightFile:
    """One downloadable file. `path` is relative to the weight store's root."""

    id: str
    path: str
    url: str
    sha256: str
    bytes: int
    licence: str
    origin: str
    needed_by: str
    commercial: bool
    """Whether its licence allows commercial use."""

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


YUNET = WeightFile(
    id="yunet",
    path="faces/yunet_n_640_640.onnx",
    url=(
        "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/"
        "0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/yunet_n_640_640.onnx"
    ),
    sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    bytes=317_466,
    licence="Apache-2.0",
    origin="ShiqiYu/libfacedetection.train, commit 0047ac24",
    needed_by="faces.yunet_engine (finds faces in photographs)",
    commercial=True,
)

CATALOG: Mapping[str, WeightFile] = MappingProxyType({file.id: file for file in (YUNET,)})


def weight_file(id: str) -> WeightFile:
    """The catalogue's entry. Raises InputError with the known ids."""
    try:
        return CATALOG[id]
    except KeyError:
        raise InputError(f"There is no weight file {id!r}.", advice=f"Known: {', '.join(CATALOG)}.") from None
