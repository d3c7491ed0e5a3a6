"""The local backend on tiny random networks: the contract, and what only it promises."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.base import Control, Sampler
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.face_condition import FaceCondition
from easyphoto.backends.folders import base_model
from easyphoto.backends.latents import Preview, decoded, encoded, latent_mask
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import LocalBackend, open_local
from easyphoto.backends.lora_apply import loras_applied
from easyphoto.backends.used import UsedFiles
from easyphoto.errors import InputError, MissingCapability, OutOfMemory, WeightsMissing
from easyphoto.progress import NullProgress
from tests.backends.contract import BackendContract, canny, drawn_picture, inpaint_request, middle_mask, pixels
from tests.backends.face_files import faces_for
from tests.fakes import RecordingProgress
from tests.tiny_family import write_tiny_lora


@pytest.fixture(scope="module")
def components(tiny_base: Path) -> Components:
    torch.set_num_threads(1)
    return load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")


@pytest.fixture
def local(components: Components, tiny_base: Path) -> LocalBackend:
    return LocalBackend(components, tiny_base)


def weights_of(components: Components) -> dict[str, torch.Tensor]:
    return {
        f"{number}.{name}": tensor.clone()
        for number, network in enumerate(components.networks)
        for name, tensor in network.state_dict().items()
    }


def same_weights(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class TestLocalBackend(BackendContract):
    @pytest.fixture
    def backend(self, local: LocalBackend) -> LocalBackend:
        return local

    @pytest.fixture
    def lora(self, tiny_lora: Path) -> Path:
        return tiny_lora

    @pytest.fixture
    def second_lora(self, tmp_path: Path) -> Path:
        return write_tiny_lora(tmp_path / "second.safetensors", seed=1)

    @pytest.fixture
    def face(
        self, components: Components, tiny_base: Path, face_encoder: Path, tmp_path: Path
    ) -> Callable[[str, int], FaceCondition]:
        return faces_for(components.unet, tmp_path, face_encoder, control=tiny_base / "controlnet" / "canny")


def test_a_family_folder_opens_by_its_path(tiny_base: Path) -> None:
    assert open_local(*base_model(str(tiny_base))).family == "miniature"
    assert base_model(str(tiny_base)) == (MINIATURE, tiny_base)


def test_a_missing_folder_and_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="no base model"):
        open_local(*base_model(str(tmp_path / "none")))
    with pytest.raises(WeightsMissing, match=r"unet/diffusion_pytorch_model\.safetensors"):
        open_local(*base_model(str(tmp_path)))
    with pytest.raises(WeightsMissing, match="do not ship"):
        open_local(*base_model("sd15"))


@pytest.mark.parametrize("change", ["cut off", "a key is missing"])
def test_broken_weights_are_not_filled_up(tiny_base: Path, tmp_path: Path, change: str) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_base, base)
    file = base / "unet" / "diffusion_pytorch_model.safetensors"
    if change == "cut off":
        file.write_bytes(file.read_bytes()[:-1000])
    else:
        tensors = load_file(file)
        del tensors["conv_in.bias"]
        save_file(tensors, file)

    with pytest.raises(WeightsMissing, match="unet"):
        open_local(*base_model(str(base)))


def test_a_folder_of_unknown_shape_asks_for_its_family(tiny_base: Path, tmp_path: Path) -> None:
    for part in tiny_base.iterdir():
        if part.name != "easyphoto.json":
            (tmp_path / part.name).symlink_to(part)

    with pytest.raises(InputError, match=r"easyphoto\.json"):
        base_model(str(tmp_path))


def test_controls_without_a_model_are_not_offered(local: LocalBackend) -> None:
    assert local.capabilities().controls == ("canny", "color", "tile")
    with pytest.raises(MissingCapability, match="facepoints"):
        local.inpaint(inpaint_request(controls=(Control("facepoints", drawn_picture()),)), NullProgress())


@pytest.mark.parametrize("sampler", list(Sampler))
@pytest.mark.parametrize("steps", [1, 7, 20])
def test_every_sampler_stays_finite(local: LocalBackend, sampler: Sampler, steps: int) -> None:
    result = local.inpaint(inpaint_request(sampler=sampler, steps=steps, denoise=1.0), NullProgress())

    assert result.image.size == (48, 32)


def test_a_batch_equals_single_calls(local: LocalBackend) -> None:
    request = inpaint_request(sampler=Sampler.DPMPP_2M_SDE_KARRAS, controls=(canny(0.7),))
    other = replace(request, image=drawn_picture(9), seed=8, prompt="a dog")
    apart = replace(request, steps=3)
    requests = (request, apart, other)

    together = local.inpaint_many(requests, NullProgress())

    for each, result in zip(requests, together, strict=True):
        alone = pixels(local.inpaint(each, NullProgress()).image).astype(int)
        assert np.abs(pixels(result.image).astype(int) - alone).max() <= 1
        assert result.seed == each.seed


def test_four_templates_take_each_network_as_often_as_one(local: LocalBackend, components: Components, monkeypatch):
    """As a training's validation asks for them: one ControlNet, 20 steps at a strength of 0.65."""
    asked = inpaint_request(steps=20, denoise=0.65, controls=(canny(0.5),))
    local.inpaint(asked, NullProgress())  # loads the ControlNet
    (control,) = local._controls.loaded
    calls: dict[str, list[int]] = {}

    def count(name: str, network: torch.nn.Module) -> None:
        forward = network.forward

        def counted(*inputs: Any, **more: Any) -> Any:
            first = next(each for each in (*inputs, *more.values()) if isinstance(each, torch.Tensor))
            calls.setdefault(name, []).append(len(first))
            return forward(*inputs, **more)

        monkeypatch.setattr(network, "forward", counted)

    count("encoder", components.vae.encoder)
    count("decoder", components.vae.decoder)
    count("words", components.text_encoders[0])
    count("control image", control.embedding)
    count("control", control.network)
    count("unet", components.unet)

    local.inpaint_many([replace(asked, seed=seed, image=drawn_picture(seed)) for seed in range(4)], NullProgress())

    assert calls == {
        "encoder": [4], "control image": [4], "words": [2], "control": [8] * 13, "unet": [8] * 13, "decoder": [4],
    }  # fmt: skip


def test_an_autoencoder_in_float32_on_a_processor_has_its_channels_last(components: Components, tiny_base: Path):
    weight = components.vae.decoder.conv_in.weight
    before, picture = weight.clone(memory_format=torch.contiguous_format), drawn_picture()
    plain = load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu").vae
    half = load_components(MINIATURE, tiny_base, dtype=torch.bfloat16, device="cpu")

    LocalBackend(components, tiny_base)
    LocalBackend(half, tiny_base)

    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(weight, before)
    assert half.vae.decoder.conv_in.weight.is_contiguous()
    with torch.no_grad():
        ours, theirs = (decoded(vae, encoded(vae, [picture]))[0] for vae in (components.vae, plain))
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_a_control_that_is_never_on_is_noted(local: LocalBackend) -> None:
    result = local.inpaint(inpaint_request(steps=2, denoise=1.0, controls=(canny(end=0.1),)), NullProgress())

    assert result.applied_controls == ()
    assert "canny" in result.notes[0]


def test_a_prompt_that_is_too_long_is_noted(local: LocalBackend) -> None:
    result = local.inpaint(inpaint_request(prompt="face " * 50), NullProgress())

    assert "tokens" in result.notes[0]


def test_a_lora_leaves_every_bit_as_it_was(local: LocalBackend, components: Components, tiny_lora: Path) -> None:
    before = weights_of(components)

    local.inpaint(
        inpaint_request(conditions=(LoraCondition(tiny_lora, 0.9), LoraCondition(tiny_lora, -0.3))), NullProgress()
    )

    assert same_weights(before, weights_of(components))


def test_a_lora_adds_its_product_scaled(components: Components, tiny_lora: Path) -> None:
    layer = components.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q
    before = layer.weight.clone()
    name = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors = load_file(tiny_lora)

    with loras_applied(components, [LoraCondition(tiny_lora, 0.5)]):
        added = layer.weight - before

    expected = 0.5 * tensors[f"{name}.lora_up.weight"] @ tensors[f"{name}.lora_down.weight"]
    assert torch.allclose(added, expected, atol=1e-6)


@pytest.mark.parametrize("change", ["strange module", "strange part", "wrong shape", "half a pair", "empty", "no file"])
def test_a_lora_that_does_not_fit_is_refused_by_its_keys(
    local: LocalBackend, components: Components, tiny_lora: Path, tmp_path: Path, *, change: str
) -> None:
    tensors = load_file(tiny_lora)
    name = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
    match change:
        case "strange module":
            tensors["lora_unet_no_such_block.lora_down.weight"] = torch.zeros(2, 4)
        case "strange part":
            tensors[f"{name}.dora_scale"] = torch.zeros(2)
        case "wrong shape":
            tensors[f"{name}.lora_up.weight"] = torch.zeros(5, 2)
        case "half a pair":
            del tensors[f"{name}.lora_up.weight"]
        case "empty":
            tensors = {}
    bad = tmp_path / "bad.safetensors"
    save_file(tensors, bad)
    if change == "no file":
        bad.write_bytes(b"this is not a LoRA")
    before = weights_of(components)

    with pytest.raises(MissingCapability, match=r"bad\.safetensors"):
        local.inpaint(inpaint_request(conditions=(LoraCondition(tiny_lora), LoraCondition(bad))), NullProgress())

    assert same_weights(before, weights_of(components))


def test_running_out_of_memory_is_named(local: LocalBackend, components: Components, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")

    monkeypatch.setattr(components.vae, "encode", refuse)

    with pytest.raises(OutOfMemory, match="smaller resolution"):
        local.inpaint(inpaint_request(), NullProgress())


def test_live_adapters_are_used_and_left_alone(tiny_base: Path, tiny_lora: Path) -> None:
    """As the trainer's validation does: the UNet with its adapters, in training mode, between two steps."""
    from peft import LoraConfig

    live = load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")
    backend = LocalBackend(live, tiny_base)
    plain = pixels(backend.inpaint(inpaint_request(), NullProgress()).image)
    for network, targets in ((live.unet, ["to_q", "to_v", "proj_in"]), (live.text_encoders[0], ["q_proj"])):
        network.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=targets, init_lora_weights=False))
        network.train()
    before = weights_of(live)

    adapted = pixels(backend.inpaint(inpaint_request(), NullProgress()).image)
    again = pixels(backend.inpaint(inpaint_request(), NullProgress()).image)
    on_top = pixels(backend.inpaint(inpaint_request(conditions=(LoraCondition(tiny_lora),)), NullProgress()).image)

    assert (adapted != plain).any()
    assert (adapted == again).all()
    assert (on_top != adapted).any()
    assert live.unet.training
    assert live.text_encoders[0].training
    assert not live.vae.training
    assert any(parameter.requires_grad for parameter in live.unet.parameters())
    assert same_weights(before, weights_of(live))


def test_a_soft_mask_is_repainted_under_its_faintest_pixel() -> None:
    mask = np.zeros((32, 48), np.float32)
    mask[8, 16] = 0.01

    cells = latent_mask([mask], (4, 6))[0, 0]

    assert cells.nonzero().tolist() == [[1, 2]]
    assert latent_mask([middle_mask()], (4, 6))[0, 0].sum() == 6


def test_a_preview_is_shown_on_the_way(local: LocalBackend) -> None:
    progress = RecordingProgress()

    local.inpaint(inpaint_request(steps=10, denoise=1.0), progress)

    assert [preview.size for preview in progress.previews] == [(48, 32), (48, 32)]


def test_a_preview_of_the_old_latents_looks_like_the_old_picture() -> None:
    picture = drawn_picture()
    blocks = np.asarray(picture.resize((6, 4), Image.Resampling.BOX), np.float32) / 255
    latents = torch.from_numpy(blocks).permute(2, 0, 1)[None] * 3 - 1

    shown = pixels(Preview(latents, picture)(latents)).astype(int)

    whole = pixels(picture.resize((6, 4), Image.Resampling.BOX).resize((48, 32), Image.Resampling.BILINEAR))
    assert np.abs(shown - whole).max() <= 2


def test_the_weights_that_took_part_are_told(components: Components, tiny_base: Path, tmp_path: Path) -> None:
    from easyphoto.weights.ledger import sha256_of
    from easyphoto.weights.store import WeightStore

    store = WeightStore(tmp_path)
    local = LocalBackend(components, tiny_base, store=store)
    local.inpaint(inpaint_request(controls=(canny(),)), NullProgress())

    (checkpoint,) = local.weights

    unet = tiny_base / "unet" / "diffusion_pytorch_model.safetensors"
    # The control lies in the checkpoint's folder: it is no file of the catalogue.
    assert (checkpoint.id, checkpoint.file, checkpoint.sha256) == (tiny_base.name, unet.name, sha256_of(unet))


@pytest.mark.parametrize("variant", ["fp16", "non_ema"])
def test_of_a_folder_the_file_that_is_loaded_is_told(tmp_path: Path, variant: str) -> None:
    (tmp_path / "unet").mkdir()
    for name in (f"diffusion_pytorch_model.{variant}.safetensors", "diffusion_pytorch_model.safetensors"):
        (tmp_path / "unet" / name).write_bytes(name.encode())
    used = UsedFiles(MINIATURE, None)

    used.checkpoint(tmp_path)

    assert [each.file for each in used.weights()] == ["diffusion_pytorch_model.safetensors"]


def test_a_few_steps_lora_of_the_catalogue_is_told_by_its_id(tiny_sdxl: Path, tmp_path: Path) -> None:
    from easyphoto.architectures.sdxl import SDXL
    from easyphoto.weights.store import WeightStore
    from tests.tiny_family import SECOND_WIDTH, WIDTH, write_tiny_lora

    store = WeightStore(tmp_path)
    file = tmp_path / "lora" / "sdxl_lightning_8step_lora.safetensors"
    file.parent.mkdir()
    write_tiny_lora(file, text_prefix="lora_te1", cross=WIDTH + SECOND_WIDTH)
    own = write_tiny_lora(tmp_path / "own.safetensors", text_prefix="lora_te1", cross=WIDTH + SECOND_WIDTH)
    local = LocalBackend(load_components(SDXL, tiny_sdxl, dtype=torch.float32, device="cpu"), tiny_sdxl, store=store)

    local.inpaint(inpaint_request(conditions=(LoraCondition(own), LoraCondition(file))), NullProgress())

    checkpoint, lightning = local.weights
    assert checkpoint.licence == "user's own"
    assert (lightning.id, lightning.file) == ("lightning-sdxl-8step", file.name)


def test_a_request_may_name_the_checkpoint_that_is_open(local: LocalBackend, tiny_base: Path) -> None:
    assert local.capabilities().checkpoints == (tiny_base.name,)

    for name in (tiny_base.name, str(tiny_base), "miniature"):
        local.inpaint(inpaint_request(checkpoint=name), NullProgress())
