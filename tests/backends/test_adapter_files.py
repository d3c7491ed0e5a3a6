"""What an identity adapter is, told from names and shapes, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from easyphoto.architectures.header import Header
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.adapter_files import (
    EMBEDDER_NOTE,
    AdapterKind,
    AdapterLayout,
    adds_plain_tokens,
    layout_of,
)
from easyphoto.backends.headers import header_of
from easyphoto.errors import InputError
from easyphoto.weights.catalog import CATALOG
from tests.backends import adapter_states as states

Shapes = states.Shapes
# The first and the last cross-attention layer, at the published widths.
SD15 = states.one_layer(768, inner=320) | states.one_layer(768, number=31, inner=1280)
SDXL = states.one_layer(2048, inner=640) | states.one_layer(2048, number=139, inner=1280)
MINIATURE = states.one_layer(128, inner=32) | states.one_layer(128, number=13, inner=64)
LORA = {"0.to_q_lora.down.weight": (128, 320), "0.to_q_lora.up.weight": (320, 128)}

PUBLISHED: dict[str, tuple[Shapes, str, int, int | None, int | None, int, str | None]] = {
    "plus-face sd15": (
        states.adapter(states.resampler(768, 1280, 768, heads=12), SD15), "ip-adapter-plus", 768, None, 1280, 16, None,
    ),
    "plus-face sdxl": (
        states.adapter(states.resampler(1280, 1280, 2048, heads=20), SDXL),
        "ip-adapter-plus", 2048, None, 1280, 16, None,
    ),
    "full-face sd15": (
        states.adapter(states.full(768), SD15), "ip-adapter-full", 768, None, 1280, 257, None,
    ),
    "faceid sd15": (
        states.adapter(states.faceid(768), SD15 | LORA), "faceid", 768, 512, None, 4, "buffalo_l",
    ),
    "faceid sdxl": (
        states.adapter(states.faceid(2048), SDXL | LORA), "faceid", 2048, 512, None, 4, "buffalo_l",
    ),
    "faceid-plus sd15": (
        states.adapter(states.faceid_plus(768), SD15 | LORA), "faceid-plus", 768, 512, 1280, 4, "buffalo_l",
    ),
    "faceid-plusv2 sdxl": (
        states.adapter(states.faceid_plus(2048), SDXL | LORA), "faceid-plus", 2048, 512, 1280, 4, "buffalo_l",
    ),
    "faceid-portrait-v11 sd15": (
        states.adapter(states.faceid(768, tokens=16), SD15), "faceid-portrait", 768, 512, None, 16, "buffalo_l",
    ),
    "instantid": (
        states.adapter(states.resampler(1280, 512, 2048, heads=20), SDXL),
        "instantid", 2048, 512, None, 16, "antelopev2",
    ),
    "the miniature's": (
        states.adapter(states.faceid(128, vector=128), MINIATURE), "faceid", 128, 128, None, 4, "buffalo_l",
    ),
}  # fmt: skip


def header(shapes: Shapes, name: str = "any.safetensors", **metadata: str) -> Header:
    return Header(name, shapes, metadata)


@pytest.mark.parametrize("published", PUBLISHED)
def test_every_published_layout_is_told_from_its_header(published: str) -> None:
    shapes, kind, words, vector, picture, tokens, embedder = PUBLISHED[published]

    layout = layout_of(header(shapes))

    numbers = tuple(sorted({int(name.split(".")[1]) for name in shapes if name.endswith("to_k_ip.weight")}))
    assert layout == AdapterLayout(
        "any.safetensors", AdapterKind(kind), words, vector, picture, tokens, numbers, embedder
    )


def test_a_file_is_read_from_disk_in_both_formats(tmp_path: Path) -> None:
    tensors = states.tensors(states.adapter(states.faceid(128, vector=128), MINIATURE), 1)
    groups: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        groups[group][rest] = tensor
    save_file(tensors, tmp_path / "a.safetensors", {EMBEDDER_NOTE: "miniature-embedder-1"})
    torch.save(groups, tmp_path / "a.bin")

    assert layout_of(header_of(tmp_path / "a.safetensors")).embedder == "miniature-embedder-1"
    assert layout_of(header_of(tmp_path / "a.bin")).kind is AdapterKind.FACEID
    assert layout_of(header_of(tmp_path / "a.bin")).layers == (1, 13)


PLUS = states.resampler(64, 1280, 768)
OTHERS: dict[str, tuple[Shapes, str, str]] = {
    "photomaker v1": (
        {"id_encoder.fuse_module.mlp1.fc1.weight": (2048, 4096), "lora_weights.unet.x.lora_A.weight": (64, 320)},
        "is PhotoMaker V1", "not supported yet",
    ),
    "photomaker v2": (
        {"id_encoder.fuse_module.mlp1.fc1.weight": (1,), "id_encoder.qformer_perceiver.token_norm.weight": (2048,)},
        "is PhotoMaker V2", "not supported yet",
    ),
    "pulid v1": (
        {"id_adapter.body.0.weight": (1024, 1280), "id_adapter_attn_layers.1.id_to_k.weight": (640, 2048)},
        r"is PuLID v1\.", "not supported yet",
    ),
    "pulid v1.1": (
        {"id_adapter.latents": (1, 32, 1024), "id_adapter_attn_layers.1.id_to_k.weight": (640, 2048)},
        r"is PuLID v1\.1\.", "not supported yet",
    ),
    "pulid v1 in ip-adapter names": (
        states.adapter({"body.0.weight": (1024, 1280)}, SDXL), r"is PuLID v1\.", "not supported yet",
    ),
    "pulid v1.1 in ip-adapter names": (
        states.adapter({"id_embedding_mapping.0.weight": (1024, 1280), "latents": (1, 32, 1024)}, SDXL),
        r"is PuLID v1\.1\.", "not supported yet",
    ),
    "pulid flux": (
        {"pulid_ca.0.to_q.weight": (2048, 3072), "pulid_encoder.latents": (1, 32, 1024)},
        "is PuLID for FLUX", "SD 1.5 and SDXL",
    ),
    "flux ip-adapter of xlabs": (
        {
            "double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight": (3072, 4096),
            "ip_adapter_proj_model.proj.weight": (16384, 768),
        },
        "is an adapter for FLUX", "SD 1.5 and SDXL",
    ),
    "flux ip-adapter in ip-adapter names": (
        states.adapter(states.faceid(4096, vector=1152, tokens=128), states.one_layer(4096, number=0)),
        "is an adapter for FLUX", "SD 1.5 and SDXL",
    ),
    "sd3 ip-adapter": (
        states.adapter(
            {"time_embedding.linear_1.weight": (1280, 320), "latents": (1, 64, 1280)},
            states.one_layer(2432, number=0) | {"0.norm_ip.linear.weight": (4864, 1280)},
        ),
        "is an IP-Adapter for SD 3", "SD 1.5 and SDXL",
    ),
    "plain ip-adapter": (
        states.adapter({"proj.weight": (3072, 1024), "norm.weight": (768,)}, SD15),
        "is a plain IP-Adapter", "plus-face or full-face",
    ),
    "plus for bigG": (
        states.adapter(states.resampler(64, 1664, 2048), SDXL),
        "made for the image encoder CLIP ViT-bigG/14, not for CLIP ViT-H/14", "weights list",
    ),
    "plus for ViT-L": (
        states.adapter(states.resampler(64, 1024, 2048), SDXL), "the image encoder CLIP ViT-L/14", "weights list",
    ),
    "full for another encoder": (
        states.adapter(states.full(768, taken=768), SD15), "the image encoder 768", "weights list",
    ),
    "lora": (
        {"lora_unet_x.lora_down.weight": (4, 320), "lora_unet_x.lora_up.weight": (320, 4)},
        "is a LoRA", "where a LoRA is asked for",
    ),
    "controlnet, InstantID's or EcomID's": (
        {
            "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
            "add_embedding.linear_1.weight": (1280, 2816),
        },
        "is a ControlNet", "EcomID",
    ),
    "checkpoint": (
        {"model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3)}, "is a checkpoint", "weights list",
    ),
    "picture encoder": (
        {"vision_model.embeddings.class_embedding": (1280,)}, "is an image encoder", "weights list",
    ),
    "empty": ({}, "is empty", "Fetch"),
    "flux checkpoint": ({"double_blocks.0.img_attn.qkv.weight": (9216, 3072)}, "not an identity adapter", "list"),
    "half of it": ({f"image_proj.{name}": shape for name, shape in PLUS.items()}, "not an identity adapter", "list"),
    "widths that differ": (
        states.adapter(PLUS, states.one_layer(768) | states.one_layer(640, number=3)),
        "not an identity adapter", "list",
    ),
    "three tokens": (states.adapter(states.faceid(768, tokens=3), SD15), "not an identity adapter", "list"),
    "something else": ({"a": (1,)}, "not an identity adapter", "list"),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_something_else_is_refused_by_name_with_advice(what: str) -> None:
    shapes, words, advice = OTHERS[what]

    with pytest.raises(InputError, match=rf"^any\.safetensors .*{words}") as refused:
        layout_of(header(shapes))
    assert advice in refused.value.advice


def test_a_file_that_was_cut_off_says_so(tmp_path: Path) -> None:
    tensors = states.tensors(states.adapter(states.faceid(128, vector=128), MINIATURE), 1)
    save_file(tensors, tmp_path / "a.safetensors")
    torch.save({"image_proj": tensors}, tmp_path / "a.bin")
    for file in (tmp_path / "a.safetensors", tmp_path / "a.bin"):
        file.write_bytes(file.read_bytes()[:-900])

    with pytest.raises(InputError, match=r"a\.safetensors is incomplete"):
        layout_of(header_of(tmp_path / "a.safetensors"))
    with pytest.raises(InputError, match=r"a\.bin is incomplete: its end is missing"):
        layout_of(header_of(tmp_path / "a.bin"))


def test_an_adapter_of_another_family_is_refused_by_both_names() -> None:
    layout = layout_of(header(PUBLISHED["instantid"][0], "ip-adapter.bin"))

    layout.require_words(FAMILIES["sdxl"].words_width)
    with pytest.raises(InputError, match=r"ip-adapter\.bin is made for SDXL; this base checkpoint is SD 1\.5\."):
        layout.require_words(FAMILIES["sd15"].words_width)
    with pytest.raises(InputError, match=r"made for SDXL; this base checkpoint is the miniature\."):
        layout.require_words(FAMILIES["miniature"].words_width)
    with pytest.raises(InputError, match=r"made for SDXL; this base checkpoint is a model of text width 1024\."):
        layout.require_words(1024)


def test_a_vector_of_another_embedder_is_refused_by_both_names() -> None:
    """AuraFace's has the right width, and would paint somebody else."""
    faceid = layout_of(header(PUBLISHED["faceid sd15"][0], "ip-adapter-faceid_sd15.bin"))
    instantid = layout_of(header(PUBLISHED["instantid"][0], "ip-adapter.bin"))

    faceid.require_vectors("buffalo_l", 512)
    instantid.require_vectors("antelopev2", 512)
    with pytest.raises(InputError, match=r"\(FaceID\) needs .* with buffalo_l; this one was measured with auraface"):
        faceid.require_vectors("auraface", 512)
    with pytest.raises(
        InputError, match=r"\(InstantID\) needs .* with antelopev2; this one was measured with buffalo_l"
    ):
        instantid.require_vectors("buffalo_l", 512)
    with pytest.raises(InputError, match=r"needs 512 numbers for each face; buffalo_l gives 128"):
        faceid.require_vectors("buffalo_l", 128)


def test_an_adapter_says_itself_which_embedder_it_was_trained_on() -> None:
    layout = layout_of(header(PUBLISHED["the miniature's"][0], **{EMBEDDER_NOTE: "miniature-embedder-1"}))

    layout.require_vectors("miniature-embedder-1", 128)
    with pytest.raises(InputError, match="with miniature-embedder-1; this one was measured with buffalo_l"):
        layout.require_vectors("buffalo_l", 128)


def test_pictures_alone_need_no_embedder() -> None:
    layout_of(header(PUBLISHED["plus-face sd15"][0])).require_vectors("auraface", 512)


@pytest.mark.parametrize(
    ("name", "known", "second"),
    [
        ("ip-adapter-faceid-plus_sd15.bin", None, False),
        ("ip-adapter-faceid-plusv2_sd15.bin", None, True),
        ("IP-Adapter-FaceID-PlusV2.safetensors", None, True),
        ("mine.safetensors", None, True),
        ("faceid-plus-renamed.bin", "ip-adapter-faceid-plusv2-sd15", True),
        ("faceid-plus-renamed.bin", "ip-adapter-faceid-plusv2-sdxl", True),
        ("faceid-plus-renamed.bin", "ip-adapter-faceid-sdxl", False),
    ],
)
def test_the_second_version_of_faceid_plus_is_told_by_its_hash_then_by_its_name(
    name: str, known: str | None, second: bool
) -> None:
    assert adds_plain_tokens(name, CATALOG[known].sha256 if known else "") is second


def test_who_takes_unit_vectors() -> None:
    assert {kind for kind in AdapterKind if kind.takes_unit_vectors} == {
        AdapterKind.FACEID,
        AdapterKind.FACEID_PLUS,
        AdapterKind.FACEID_PORTRAIT,
    }
