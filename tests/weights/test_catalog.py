"""The catalogue says of every file what a user must know before fetching it."""

from __future__ import annotations

import string

import pytest

from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import InputError
from easyphoto.weights.catalog import CATALOG, LEFT_OUT, SETS, Commercial, LicenceSet, files_named, weight_file
from easyphoto.weights.entries import SHA256_DIGITS, Variant
from easyphoto.weights.sources import url_of

IDS = (
    "yunet", "scrfd-10g", "retinaface-r50", "auraface", "sface", "buffalo_l", "antelopev2", "curricularface", "bisenet",
    "u2net-human", "birefnet-lite", "gfpgan-1.4", "restoreformer", "realesrgan-x4plus", "realesrgan-x2plus",
    "inswapper-128", "clip-merges", "vae-ft-mse", "sdxl-vae-fp16-fix", "control_v11p_sd15_canny",
    "control_v11f1e_sd15_tile", "control_sd15_random_color", "control_v11p_sd15_openpose", "diffusers_xl_canny_mid",
    "thibaud_xl_openpose_256lora", "lcm-lora-sd15", "lcm-lora-sdxl", "hyper-sd15-8step", "hyper-sdxl-8step",
    "lightning-sdxl-8step", "ip-adapter-plus-face-sd15", "ip-adapter-plus-face-sdxl", "ip-adapter-full-face-sd15",
    "clip-vit-h", "ip-adapter-faceid-sd15", "ip-adapter-faceid-sd15-lora", "ip-adapter-faceid-sdxl",
    "ip-adapter-faceid-sdxl-lora", "ip-adapter-faceid-plusv2-sd15", "ip-adapter-faceid-plusv2-sd15-lora",
    "ip-adapter-faceid-plusv2-sdxl", "ip-adapter-faceid-plusv2-sdxl-lora", "instantid-adapter", "instantid-controlnet",
)  # fmt: skip
# Names that many repositories use for different files: only a whole hash tells those apart.
COMMON_NAMES = {
    "pytorch_lora_weights.safetensors", "resnet18.onnx", "glintr100.onnx", "sdxl_vae.safetensors", "ip-adapter.bin",
}  # fmt: skip
FORBIDDEN = {
    "scrfd-10g", "buffalo_l", "antelopev2", "bisenet", "inswapper-128", "thibaud_xl_openpose_256lora",
    "ip-adapter-faceid-sd15", "ip-adapter-faceid-sd15-lora", "ip-adapter-faceid-sdxl", "ip-adapter-faceid-sdxl-lora",
    "ip-adapter-faceid-plusv2-sd15", "ip-adapter-faceid-plusv2-sd15-lora", "ip-adapter-faceid-plusv2-sdxl",
    "ip-adapter-faceid-plusv2-sdxl-lora", "instantid-adapter", "instantid-controlnet",
}  # fmt: skip
UNCLEAR = {"retinaface-r50", "curricularface", "control_sd15_random_color"}


def test_it_knows_every_file_that_other_parts_name() -> None:
    assert tuple(CATALOG) == IDS


@pytest.mark.parametrize("id", IDS)
def test_a_row_is_complete(id: str) -> None:
    file = CATALOG[id]

    assert all((file.licence, file.origin, file.needed_by))
    assert any(form.sources for form in file.forms)
    for form in file.forms:
        assert set(form.sha256) <= set(string.hexdigits.lower())
        assert len(form.sha256) in (0, 8, SHA256_DIGITS)
        assert all(url_of(source).startswith("https://") for source in form.sources)
    assert file.alternative is None or file.alternative in CATALOG
    if not file.forms[0].is_certain:
        assert not set(file.forms[0].names) & COMMON_NAMES


def test_no_two_files_have_one_place_or_one_hash() -> None:
    places = [f"{file.folder}/{form.name}" for file in CATALOG.values() for form in file.forms]
    hashes = [form.sha256 for file in CATALOG.values() for form in file.forms if form.sha256]

    assert len(set(places)) == len(places)
    assert len(set(hashes)) == len(hashes)


def test_what_the_licences_say() -> None:
    assert {id for id, file in CATALOG.items() if file.commercial is Commercial.NO} == FORBIDDEN
    assert {id for id, file in CATALOG.items() if file.commercial is Commercial.UNKNOWN} == UNCLEAR


def test_an_alternative_is_allowed_for_commercial_use() -> None:
    alternatives = {file.alternative for file in CATALOG.values() if file.alternative}

    assert alternatives == {
        "yunet", "auraface", "control_v11f1e_sd15_tile", "diffusers_xl_canny_mid", "ip-adapter-plus-face-sd15",
        "ip-adapter-plus-face-sdxl",
    }  # fmt: skip
    assert all(LicenceSet.COMMERCIAL_SAFE.allows(CATALOG[id].commercial) for id in alternatives)


def test_what_a_family_names_is_in_the_catalogue() -> None:
    for family in FAMILIES.values():
        named = [few.lora for few in family.few_steps.values()] + [family.vae] * bool(family.vae)
        named += [] if family.embedded else list(family.controls.values())
        assert set(named) <= set(CATALOG)


def test_a_set_and_an_id_may_be_asked_for_together_and_each_file_comes_once() -> None:
    files = files_named(("photographs", "yunet", "sface"))

    assert [file.id for file in files] == ["yunet", "auraface", "sface"]
    assert set(SETS) == {
        "photographs", "sd15", "sdxl", "cut-out", "restore", "few-steps",
        "ip-adapter-sd15", "ip-adapter-full-sd15", "faceid-sd15", "faceid-plus-sd15",
        "ip-adapter-sdxl", "faceid-sdxl", "faceid-plus-sdxl", "instantid-sdxl",
    }  # fmt: skip
    for ids in SETS.values():
        assert all(weight_file(id) for id in ids)


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(InputError, match=r"Did you mean 'photographs'\? Sets: photographs, sd15"):
        files_named(("photograph",))


def test_clips_merges_can_be_had_unpacked() -> None:
    packed, plain = CATALOG["clip-merges"].forms

    assert packed.sources == ()
    assert plain == Variant(
        "merges.txt", "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a", 524_619, plain.sources
    )


def test_both_uploads_of_faceids_lora_for_sdxl_are_taken_under_its_one_name() -> None:
    forms = CATALOG["ip-adapter-faceid-sdxl-lora"].forms

    assert all("ip-adapter-faceid_sdxl_lora.safetensors" in form.names for form in forms)
    assert {form.sha256[:8] for form in forms} == {"4fcf93d6", "2ade2b53"}


def test_the_names_that_web_uis_want_are_looked_for() -> None:
    for id, names in {
        "instantid-adapter": {"ip-adapter.bin", "ip-adapter_instant_id_sdxl.bin"},
        "instantid-controlnet": {"control_instant_id_sdxl.safetensors"},
        "clip-vit-h": {"CLIP-ViT-H-14.safetensors", "clip_h.pth"},
    }.items():
        assert names <= {name for form in CATALOG[id].forms for name in form.names}


def test_what_is_left_out_says_why() -> None:
    assert len(LEFT_OUT) == 8
    assert all(what and why for what, why in LEFT_OUT)
