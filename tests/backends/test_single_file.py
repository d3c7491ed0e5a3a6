"""Checkpoints in one file: what is loaded is, bit for bit, what was written, and diffusers' own reader agrees."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends import ldm_names, pickles, single_file
from easyphoto.backends.base import Control, InpaintRequest
from easyphoto.backends.folders import base_model
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import open_local
from easyphoto.backends.single_file import Loading, autoencoder_filling, load_single_file
from easyphoto.backends.tokenizer import open_tokenizers
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.progress import NullProgress
from easyphoto.weights.store import WeightStore
from tests.backends.merges import write_merges
from tests.ldm_layout import ldm_state, make_networks, unet_state, write_checkpoint, write_configs, write_tensors

FLOAT = {"dtype": torch.float32, "device": "cpu"}


@dataclass(frozen=True)
class Written:
    family: Family
    file: Path
    networks: dict[str, Any]

    def load(self, **place: Any) -> Any:
        return load_single_file(self.family, self.file, **{**FLOAT, **place})


@pytest.fixture(scope="module", autouse=True)
def quick_tokenizers() -> Iterator[None]:
    """They take half a second each to build, and are the same for every checkpoint."""
    kept: dict[str, tuple[Any, ...]] = {}

    def open_once(family: Family, store: WeightStore | None, *, beside: Path) -> tuple[Any, ...]:
        if family.id not in kept:
            kept[family.id] = open_tokenizers(family, store, beside=beside)
        return kept[family.id]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single_file, "open_tokenizers", open_once)
        yield


@pytest.fixture(scope="module", params=[SD15, SDXL], ids=lambda family: family.id)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    family: Family = request.param
    folder = tmp_path_factory.mktemp(family.id)
    write_merges(folder)
    return Written(family, *write_checkpoint(folder, family))


@pytest.fixture(scope="module")
def loaded(written: Written) -> Any:
    """Opened once for the tests that only look."""
    return written.load()


def assert_same(loaded: Any, source: Any) -> None:
    ours, theirs = loaded.state_dict(), source.state_dict()
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def test_every_network_is_bit_for_bit_what_was_written(written: Written, loaded: Any):
    for part in written.networks.keys() - {"controlnet"}:
        assert_same(loaded.parts[part], written.networks[part])


def test_no_tensor_is_left_without_memory(loaded: Any):
    for network in loaded.networks:
        assert not any(tensor.is_meta for tensor in (*network.parameters(), *network.buffers()))


def test_the_networks_answer_as_those_they_were_written_from(written: Written, loaded: Any):
    tokens = torch.tensor([[49406, 320, 1125, 49407, 49407]])
    for part in sorted(written.networks.keys() & {"text_encoder", "text_encoder_2"}):
        ours, theirs = loaded.parts[part](tokens), written.networks[part](tokens)
        assert torch.equal(ours[0], theirs[0])
    latents = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(loaded.vae.decode(latents).sample, written.networks["vae"].decode(latents).sample)


def test_diffusers_reads_the_same_from_the_file(written: Written):
    from diffusers import AutoencoderKL, UNet2DConditionModel

    configs = str(written.file.with_suffix(".configs"))
    for kind, part in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae")):
        theirs = kind.from_single_file(str(written.file), config=configs, subfolder=part, local_files_only=True)
        assert_same(theirs, written.networks[part])


def test_diffusers_reads_the_same_text_encoders(written: Written):
    from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
    from safetensors.torch import load_file

    state, configs = load_file(written.file), str(written.file.with_suffix(".configs"))
    for part in sorted(written.networks.keys() & {"text_encoder", "text_encoder_2"}):
        theirs = create_diffusers_clip_model_from_ldm(
            type(written.networks[part]), dict(state), subfolder=part, config=configs, local_files_only=True
        )
        assert_same(theirs, written.networks[part])


def test_the_file_may_go_once_it_is_loaded(written: Written, tmp_path: Path):
    copy = shutil.copy(written.file, tmp_path / written.file.name)
    shutil.copytree(written.file.with_suffix(".configs"), tmp_path / f"{written.file.stem}.configs")
    write_merges(tmp_path)
    components = load_single_file(written.family, Path(copy), **FLOAT)
    with Path(copy).open("r+b") as stream:
        stream.seek(200_000)
        stream.write(bytes(1_000_000))

    assert_same(components.unet, written.networks["unet"])


def test_a_pickled_checkpoint_loads_as_well(written: Written, tmp_path: Path):
    file = tmp_path / "old.ckpt"
    torch.save({"state_dict": ldm_state(written.networks, written.family), "global_step": 7}, file)
    shutil.copytree(written.file.with_suffix(".configs"), file.with_suffix(".configs"))
    write_merges(tmp_path)

    family, path = base_model(str(file))
    components = load_components(family, path, **FLOAT)

    assert family is written.family
    assert_same(components.unet, written.networks["unet"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_only_an_autoencoder_that_overflows_stays_wide(written: Written, dtype: torch.dtype):
    components = written.load(dtype=dtype)

    stays_wide = written.family is SDXL and dtype == torch.float16
    assert components.unet.dtype == components.text_encoders[0].dtype == dtype
    assert components.vae.dtype == (torch.float32 if stays_wide else dtype)


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (ldm_names.UNET_PREFIX + "middle_block.1.proj_in.weight", "UNet"),
        (ldm_names.VAE_PREFIX + "decoder.mid.attn_1.q.weight", "VAE"),
    ],
)
def test_a_missing_tensor_is_named(written: Written, tmp_path: Path, lost: str, said: str):
    file = copied_without(written, tmp_path, lost)

    with pytest.raises(WeightsMissing, match=f"{said}.*lacks 1 of .*{lost}"):
        load_single_file(written.family, file, **FLOAT)


def test_a_checkpoint_without_autoencoder_says_which_to_fetch(written: Written, tmp_path: Path):
    file = copied_without(written, tmp_path, ldm_names.VAE_PREFIX)

    with pytest.raises(WeightsMissing, match=f"contains no VAE.*weights get {written.family.vae}"):
        load_single_file(written.family, file, **FLOAT)


def test_a_tensor_of_another_shape_is_refused(written: Written, tmp_path: Path):
    state = ldm_state(written.networks, written.family) | {
        ldm_names.UNET_PREFIX + "out.2.weight": torch.zeros(4, 8, 3, 3)
    }
    file = rewritten(written, tmp_path, state)

    with pytest.raises(InputError, match=r"out\.2\.weight has the shape \(4, 8, 3, 3\) instead of \(4, 32, 3, 3\)"):
        load_single_file(written.family, file, **FLOAT)


@dataclass(frozen=True)
class StoreWith(WeightStore):
    """A store that has one file, under one id."""

    id: str = ""
    file: Path = Path()

    def find(self, id: str) -> Path | None:
        return self.file if id == self.id else None


def test_a_pickle_is_unpickled_once_for_all_networks(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "old.ckpt"
    torch.save(ldm_state(written.networks, written.family), file)
    shutil.copytree(written.file.with_suffix(".configs"), file.with_suffix(".configs"))
    write_merges(tmp_path)
    opened: list[Path] = []
    read = pickles.read_pickle
    monkeypatch.setattr(pickles, "read_pickle", lambda file: opened.append(file) or read(file))

    components = load_components(written.family, file, **FLOAT)

    assert opened == [file]
    assert_same(components.unet, written.networks["unet"])


@pytest.mark.parametrize("layout", ["LDM", "diffusers", "old diffusers"])
def test_the_better_autoencoder_of_the_store_is_taken(written: Written, tmp_path: Path, layout: str):
    better = make_networks(written.file.with_suffix(".configs"))["vae"]
    better.decoder.conv_out.bias.data.fill_(0.25)
    names: dict[str, Callable[[str], str]] = {
        "LDM": lambda key: ldm_names.autoencoder_name(key, 4),
        "diffusers": str,
        "old diffusers": ldm_names.old_autoencoder_name,
    }
    file = write_tensors(
        tmp_path / "better.safetensors", {names[layout](key): value for key, value in better.state_dict().items()}
    )

    loading = Loading("base", written.family, written.file.with_suffix(".configs"), torch.float16, torch.device("cpu"))
    store = StoreWith(tmp_path, id=str(written.family.vae), file=file)
    with ExitStack() as stack:
        vae = autoencoder_filling({}, loading, store, stack)()

    assert vae.dtype == torch.float16
    assert vae.decoder.conv_out.bias.tolist() == [0.25, 0.25, 0.25]


def test_the_marks_of_a_v_prediction_checkpoint_reach_the_scheduler(tmp_path: Path):
    file = tmp_path / "v.safetensors"
    state = ldm_state(make_networks(write_configs(SD15, file)), SD15)
    write_tensors(file, state | {"v_pred": torch.empty(0), "ztsnr": torch.empty(0)})
    write_merges(tmp_path)

    config = load_single_file(SD15, file, **FLOAT).scheduler.config

    assert (config.prediction_type, config.rescale_betas_zero_snr) == ("v_prediction", True)


def test_early_files_without_the_level_text_model_load(tmp_path: Path):
    file = tmp_path / "early.safetensors"
    networks = make_networks(write_configs(SD15, file))
    state = {
        name.replace("transformer.text_model.", "transformer."): value
        for name, value in ldm_state(networks, SD15).items()
    }
    write_tensors(file, state)
    write_merges(tmp_path)

    assert_same(load_single_file(SD15, file, **FLOAT).text_encoders[0], networks["text_encoder"])


def rewritten(written: Written, folder: Path, state: dict[str, Any]) -> Path:
    file = write_tensors(folder / "other.safetensors", state)
    shutil.copytree(written.file.with_suffix(".configs"), file.with_suffix(".configs"))
    write_merges(folder)
    return file


def copied_without(written: Written, folder: Path, beginning: str) -> Path:
    state = {
        name: value
        for name, value in ldm_state(written.networks, written.family).items()
        if not name.startswith(beginning)
    }
    return rewritten(written, folder, state)


def test_a_backend_paints_from_one_file_with_a_control_beside_it(written: Written):
    control = written.family.controls["canny"]
    write_tensors(
        written.file.parent / "controlnet" / f"{control}.safetensors",
        unet_state(written.networks["controlnet"], ldm_names.CONTROL_PREFIX),
    )
    backend = open_local(*base_model(str(written.file)))
    grey = Image.new("RGB", (64, 64), (120, 90, 80))
    request = InpaintRequest(
        image=grey, mask=np.ones((64, 64), np.float32), prompt="a photo", controls=(Control("canny", grey),), steps=2
    )

    result = backend.inpaint(request, NullProgress())

    assert backend.capabilities().controls == ("canny",)
    assert result.applied_controls == ("canny",)
    assert result.image.size == (64, 64)
    assert np.ptp(np.asarray(result.image)) > 0
