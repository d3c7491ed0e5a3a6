"""What makes networks paint a person: prepared from their record by the engines, asked for conditions by the passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.base import Capabilities
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.errors import MissingCapability
from easyphoto.inference.identities.base import Identity, IdentityEngine, PersonMaterial
from easyphoto.inference.identities.lora import TrainedLora
from easyphoto.inference.identities.registry import (
    ENGINES,
    identity_conditions,
    identity_records,
    prepared_identities,
)
from easyphoto.inference.passes import SamplerPreset, first_pass, joint_pass, sampler_preset, second_pass
from easyphoto.inference.pipeline import PipelineModels, photograph
from easyphoto.inference.subject import Subject
from easyphoto.progress import Progress
from easyphoto.settings import InferenceSettings
from easyphoto.storage.records import read_json
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import Person, PersonIdentity, Workspace, read_person
from tests.backends.contract import Smell
from tests.fakes import FakeBackend
from tests.inference.oracle import OracleEngine, drawn

ANNA = Person("anna", "Anna", "sd15", "2026-01-01T00:00:00Z", lora="lora.safetensors")
SD15: Family = FAMILIES["sd15"]
PICTURE = Image.new("RGB", (64, 64))
MASK = np.ones((64, 64), np.float32)


def material(person: Person = ANNA, **more: Any) -> PersonMaterial:
    return PersonMaterial(person, Path("anna"), (), (np.ones(4, np.float32),), **more)


@dataclass(frozen=True)
class Shelf(WeightStore):
    """Has every file that is asked for, and remembers what was."""

    asked: list[str] = field(default_factory=list)

    def require(self, id: str, progress: Progress) -> Path:
        self.asked.append(id)
        return self.root / id


@dataclass(frozen=True)
class Scent:
    """What another engine knows of somebody."""

    strength: float
    files: tuple[Path, ...] = ()
    engine: str = "scent"

    def conditions(self, settings: InferenceSettings) -> tuple[Condition, ...]:
        return (Smell(name="anna's", weight=self.strength),)

    def record(self, settings: InferenceSettings) -> Mapping[str, Any]:
        return {"strength": self.strength}


def scent_of(found: PersonMaterial, files: tuple[Path, ...]) -> Identity | None:
    return Scent(float(found.vectors[0].mean()) / 2, files) if found.vectors else None


SCENT = IdentityEngine("scent", "smell", scent_of, {"sd15": ("scent-sd15",)}, lambda settings: settings.fusion)


def test_a_trained_persons_lora_is_their_identity() -> None:
    assert ANNA.identities == (PersonIdentity("lora", "lora.safetensors"),)
    assert prepared_identities(material(), SD15) == (TrainedLora(Path("anna/lora.safetensors")),)


def test_who_was_not_trained_has_none() -> None:
    nobody = replace(ANNA, lora=None)

    assert nobody.identities == ()
    assert not nobody.is_ready
    assert prepared_identities(material(nobody), SD15) == ()


def test_the_record_of_a_person_is_as_it_was(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.save_person(ANNA)

    record = read_json(workspace.person_folder("anna") / "person.json")

    assert set(record) - {"format"} == set(asdict(ANNA))
    assert "identities" not in record
    assert record["lora"] == "lora.safetensors"
    assert read_person(workspace.person_folder("anna")) == ANNA


def test_an_engine_is_asked_only_for_families_it_has_files_for(tmp_path: Path) -> None:
    engines, shelf = (*ENGINES, SCENT), Shelf(tmp_path)

    assert prepared_identities(material(store=shelf), SD15, engines) == (
        TrainedLora(Path("anna/lora.safetensors")), Scent(0.5, (tmp_path / "scent-sd15",)),
    )  # fmt: skip
    assert shelf.asked == ["scent-sd15"]
    assert [each.engine for each in prepared_identities(material(store=shelf), FAMILIES["sdxl"], engines)] == ["lora"]


def test_nothing_is_fetched_for_an_engine_that_is_not_wanted_or_where_nothing_is_painted(tmp_path: Path) -> None:
    shelf, without = Shelf(tmp_path), InferenceSettings(fusion=False)

    assert prepared_identities(material(store=shelf, settings=without), SD15, (SCENT,)) == ()
    assert prepared_identities(material(), SD15, (SCENT,)) == ()
    assert shelf.asked == []


def test_an_engine_makes_nothing_of_a_person_who_lacks_what_it_needs(tmp_path: Path) -> None:
    unseen = replace(material(store=Shelf(tmp_path)), vectors=())

    assert prepared_identities(unseen, SD15, (SCENT,)) == ()


@pytest.mark.parametrize(("weight", "expected"), [(0.9, (LoraCondition(Path("a"), 0.9),)), (0.0, ())])
def test_the_settings_say_how_strong_a_lora_is(weight: float, expected: tuple[Condition, ...]) -> None:
    assert identity_conditions((TrainedLora(Path("a")),), InferenceSettings(lora_weight=weight)) == expected


def test_the_note_has_a_key_for_every_engine() -> None:
    settings, both = InferenceSettings(lora_weight=0.9), (TrainedLora(Path("x/lora.safetensors")), Scent(0.5))

    assert identity_records((), settings) == {"lora": None}
    assert identity_records(both[:1], settings) == {"lora": {"file": "lora.safetensors", "weight": 0.9}}
    assert identity_records(both, settings, (*ENGINES, SCENT)) == {
        "lora": {"file": "lora.safetensors", "weight": 0.9}, "scent": {"strength": 0.5},
    }  # fmt: skip


def able() -> Capabilities:
    return FakeBackend().capabilities()


def test_the_passes_over_a_face_are_the_persons_and_the_joint_pass_is_nobodys() -> None:
    settings = InferenceSettings(lora_weight=0.9)
    few = LoraCondition(Path("lcm.safetensors"))
    pace: SamplerPreset = replace(sampler_preset(settings, SD15, able())[0], conditions=(few,))
    subject = Subject("Anna", PICTURE, identities=(TrainedLora(Path("a")), Scent(0.5)))

    first = first_pass(
        PICTURE, MASK, (), subject, settings=settings, family=SD15, trigger="anna", seed=1, pace=pace, fused=False
    )
    second = second_pass(first, PICTURE, MASK, (), settings=settings, family=SD15, pace=pace)
    joint = joint_pass(PICTURE, MASK, (), settings=settings, family=SD15, seed=1, pace=pace)

    assert first.conditions == (LoraCondition(Path("a"), 0.9), Smell(name="anna's", weight=0.5), few)
    assert second.conditions == first.conditions
    assert joint.conditions == (few,)


def test_a_backend_that_cannot_apply_an_identity_says_so_by_name() -> None:
    engine = OracleEngine()
    template, photo = engine.shown(drawn(9101, framing="portrait", photo=1)), engine.shown(drawn(9000, size=192))
    subject = Subject("Anna", photo, identities=(Scent(0.5),))

    with pytest.raises(MissingCapability, match=r"cannot apply anna's .*kind 'smell'"):
        photograph(
            template, [subject], InferenceSettings(first_steps=1), FAMILIES.default,
            PipelineModels(FakeBackend(), engine),
        )  # fmt: skip
