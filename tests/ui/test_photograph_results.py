"""What is known of a result on show."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from easyphoto.images.pictures import write_picture
from easyphoto.jobs.service import Service
from easyphoto.ui.language import Translator
from easyphoto.ui.photograph_form import PhotographPlan
from easyphoto.ui.photograph_results import page_picture, record_of_result
from easyphoto.ui.photograph_tab import build, repeat_updates
from tests import icc


def test_the_job_knows_the_checkpoint_by_its_whole_name(tmp_path: Path) -> None:
    picture = {"file": "a.png", "template": "a", "seed": 3, "score": None, "likeness": [], "notes": [], "stages": []}
    file = write_picture(tmp_path / "a.png", Image.new("RGB", (8, 8)), {"seed": 3, "base": "face.safetensors"})
    request = {"options": {"base": "portraits/face.safetensors [0a1b]"}}
    job = SimpleNamespace(result={"pictures": [picture]}, request=request)
    service: Any = SimpleNamespace(queue=SimpleNamespace(get=lambda _: job, file=lambda *_: file))

    record = record_of_result(service, ("job", "a.png"))

    assert record is not None
    assert (record["seed"], record["base"]) == (3, "portraits/face.safetensors [0a1b]")


def test_a_page_shows_a_result_in_srgb_with_its_record(tmp_path: Path) -> None:
    linear = write_picture(
        tmp_path / "a.png", Image.new("L", (8, 8), 128), {"seed": 3}, profile=icc.grey_profile(icc.gamma(1.0))
    )
    plain = write_picture(tmp_path / "b.png", Image.new("RGB", (8, 8), "teal"), {"seed": 3})

    for file, pixel in ((linear, (188, 188, 188)), (plain, (0, 128, 128))):
        shown = page_picture(file)
        assert shown.getpixel((0, 0)) == pixel
        assert "icc_profile" not in shown.info
        assert shown.info["easyphoto"] == '{"seed": 3}'


@pytest.mark.parametrize(
    ("settings", "label"), [({"first_steps": 60, "second_steps": 30}, "Thorough"), ({"cfg": 3.5}, None)]
)
def test_a_repeated_picture_shows_the_preset_it_was_made_with_or_none(
    service: Service, settings: dict[str, Any], label: str | None
) -> None:
    with gr.Blocks():
        tab = build(service, Translator("en"))

    updates = repeat_updates(tab, service, {"settings": settings, "seed": 3}, PhotographPlan())

    assert updates[tab.how.preset]["value"] == label
