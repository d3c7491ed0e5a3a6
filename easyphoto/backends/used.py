"""The weight files used for a backend's pictures, for a run's record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.backends.conditions import Condition
from easyphoto.backends.face_condition import FaceCondition
from easyphoto.backends.folders import base_files
from easyphoto.weights.catalog import CATALOG, UsedWeight
from easyphoto.weights.ledger import sha256_of
from easyphoto.weights.store import WeightStore

OWN, OURS = "user's own", "Apache-2.0"


@dataclass(eq=False)
class UsedFiles:
    """The loaded files, by catalogue id, or by path if they are not in the catalogue."""

    family: Family
    store: WeightStore | None
    _ids: dict[str, None] = field(default_factory=dict)
    _own: dict[Path, str] = field(default_factory=dict)
    """Path → its name in the record."""

    def checkpoint(self, base: Path | None) -> None:
        """Remember the base model, a checkpoint file or a folder, which is represented by its UNet's file."""
        if base is None:
            return
        # The UNet's comes first: its one file, or its first shard.
        self._own |= dict.fromkeys(base_files(self.family, base)[:1], base.name)
        better = self.store.find(self.family.vae) if self.store and self.family.vae and base.is_file() else None
        if better is not None:
            # A checkpoint file is opened with the family's better autoencoder if the store has it.
            self._ids[str(self.family.vae)] = None

    def catalogued(self, id: str, path: Path) -> bool:
        """Remember `path` if it is the store's file for that catalogue id; returns whether it is."""
        is_its = self.store is not None and id in CATALOG and self.store.find(id) == path
        if is_its:
            self._ids[id] = None
        return is_its

    def condition(self, condition: Condition) -> None:
        """Remember a condition's files. Other LoRAs than the catalogue's and the family's own are people's, and
        recorded as such."""
        for path in condition.files if condition.weight else ():
            ids = [id for id in self._ids_for_conditions() if self.catalogued(id, path)]
            ships = self.family.ships and path.is_relative_to(self.family.folder)
            if not ids and (ships or isinstance(condition, FaceCondition)):
                self._own[path] = path.name

    def _ids_for_conditions(self) -> list[str]:
        identities = (id for models in self.family.identities.values() for id in models.files)
        return list(dict.fromkeys([*(few_steps.lora for few_steps in self.family.few_steps.values()), *identities]))

    def weights(self) -> tuple[UsedWeight, ...]:
        own = [self._named(name, path) for path, name in self._own.items()]
        known = [self.store.used(id) for id in self._ids] if self.store else []
        return (*own, *known)

    def _named(self, name: str, path: Path) -> UsedWeight:
        digest = self.store.hash_of(path) if self.store else sha256_of(path)
        return UsedWeight(name, path.name, OURS if self.family.ships else OWN, digest)
