"""The catalogue of every weight file that EasyPhoto may download, with sources, checksum and licence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import InputError
from easyphoto.messages import joined, text
from easyphoto.spelling import known_names, meant
from easyphoto.weights.entries import (
    Commercial,
    HubFile,
    LicenceSet,
    ModelScopeFile,
    Source,
    UsedWeight,
    Variant,
    WeightFile,
)
from easyphoto.weights.rows_faces import FACE_FILES, YUNET
from easyphoto.weights.rows_finish import FINISH_FILES
from easyphoto.weights.rows_identity import IDENTITY_FILES
from easyphoto.weights.rows_models import CHECKPOINT_FILES, FEW_STEP_FILES

__all__ = [
    "CATALOG",
    "LEFT_OUT",
    "SETS",
    "YUNET",
    "Commercial",
    "HubFile",
    "LicenceSet",
    "ModelScopeFile",
    "Source",
    "UsedWeight",
    "Variant",
    "WeightFile",
    "files_named",
    "weight_file",
]

CATALOG: Mapping[str, WeightFile] = MappingProxyType(
    {file.id: file for file in (*FACE_FILES, *FINISH_FILES, *CHECKPOINT_FILES, *FEW_STEP_FILES, *IDENTITY_FILES)}
)

SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "photographs": ("yunet", "auraface"),
        **{family.id: family.files for family in FAMILIES.values() if family.files},
        "cut-out": ("u2net-human",),
        "restore": ("gfpgan-1.4", "restoreformer", "realesrgan-x4plus", "realesrgan-x2plus"),
        "few-steps": tuple(few.lora for family in FAMILIES.values() for few in family.few_steps.values()),
        **{
            f"{engine}-{family.id}": models.needed
            for family in FAMILIES.values()
            if not family.ships
            for engine, models in family.identities.items()
        },
    }
)
"""Name of a choice → ids of the files to download for it."""

LEFT_OUT: tuple[tuple[str, str], ...] = (
    ("face fusion (ModelScope damo/cv_unet-image-face-fusion_damo)",
     "only a pipeline of modelscope runs it, and that needs torchvision and a datasets version that conflicts; "
     "`warp` does the same work here"),
    ("GPEN portrait enhancement (ModelScope damo/cv_gpen_image-portrait-enhancement)",
     "non-commercial, and neither spandrel nor onnxruntime reads it; take gfpgan-1.4"),
    ("skin retouching (ModelScope damo/cv_unet_skin_retouching_torch)",
     "its pipeline needs TensorFlow and torchvision; retouching here needs no file"),
    ("u2net salient detection (ModelScope damo/cv_u2net_salient-detection)",
     "a pickled network for a modelscope pipeline; u2net-human is the same architecture as .onnx"),
    ("face recognition (ModelScope bubbliiiing/cv_retinafce_recognition)",
     "runs Python of its own repository; curricularface is the network without it"),
    ("CodeFormer", "non-commercial, and its architecture is outside spandrel's free part; take restoreformer"),
    ("OpenPose body, hand and face networks", "non-commercial; the kind openpose is drawn from nose and eyes"),
    ("make-up transfer (PSGAN)", "no licence was found"),
)  # fmt: skip
"""Files that the 2023 extension used and this catalogue leaves out, with the reason."""


def weight_file(id: str) -> WeightFile:
    """The catalogue's entry of that id. Raises InputError with the known ids."""
    try:
        return CATALOG[id]
    except KeyError:
        raise InputError(text("There is no weight file {id!r}.", id=id), advice=known_names(id, CATALOG)) from None


def files_named(names: tuple[str, ...]) -> tuple[WeightFile, ...]:
    """The files of these sets and ids, each once, in the given order. Raises InputError for an unknown name."""
    unknown = [name for name in names if name not in SETS and name not in CATALOG]
    if unknown:
        raise InputError(
            text("There is no set and no weight file {unknown!r}.", unknown=unknown[0]),
            advice=joined(
                (
                    *meant(unknown[0], (*SETS, *CATALOG)),
                    text("Sets: {sets}. easyphoto weights list names every file.", sets=", ".join(SETS)),
                ),
                " ",
            ),
        )
    ids = dict.fromkeys(id for name in names for id in SETS.get(name, (name,)))
    return tuple(CATALOG[id] for id in ids)
