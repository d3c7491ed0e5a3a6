"""A face as units of the web UI's ControlNet: which of its models stands for a kind, and what its unit is given.

sd-webui-controlnet tells what an adapter is by words in the path of its file, and by its tensors only in part; a file
whose path says something else would be loaded as another network, or fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.backends.conditions import Condition, refused_condition
from easyphoto.backends.face_condition import (
    FACE_KINDS,
    FACEID,
    FACEID_PLUS,
    INSTANTID,
    IP_ADAPTER,
    IP_ADAPTER_FULL,
    FaceCondition,
)
from easyphoto.backends.webui_names import plain_control
from easyphoto.messages import text
from easyphoto.webui.controlnet import FACE_INPUTS, GET_EXTENSION, REGION, ControlNet, UnitRequest
from easyphoto.webui.picture_states import States
from easyphoto.weights.catalog import CATALOG

ADAPTER_TYPE, NET_TYPE = "IPAdapter", "InstantID"
"""Names of the extension's model types: an adapter, and the ControlNet that sees the adapter's tokens."""
_NET_WORD = "instant_id"


@dataclass(frozen=True)
class PathWords:
    """Words in an adapter's path: those that make the host take it for its kind, and those that change nothing."""

    wanted: frozenset[str] = frozenset()
    harmless: frozenset[str] = frozenset()

    def fit(self, path: str) -> bool:
        found = {word for word in ("faceid", "instant_id", "portrait", "v2") if word in path}
        found |= {word for word in ("pulid",) if word in path.lower()}
        return self.wanted <= found <= self.wanted | self.harmless


_PICTURES = PathWords(harmless=frozenset({"v2", "portrait"}))
_PATH_WORDS: Mapping[str, PathWords] = MappingProxyType(
    {
        IP_ADAPTER: _PICTURES,
        IP_ADAPTER_FULL: _PICTURES,
        FACEID: PathWords(frozenset({"faceid"}), frozenset({"v2"})),
        FACEID_PLUS: PathWords(frozenset({"faceid", "v2"}), frozenset({"portrait"})),
        INSTANTID: PathWords(frozenset({"instant_id"}), frozenset({"faceid", "v2", "portrait"})),
    }
)


@dataclass(frozen=True, eq=False)
class PlusInput:
    """What FaceID-Plus is given, under the names that the extension reads."""

    face_embed: Any
    clip_embed: Mapping[str, Any]


def faces_in(conditions: Sequence[Condition]) -> tuple[FaceCondition, ...]:
    """The faces among the conditions, in order."""
    return tuple(each for each in conditions if isinstance(each, FaceCondition))


def takes_faces(net: ControlNet) -> bool:
    """Return whether units take a face as EasyPhoto has it; Forge and its forks take pictures only."""
    return not net.is_forge and net.takes(FACE_INPUTS)


def offered_faces(family: Family, net: ControlNet | None) -> tuple[str, ...]:
    """Return the kinds whose models the host has under names that it reads rightly."""
    refused = face_reasons(family, net)
    return tuple(kind for kind in FACE_KINDS if kind in family.identities and kind not in refused)


def face_reasons(family: Family, net: ControlNet | None) -> dict[str, str]:
    """Return kind → why the host cannot apply it, of the kinds that the family has."""
    kinds = [kind for kind in FACE_KINDS if kind in family.identities]
    if net is None:
        without = text("the web UI has no ControlNet extension. {get_extension}", get_extension=GET_EXTENSION)
        return dict.fromkeys(kinds, without)
    if net.is_forge:
        picture_only = text(
            "this web UI's ControlNet accepts only pictures, not the face measurements that EasyPhoto sends; "
            "EasyPhoto does not support it yet."
        )
        return dict.fromkeys(kinds, picture_only)
    if not takes_faces(net):
        return dict.fromkeys(
            kinds,
            text("this version of the extension sd-webui-controlnet does not accept face measurements. Update it."),
        )
    because = {kind: _because(kind, family, net) for kind in kinds}
    return {kind: said for kind, said in because.items() if said is not None}


def face_units(condition: FaceCondition, family: Family, net: ControlNet, states: States) -> tuple[UnitRequest, ...]:
    """Return the units of a face, in the order in which they must stand: a net comes directly after its adapter.

    Raises MissingCapability for a model that the host lacks or would take for another kind.
    """
    if condition.mask is not None and not net.takes(REGION):
        raise refused_condition(
            condition, text("this version of the extension sd-webui-controlnet does not support regions. Update it.")
        )
    adapter = _adapter_unit(condition, family, net, states)
    if condition.models.control is None or condition.control_weight == 0:
        return (adapter,)
    return adapter, _net_unit(condition, condition.models.control, family, net)


def _adapter_unit(condition: FaceCondition, family: Family, net: ControlNet, states: States) -> UnitRequest:
    kind, file, id = condition.kind, condition.models.adapter, family.identities[condition.kind].adapter
    name = _found(file, id, net)
    if name is None:
        raise refused_condition(condition, _no_model(file.stem))
    if not _PATH_WORDS[kind].fit(_path_of(name, net)):
        raise refused_condition(condition, _misread(name, id))
    return UnitRequest(
        kind, name, condition.weight, condition.start, condition.end,
        inputs=lambda: face_inputs(condition, states), mask=condition.mask, taken_as=ADAPTER_TYPE,
        own=(id, file) if _is_file(name, file, net) else None,
    )  # fmt: skip


def _net_unit(condition: FaceCondition, file: Path, family: Family, net: ControlNet) -> UnitRequest:
    id = family.identities[condition.kind].control or file.stem
    name = _found(file, id, net)
    if name is None:
        raise refused_condition(condition, _no_model(file.stem))
    if _NET_WORD not in _path_of(name, net).lower():
        # As another ControlNet it would see the prompt in place of the face.
        raise refused_condition(condition, _misread(name, id))
    return UnitRequest(
        condition.kind, name, condition.control_weight, condition.start, condition.end,
        image=condition.control_image, mask=condition.mask, taken_as=NET_TYPE,
        own=(id, file) if _is_file(name, file, net) else None,
    )  # fmt: skip


def face_inputs(condition: FaceCondition, states: States) -> list[Any]:
    """Return what the extension's preprocessors would, one entry for each token sequence that it averages."""
    if condition.kind == INSTANTID:
        return [_vector(condition)]
    if condition.kind == FACEID:
        return [_vector(condition)[None]]
    encoder = condition.models.encoder
    assert encoder is not None, "a kind that sees pictures comes with the encoder"
    seen = states(encoder, condition.face.squares)
    # The extension reads the last hidden states but one; nothing is read of the last ones.
    pictures = [{"hidden_states": [each[None], None]} for each in seen]
    if condition.kind == FACEID_PLUS:
        vector = _vector(condition)[None]
        return [PlusInput(vector, picture) for picture in pictures]
    return list(pictures)


def _vector(condition: FaceCondition) -> Any:
    import torch

    vector = condition.face.vector
    assert vector is not None, "a kind that sees vectors comes with one"
    return torch.from_numpy(vector).float()


def _because(kind: str, family: Family, net: ControlNet) -> str | None:
    models = family.identities[kind]
    adapter = _listed(_names(models.adapter), net)
    if adapter is None:
        return _no_model(_names(models.adapter)[0])
    if not _PATH_WORDS[kind].fit(_path_of(adapter, net)):
        return _misread(adapter, models.adapter)
    if models.control is not None and _listed(_names(models.control), net) is None:
        return _no_model(_names(models.control)[0])
    return None


def _found(file: Path, id: str, net: ControlNet) -> str | None:
    """Return the host's name for the file: the very file, else one of its name or of its names in the catalogue."""
    for name in net.files():
        if _is_file(name, file, net):
            return name
    return _listed(_names(id) if file.stem in _names(id) else (file.stem,), net)


def _names(id: str) -> tuple[str, ...]:
    """The names without endings under which hosts keep a file of the catalogue, the usual one first."""
    row = CATALOG.get(id)
    if row is None:
        return (id,)
    return tuple(dict.fromkeys(PurePath(name).stem for form in row.forms for name in form.names))


def _listed(stems: Iterable[str], net: ControlNet) -> str | None:
    wanted = [stem.lower() for stem in stems]
    return next((name for stem in wanted for name in net.models() if plain_control(name) == stem), None)


def _is_file(name: str, file: Path, net: ControlNet) -> bool:
    return Path(_path_of(name, net)).resolve() == file.resolve()


def _path_of(name: str, net: ControlNet) -> str:
    return net.files().get(name, name)


def _no_model(name: str) -> str:
    return text("the web UI's ControlNet has no model {name}. Put that file into its models/ControlNet.", name=name)


def _misread(name: str, id: str) -> str:
    return text(
        "the web UI tells adapters apart by words in their paths and would mistake {name} for another "
        "kind. Name the file {usual}, in folders without the words faceid, instant_id, portrait and pulid.",
        name=name,
        usual=_names(id)[0],
    )
