"""What makes networks paint a person: chosen by the settings, prepared of their photos, asked for conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.base import Capabilities
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.backends.face_condition import FACE_KINDS, FaceCondition
from easyphoto.errors import BadSettings, LicenceRefused, MissingCapability, NoFaceFound, WeightsMissing
from easyphoto.faces.engine import Face, Part
from easyphoto.geometry import Box, Size
from easyphoto.inference.identities.base import FacePlace, PersonMaterial, SquareForm, VectorForm
from easyphoto.inference.identities.face import combined, face_square
from easyphoto.inference.identities.lora import TrainedLora
from easyphoto.inference.identities.registry import (
    ENGINES,
    Prepared,
    check_identity,
    identity_conditions,
    identity_records,
    prepared_identities,
)
from easyphoto.inference.passes import SamplerPreset, first_pass, joint_pass, sampler_preset, second_pass
from easyphoto.inference.pipeline import photograph
from easyphoto.inference.session import PipelineModels
from easyphoto.inference.subject import Subject
from easyphoto.progress import Progress
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.records import read_json
from easyphoto.weights.entries import LicenceSet
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person, read_person
from tests.backends.contract import Smell
from tests.fakes import FakeBackend
from tests.inference.oracle import OracleEngine, drawn

ANNA = Person("anna", "Anna", "sd15", "2026-01-01T00:00:00Z", lora="lora.safetensors")
NOBODY = replace(ANNA, lora=None)
SD15: Family = FAMILIES["sd15"]
SDXL: Family = FAMILIES["sdxl"]
PICTURE = Image.new("RGB", (64, 64))
MASK = np.ones((64, 64), np.float32)
POINTS = np.asarray([[24, 24], [40, 24], [32, 34], [26, 44], [38, 44]], np.float32)
PLACE = FacePlace(POINTS, Size(64, 64))
KNOWN = (PICTURE, Face(Box(16, 12, 48, 56), POINTS, 0.9), np.full((64, 64), Part.SKIN, np.uint8))
LORA = TrainedLora(Path("anna/lora.safetensors"))
SAFE = "commercial-safe"


@dataclass(frozen=True)
class Shelf(WeightStore):
    """Holds some files of the catalogue, and fetches the others when they are required."""

    holds: tuple[str, ...] = ()
    fetched: list[str] = field(default_factory=list)

    def find(self, id: str, progress: Progress | None = None) -> Path | None:
        return self.root / id if id in self.holds and self.allows(id) else None

    def require(self, id: str, progress: Progress) -> Path:
        if id not in self.holds:
            self.fetched.append(id)
        return self.root / id


def shelf(*holds: str, licences: str = "research") -> Shelf:
    return Shelf(Path("shelf"), licences=LicenceSet(licences), holds=holds)


def vectors_by(embedder: str) -> tuple[np.ndarray, ...]:
    return np.asarray([3, 0], np.float32), np.asarray([0, 1], np.float32)


def material(person: Person = ANNA, *, identity: str = "auto", **more: Any) -> PersonMaterial:
    settings = InferenceSettings(identity=identity)
    return PersonMaterial(person, Path("anna"), (KNOWN,), vectors_by, **{"settings": settings, **more})


def engines_of(prepared: Prepared) -> list[str]:
    return [identity.engine for identity in prepared.identities]


PLUS_FACE = "ip-adapter-plus-face-sd15", "clip-vit-h"
FACEID = "ip-adapter-faceid-sd15", "ip-adapter-faceid-sd15-lora", "buffalo_l"
FACEID_PLUS = "ip-adapter-faceid-plusv2-sd15", "ip-adapter-faceid-plusv2-sd15-lora", "clip-vit-h"
INSTANTID = "instantid-adapter", "instantid-controlnet", "antelopev2"


@dataclass(frozen=True)
class Scent:
    """What another engine knows of somebody."""

    strength: float
    engine: str = "scent"
    most_cfg: ClassVar[float | None] = None

    def conditions(self, settings: InferenceSettings, place: FacePlace) -> tuple[Condition, ...]:
        return (Smell(name="anna's", weight=self.strength / (2 if place.is_second else 1)),)

    def record(self, settings: InferenceSettings) -> Mapping[str, Any]:
        return {"strength": self.strength}


def test_every_engine_has_a_kind_of_condition_and_a_value_of_the_setting() -> None:
    assert set(ENGINES) == set(FACE_KINDS)
    for engine in ENGINES:
        InferenceSettings(identity=engine)


def test_every_familys_identities_are_engines_whose_inputs_it_has_files_for() -> None:
    for family in FAMILIES.values():
        for id, models in family.identities.items():
            assert (models.embedder is not None) == (ENGINES[id].vector is not None), (family.id, id)
            assert (models.encoder is not None) == (ENGINES[id].squares is not None), (family.id, id)


def test_a_trained_person_is_painted_by_their_lora_where_nothing_is_painted_with_files() -> None:
    assert prepared_identities(material(), SD15).identities == (LORA,)
    assert prepared_identities(material(NOBODY), SD15).identities == ()


def test_the_record_of_a_person_is_as_it_was(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.save_person(ANNA)

    record = read_json(workspace.person_folder("anna") / "person.json")

    assert set(record) - {"format"} == set(asdict(ANNA))
    assert "identities" not in record
    assert record["lora"] == "lora.safetensors"
    assert read_person(workspace.person_folder("anna")) == ANNA


@pytest.mark.parametrize(
    ("family", "holds", "licences", "expected"),
    [
        (SD15, (*PLUS_FACE, *FACEID), "research", "faceid"),
        (SD15, (*PLUS_FACE, *FACEID), SAFE, "ip-adapter"),
        (SD15, PLUS_FACE, "research", "ip-adapter"),
        (SD15, ("ip-adapter-full-face-sd15", "clip-vit-h"), SAFE, "ip-adapter-full"),
        (
            SD15,
            (*FACEID, "ip-adapter-faceid-plusv2-sd15", "ip-adapter-faceid-plusv2-sd15-lora", "clip-vit-h"),
            "research",
            "faceid-plus",
        ),
        (SDXL, INSTANTID, "research", "instantid"),
    ],
)
def test_auto_takes_the_best_engine_that_family_licences_and_files_allow(
    family: Family, holds: tuple[str, ...], licences: str, expected: str
) -> None:
    store = shelf(*holds, licences=licences)

    assert engines_of(prepared_identities(material(NOBODY, store=store), family)) == [expected]
    assert engines_of(prepared_identities(material(store=store), family)) == ["lora", expected]
    assert store.fetched == []


def test_auto_says_what_it_took_and_why_it_passed_by_the_better_ones() -> None:
    found = prepared_identities(material(NOBODY, store=shelf(*PLUS_FACE, licences=SAFE)), SD15)

    assert found.notes == (
        "Anna: painted with IP-Adapter (FaceID Plus: the licence setting commercial-safe does not allow its files; "
        "FaceID: the licence setting commercial-safe does not allow its files).",
    )


def test_auto_leaves_a_trained_persons_lora_alone_where_no_engine_is_at_hand() -> None:
    found = prepared_identities(material(store=shelf()), SD15)

    assert (found.identities, found.notes) == ((LORA,), ())


def test_who_is_not_trained_cannot_be_painted_where_no_engine_is_at_hand() -> None:
    with pytest.raises(
        WeightsMissing, match=r"^Anna is not trained, and nothing here can paint them without"
    ) as raised:
        prepared_identities(material(NOBODY, store=shelf(licences=SAFE)), SD15)

    assert "IP-Adapter: missing (easyphoto weights get ip-adapter-sd15)" in str(raised.value)
    assert "easyphoto weights get ip-adapter-sd15" in (raised.value.advice or "")


def test_an_engine_that_is_asked_for_is_fetched() -> None:
    store = shelf()

    assert engines_of(prepared_identities(material(NOBODY, identity="faceid", store=store), SD15)) == ["faceid"]
    assert store.fetched == ["ip-adapter-faceid-sd15", "ip-adapter-faceid-sd15-lora"]


@pytest.mark.parametrize(
    ("identity", "family", "more", "error", "words"),
    [
        ("instantid", SD15, {}, MissingCapability, "InstantID cannot be used for Anna: there is none for SD 1.5."),
        (
            "faceid",
            SD15,
            {"kinds": ("lora",)},
            MissingCapability,
            "FaceID cannot be used for Anna: it cannot be used here",
        ),
        (
            "faceid",
            SD15,
            {"store": shelf(licences=SAFE)},
            LicenceRefused,
            "the licence setting commercial-safe does not allow its files.",
        ),
        ("faceid", SD15, {"faces": ()}, NoFaceFound, "FaceID cannot be used for Anna: no photo shows their face."),
        ("lora", SD15, {"person": NOBODY}, MissingCapability, "Anna has no LoRA: they are not trained."),
    ],
)
def test_what_was_asked_for_and_cannot_serve_is_an_error_by_name(
    identity: str, family: Family, more: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=r".") as raised:
        prepared_identities(replace(material(identity=identity, store=shelf()), **more), family)

    assert words in str(raised.value)


def test_a_refused_licence_names_the_engine_that_is_free_and_at_hand() -> None:
    wanted = material(NOBODY, identity="faceid", store=shelf(*PLUS_FACE, licences=SAFE))

    with pytest.raises(LicenceRefused) as raised:
        prepared_identities(wanted, SD15)

    assert raised.value.advice == "Choose one of: ip-adapter."


@pytest.mark.parametrize(
    ("identity", "expected"), [("anna=faceid, ben=lora", ["lora", "faceid"]), ("ben=faceid,anna=lora", ["lora"])]
)
def test_persons_of_one_picture_may_have_engines_of_their_own(identity: str, expected: list[str]) -> None:
    assert engines_of(prepared_identities(material(identity=identity, store=shelf()), SD15)) == expected


@pytest.mark.parametrize("identity", ["photomaker", "faceid, lora", "anna=faceid, anna=lora", "=faceid", "anna=x", ""])
def test_an_unknown_engine_is_an_error_before_anything_is_painted(identity: str) -> None:
    with pytest.raises(BadSettings, match="identity cannot be"):
        check_identity(InferenceSettings(identity=identity), ("anna",))


def test_an_engine_for_somebody_who_is_not_in_the_picture_is_an_error() -> None:
    with pytest.raises(BadSettings, match="identity names zoe, who are not photographed"):
        check_identity(InferenceSettings(identity="anna=lora, zoe=faceid"), ("anna", "ben"))


def test_vectors_of_several_photos_become_one_as_the_adapter_was_trained() -> None:
    vectors = vectors_by("any")

    assert np.allclose(combined(vectors, VectorForm.UNIT), np.sqrt([0.5, 0.5]))
    assert np.allclose(combined(vectors, VectorForm.RAW), [1.5, 0.5])


def test_the_square_of_a_picture_encoder_is_white_beside_the_person_where_it_should_be() -> None:
    labels = np.full((64, 64), Part.BACKGROUND, np.uint8)
    labels[:, 20:44] = Part.SKIN
    known = Image.new("RGB", (64, 64), (10, 20, 30)), KNOWN[1], labels

    aligned, cut_out = (np.asarray(face_square(known, form)) for form in (SquareForm.ALIGNED, SquareForm.CUT_OUT))

    assert aligned.shape == cut_out.shape == (224, 224, 3)
    assert tuple(aligned[100, 60]) == tuple(cut_out[100, 112]) == (10, 20, 30)
    assert tuple(cut_out[100, 10]) == (255, 255, 255)


def conditions_for(settings: InferenceSettings, *, trained: bool, second: bool = False) -> tuple[Condition, ...]:
    person = ANNA if trained else NOBODY
    found = prepared_identities(material(person, settings=settings, store=shelf()), SD15)
    return identity_conditions(found.identities, settings, replace(PLACE, is_second=second))


def test_faceid_comes_with_the_lora_it_was_trained_with() -> None:
    face, lora = conditions_for(InferenceSettings(identity="faceid", identity_end=0.8), trained=False)

    assert isinstance(face, FaceCondition)
    assert (face.kind, face.weight, face.start, face.end) == ("faceid", 0.8, 0.0, 0.8)
    assert face.files == (Path("shelf/ip-adapter-faceid-sd15"),)
    assert face.face.vector is not None
    assert np.allclose(face.face.vector, np.sqrt([0.5, 0.5]))
    assert (face.face.embedder, face.face.squares, face.face.owner) == ("buffalo_l", (), Path("anna"))
    assert lora == LoraCondition(Path("shelf/ip-adapter-faceid-sd15-lora"), 0.6)


def test_beside_a_persons_own_lora_an_engine_is_weaker() -> None:
    own, face, lora = conditions_for(InferenceSettings(identity="faceid"), trained=True)

    assert own == LoraCondition(Path("anna/lora.safetensors"), 0.9)
    assert (face.weight, lora.weight) == (0.4, 0.3)


def test_an_engine_may_be_weaker_in_the_second_pass() -> None:
    weights = [
        conditions_for(InferenceSettings(identity="ip-adapter"), trained=False, second=second)[0].weight
        for second in (False, True)
    ]

    assert weights == [0.6, 0.3]


@pytest.mark.parametrize(("wanted", "expected"), [(0.4, [0.4, 0.3]), (1.2, [1.2, 0.6]), (0.0, [])])
def test_the_weight_of_the_settings_holds_and_what_was_trained_beside_follows(
    wanted: float, expected: list[float]
) -> None:
    found = conditions_for(InferenceSettings(identity="faceid", identity_weight=wanted), trained=False)

    assert [each.weight for each in found] == pytest.approx(expected)


def test_instantid_gets_the_five_points_of_the_face_that_is_painted() -> None:
    settings = InferenceSettings(identity="instantid")
    found = prepared_identities(material(NOBODY, settings=settings, store=shelf()), SDXL)
    (face,) = identity_conditions(found.identities, settings, PLACE)

    assert isinstance(face, FaceCondition)
    assert face.files == (Path("shelf/instantid-adapter"), Path("shelf/instantid-controlnet"))
    assert face.face.vector is not None
    assert np.allclose(face.face.vector, [1.5, 0.5])
    assert (face.weight, face.control_weight) == (0.8, 0.5)
    assert face.control_image is not None
    assert face.control_image.size == (64, 64)
    assert np.asarray(face.control_image).max() == 255


@pytest.mark.parametrize(("weight", "expected"), [(0.9, (LoraCondition(Path("a"), 0.9),)), (0.0, ())])
def test_the_settings_say_how_strong_a_lora_is(weight: float, expected: tuple[Condition, ...]) -> None:
    assert identity_conditions((TrainedLora(Path("a")),), InferenceSettings(lora_weight=weight), PLACE) == expected


def test_the_note_says_for_everybody_whether_there_was_a_lora() -> None:
    settings = InferenceSettings(lora_weight=0.9, identity="faceid")
    both = prepared_identities(material(settings=settings, store=shelf()), SD15).identities

    assert identity_records((), settings) == {"lora": None}
    assert identity_records(both[:1], settings) == {"lora": {"file": "lora.safetensors", "weight": 0.9}}
    assert identity_records(both, settings) == {
        "lora": {"file": "lora.safetensors", "weight": 0.9},
        "faceid": {
            "files": ["ip-adapter-faceid-sd15", "ip-adapter-faceid-sd15-lora"], "embedder": "buffalo_l",
            "weights": [0.4, 0.4],
            "start": 0.0, "end": 1.0,
        },
    }  # fmt: skip


def test_an_engine_whose_faces_burn_at_a_high_guidance_limits_it() -> None:
    settings = InferenceSettings(identity="instantid")
    identities = prepared_identities(material(NOBODY, settings=settings, store=shelf()), SDXL).identities
    subject, pace = Subject("Anna", PICTURE, identities=identities), sampler_preset(settings, SDXL, able())[0]

    def asked(settings: InferenceSettings) -> float:
        pace = sampler_preset(settings, SDXL, able())[0]
        return first_pass(
            PICTURE, MASK, (), subject, settings=settings, family=SDXL, trigger="", seed=1, pace=pace, fused=False,
            points=POINTS,
        ).cfg  # fmt: skip

    assert pace.cfg > 5
    assert asked(settings) == 5
    assert asked(replace(settings, cfg=8.0)) == 8


def able() -> Capabilities:
    return FakeBackend().capabilities()


def test_the_passes_over_a_face_are_the_persons_and_the_joint_pass_is_nobodys() -> None:
    settings = InferenceSettings(lora_weight=0.9)
    few = LoraCondition(Path("lcm.safetensors"))
    pace: SamplerPreset = replace(sampler_preset(settings, SD15, able())[0], conditions=(few,))
    subject = Subject("Anna", PICTURE, identities=(TrainedLora(Path("a")), Scent(0.5)))

    first = first_pass(
        PICTURE, MASK, (), subject, settings=settings, family=SD15, trigger="anna", seed=1, pace=pace, fused=False,
        points=POINTS,
    )  # fmt: skip
    second = second_pass(first, PICTURE, MASK, (), subject, settings=settings, family=SD15, pace=pace, points=POINTS)
    joint = joint_pass(PICTURE, MASK, (), settings=settings, family=SD15, seed=1, pace=pace)

    assert first.conditions == (LoraCondition(Path("a"), 0.9), Smell(name="anna's", weight=0.5), few)
    assert second.conditions == (LoraCondition(Path("a"), 0.9), Smell(name="anna's", weight=0.25), few)
    assert joint.conditions == (few,)


def test_a_backend_that_cannot_apply_an_identity_says_so_by_name() -> None:
    engine = OracleEngine()
    template, photo = engine.shown(drawn(9101, framing="portrait", photo=1)), engine.shown(drawn(9000, size=192))
    subject = Subject("Anna", photo, identities=(Scent(0.5),))

    with pytest.raises(MissingCapability, match=r"anna's \(smell\) cannot"):
        photograph(
            template, [subject], InferenceSettings(first_steps=1), FAMILIES.default,
            PipelineModels(FakeBackend(), engine),
        )  # fmt: skip
