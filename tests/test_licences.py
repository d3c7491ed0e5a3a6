"""The law of the licence switch: every way that leads to a weight file is walked, with all files lying there."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.base import Capabilities
from easyphoto.commands.photograph_series import few_steps_lora
from easyphoto.errors import InputError, LicenceRefused, MissingCapability
from easyphoto.faces import photo_opening
from easyphoto.faces.embedders import AUTOMATIC, EMBEDDERS
from easyphoto.faces.engine import Face, FaceEngine
from easyphoto.faces.fuser import NoFuser, open_fuser
from easyphoto.faces.inswapper import EMBEDDER_ID, FILE_ID
from easyphoto.faces.opening import open_engine
from easyphoto.faces.photo_opening import PARTS
from easyphoto.geometry import Box
from easyphoto.inference.passes import Guides, controls_for
from easyphoto.progress import NullProgress, Progress
from easyphoto.restoration.opening import RESTORERS, UPSCALERS, open_finisher
from easyphoto.settings.declarations import Settings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import FaceSettings
from easyphoto.weights.catalog import CATALOG, SETS, Commercial, LicenceSet, UsedWeight
from easyphoto.weights.rows_identity import IDENTITY_FILES
from easyphoto.weights.store import WeightStore, open_store
from tests.restoration.fakes import FakeNetwork, install

FREE = {id for id, file in CATALOG.items() if file.commercial is Commercial.YES}
PICTURE = Image.new("RGB", (64, 64))
FACE = Face(Box(16, 16, 48, 48), np.array([[24, 28], [40, 28], [32, 34], [27, 40], [37, 40]], np.float32), 1.0)


@dataclass(frozen=True)
class Watched(WeightStore):
    """Remembers which files it handed out."""

    handed: list[str] = field(default_factory=list)

    def find(self, id: str, progress: Progress | None = None) -> Path | None:
        place = super().find(id, progress)
        if place is not None:
            self.handed.append(id)
        return place


class Part:
    """Any network: takes the file it is given for one, whatever the recipe."""

    opened: list[Path]
    scale = None

    def __init__(self, file: Path, *rest: object, id: str = "part", weights: tuple[UsedWeight, ...] = ()) -> None:
        self.id, self.weights = id, weights or next((given for given in rest if isinstance(given, tuple)), ())
        self.opened.append(file)

    @classmethod
    def embedder(cls, file: Path, *rest: object, id: str, scale: object, weights: tuple[UsedWeight, ...]) -> Part:
        return cls(file, id=id, weights=weights)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that a network was made of; all packages are there, and a home with the packs of InsightFace."""
    from easyphoto.faces import arcface, bisenet, curricular, retinaface, saliency, scrfd, sface, yunet

    Part.opened = []
    # Opens YuNet a second time, under the same licence.
    monkeypatch.setattr("easyphoto.faces.photo_covering.YuNetHalves", lambda file: None)
    readers = ((yunet, "YuNet"), (scrfd, "Scrfd"), (retinaface, "RetinaFace"), (bisenet, "BiSeNet"))
    for module, name in (*readers, (saliency, "OnnxSaliency"), (photo_opening, "InsightFaceDetector")):
        monkeypatch.setattr(module, name, Part)
    for module, name in (
        (arcface, "ArcFaceEmbedder"), (sface, "SFaceEmbedder"), (curricular, "CurricularEmbedder"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, Part.embedder)
    Part.opened = install(monkeypatch, FakeNetwork(None, purpose="FaceSR"))
    monkeypatch.setattr("easyphoto.faces.inswapper.last_matrix", lambda file: Part.opened.append(file))
    monkeypatch.setattr("easyphoto.faces.inswapper.open_session", lambda file: None)
    monkeypatch.setattr("easyphoto.faces.inswapper.inputs_of", lambda session, file: ("picture", "vector", 128))
    monkeypatch.setitem(sys.modules, "insightface", ModuleType("insightface"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for variable in ("HF_HUB_CACHE", "MODELSCOPE_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / "no cache"))
    for place in ("antelopev2/scrfd_10g_bnkps.onnx", "antelopev2/glintr100.onnx", "buffalo_l/det_10g.onnx"):
        pack = tmp_path / "home" / ".insightface" / "models" / place
        pack.parent.mkdir(parents=True, exist_ok=True)
        pack.write_bytes(b"a file of the package's own")
    return Part.opened


def full_store(root: Path, licences: LicenceSet) -> Watched:
    """Every file of the catalogue lies there, and was accepted."""
    store = Watched(root, licences=licences, offline=True)
    for id, file in CATALOG.items():
        (root / file.path).parent.mkdir(parents=True, exist_ok=True)
        (root / file.path).write_bytes(f"stands for {id}".encode())
        store.trust(id)
    return store


def choices(kind: type[Settings], *names: str) -> Iterator[tuple[str, str]]:
    """Every value that the settings of these names can have."""
    for one in dataclasses.fields(kind):  # type: ignore[arg-type]
        if one.name in names:
            yield from ((one.name, value) for value in one.metadata["declared"].choices)


def engines(store: WeightStore) -> Iterator[tuple[str, str, FaceEngine | None]]:
    """The engine of every choice; None where its licence is refused."""
    for name, value in choices(FaceSettings, "detector", "embedder", "parser", "saliency"):
        try:
            yield name, value, open_engine("photographs", store, NullProgress(), FaceSettings(**{name: value}))
        except LicenceRefused:
            yield name, value, None


def few_step_ways(store: WeightStore) -> Iterator[tuple[Family, str, Path | None]]:
    for family in FAMILIES.values():
        for _, value in choices(InferenceSettings, "few_steps"):
            if value in family.few_steps:
                found = few_steps_lora(family, InferenceSettings(few_steps=value), store, NullProgress())
                yield family, value, found[1] if found else None


def walk(store: Watched, folder: Path) -> None:
    """Ask for everything that any setting, family or command can ask for."""
    import torch

    from easyphoto.backends.controls import ControlNets
    from easyphoto.backends.tokenizer import find_merges

    list(engines(store))
    list(few_step_ways(store))
    for name, value in choices(InferenceSettings, "restore", "upscale"):
        open_finisher(InferenceSettings(**{name: value}), store, NullProgress())
    for _, value in choices(InferenceSettings, "fusion_engine"):
        open_fuser(value, store, NullProgress())
    for family in FAMILIES.values():
        ControlNets(family, None, dtype=torch.float32, device=torch.device("cpu"), store=store).kinds()
        if family.vae:
            store.find(family.vae)
    find_merges(store, folder)
    for family in FAMILIES.values():
        for models in family.identities.values() if not family.ships else ():
            for id in models.needed:
                store.find(id)


def test_the_walk_leads_to_every_file_of_the_catalogue(tmp_path: Path, opened: list[Path]) -> None:
    """Else a file would be there for nothing, or reached in a way that the law below does not see."""
    store = full_store(tmp_path, LicenceSet.RESEARCH)

    walk(store, tmp_path)

    assert set(store.handed) == set(CATALOG)


def test_commercial_safe_opens_no_file_whose_licence_forbids_it(tmp_path: Path, opened: list[Path]) -> None:
    store = full_store(tmp_path, LicenceSet.COMMERCIAL_SAFE)

    walk(store, tmp_path)

    assert set(store.handed) == FREE
    assert opened
    assert set(opened) <= {tmp_path / CATALOG[id].path for id in FREE}


def test_of_the_identity_adapters_commercial_safe_hands_out_plus_face_and_full_face_alone(
    tmp_path: Path, opened: list[Path]
) -> None:
    store = full_store(tmp_path, LicenceSet.COMMERCIAL_SAFE)

    walk(store, tmp_path)

    assert set(store.handed) & {file.id for file in IDENTITY_FILES} == {
        "ip-adapter-plus-face-sd15",
        "ip-adapter-plus-face-sdxl",
        "ip-adapter-full-face-sd15",
        "clip-vit-h",
    }
    with pytest.raises(LicenceRefused, match=r"ip-adapter-faceid-plusv2_sdxl\.bin.*ip-adapter-plus-face-sdxl"):
        store.require("ip-adapter-faceid-plusv2-sdxl", NullProgress())


def test_a_store_opened_from_the_settings_as_they_come_is_commercial_safe(tmp_path: Path) -> None:
    from easyphoto.settings.options import WeightSettings

    store = open_store(tmp_path, (), WeightSettings())

    assert {id for id in CATALOG if store.allows(id)} == FREE


def test_a_part_that_is_chosen_is_free_or_refused_by_name(tmp_path: Path, opened: list[Path]) -> None:
    known = {known.name: known.file for known in PARTS} | {known.id: known.id for known in EMBEDDERS}
    known["insightface"] = "scrfd-10g"
    found = {(name, value): engine for name, value, engine in engines(full_store(tmp_path, LicenceSet.COMMERCIAL_SAFE))}

    refused = {value for (_, value), engine in found.items() if engine is None}
    assert refused == {value for _, value in found if value in known and known[value] not in FREE}
    assert refused == {"scrfd", "retinaface", "insightface", "bisenet", "buffalo_l", "antelopev2", "curricularface"}
    used = {weight.id for engine in found.values() if engine is not None for weight in engine.weights}
    assert used == {"yunet", "auraface", "sface", "u2net-human", "birefnet-lite"}


def test_a_refused_fuser_says_so_and_leaves_the_work_to_our_warp(tmp_path: Path, opened: list[Path]) -> None:
    fuser = open_fuser("inswapper", full_store(tmp_path, LicenceSet.COMMERCIAL_SAFE), NullProgress())

    assert isinstance(fuser, NoFuser)
    assert fuser.weights == ()
    with pytest.raises(LicenceRefused, match="inswapper-128"):
        fuser.fused(PICTURE, FACE, PICTURE, FACE)


@pytest.mark.parametrize("family", [family for family in FAMILIES.values() if not family.embedded], ids=lambda f: f.id)
def test_a_control_is_free_or_left_out_with_a_note(family: Family, tmp_path: Path, opened: list[Path]) -> None:
    import torch

    from easyphoto.backends.controls import ControlNets

    store = full_store(tmp_path, LicenceSet.COMMERCIAL_SAFE)
    shelf = ControlNets(family, None, dtype=torch.float32, device=torch.device("cpu"), store=store)

    assert set(shelf.kinds()) == {kind for kind, id in family.controls.items() if id in FREE}
    able = Capabilities((family.id,), shelf.kinds(), (), (), (), "cpu", None, refused=shelf.refused())
    _, notes = controls_for(family.first_controls, Guides(PICTURE, PICTURE, FACE.points), able)
    for kind in {kind for kind, _ in family.first_controls} - set(shelf.kinds()):
        assert any(note.startswith(f"Control {kind}:") for note in notes)
    for kind in set(family.controls) - set(shelf.kinds()):
        with pytest.raises(MissingCapability, match=kind):
            shelf.require(kind)


def test_every_id_that_a_family_a_setting_or_a_set_names_is_in_the_catalogue() -> None:
    named = {id for ids in SETS.values() for id in ids} | {known.id for known in EMBEDDERS}
    named |= {known.file for known in PARTS} | {*RESTORERS.values(), *UPSCALERS.values(), *AUTOMATIC}
    named |= {FILE_ID, EMBEDDER_ID}
    for family in FAMILIES.values():
        named |= {few.lora for few in family.few_steps.values()} | ({family.vae} if family.vae else set())
        named |= set() if family.embedded else set(family.controls.values())

    assert named <= set(CATALOG)


def test_every_few_step_setting_serves_a_family_and_the_others_refuse_it_by_name(tmp_path: Path) -> None:
    values = [value for _, value in choices(InferenceSettings, "few_steps") if value != "off"]
    store = full_store(tmp_path, LicenceSet.COMMERCIAL_SAFE)

    assert set(values) == {value for family in FAMILIES.values() for value in family.few_steps}
    for family in FAMILIES.values():
        for value in set(values) - set(family.few_steps):
            with pytest.raises(InputError, match=value):
                few_steps_lora(family, InferenceSettings(few_steps=value), store, NullProgress())
