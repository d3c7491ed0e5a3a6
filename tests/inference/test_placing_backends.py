"""The same placing on real networks and over a web UI's API: small random ones, a web UI of our own."""

from pathlib import Path

import numpy as np

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.backends.base import Backend
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.local import open_local
from easyphoto.backends.remote import open_remote
from easyphoto.backends.remote_client import WebUi, address_from
from easyphoto.images.pictures import as_picture
from easyphoto.inference.placing import PlacedObject, PlacingModels, opened_placing, placed
from easyphoto.inference.results import Photograph
from easyphoto.settings.placing import PlacingSettings
from tests.backends.sdapi_server import serving
from tests.backends.test_remote import HASTE, IMG2IMG, lora_of

NOISE = np.random.default_rng(3).integers(0, 256, (120, 160, 3)).astype(np.uint8)
QUICK = PlacingSettings(first_steps=2, second_steps=2, second_strength=0.3, cut_out="off")


def cup_placed(backend: Backend, lora: Path, family: Family, weight: float = 1.0) -> Photograph:
    mask = np.zeros(NOISE.shape[:2], bool)
    mask[40:80, 60:110] = True
    thing = PlacedObject("Cup", (LoraCondition(lora, weight),), ("my cup",))
    (found,) = placed(opened_placing(as_picture(NOISE), mask, thing, QUICK, family, PlacingModels(backend)))
    result = np.asarray(found.image)
    assert (result[found.mask == 0] == NOISE[found.mask == 0]).all()
    assert (result[40:80, 60:110] != NOISE[40:80, 60:110]).mean() > 0.9
    return found


def test_small_random_networks_on_this_machine_paint_it_with_its_lora(tiny_base: Path, tiny_lora: Path):
    backend = open_local(MINIATURE, tiny_base)

    with_it, without = (cup_placed(backend, tiny_lora, MINIATURE, weight) for weight in (1.0, 0.0))

    assert with_it.image.tobytes() != without.image.tobytes()


def test_a_web_ui_elsewhere_is_asked_for_both_passes_with_its_lora(tmp_path: Path):
    with serving() as host:
        lora = lora_of(host, tmp_path, "cup")
        backend = open_remote(WebUi(address_from(host.url, None), HASTE), SD15, None, proves=False)

        cup_placed(backend, lora, SD15)

        first, second = [body for path, body in host.state.asked if path == IMG2IMG]
    assert "my cup" in first["prompt"]
    assert "<lora:" in first["prompt"]
    assert "<lora:" in second["prompt"]
    assert (first["denoising_strength"], second["denoising_strength"]) == (SD15.place_strength, 0.3)
    assert (first["width"], first["height"]) == (512, 512)
