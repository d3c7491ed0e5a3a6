"""A face reaches the web UI's ControlNet as units that are given our own vectors; what cannot be is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.face_condition import FaceCondition, FaceInputs, FaceModels
from easyphoto.errors import BackendError, InputError, MissingCapability
from easyphoto.progress import NullProgress
from easyphoto.webui import checkpoints, controlnet
from easyphoto.webui.backend import WebuiBackend
from tests.backends.contract import canny, drawn_picture, inpaint_request, middle_mask
from tests.fakes import RecordingProgress
from tests.webui.conftest import MakeHost
from tests.webui.fake_host import FakeHost
from tests.webui.fake_host.loras import write_lora

WITH_FACES = ("a1111-446", "a1111")
FORGES = ("forge", "reforge")
PLUS_FACE, FULL_FACE = "ip-adapter-plus-face_sd15 [7f7a633a]", "ip-adapter-full-face_sd15 [3459c5eb]"
FACEID, FACEID_PLUS = "ip-adapter-faceid_sd15 [0a1757e9]", "ip-adapter-faceid-plusv2_sd15 [6e14fc1a]"
INSTANTID, INSTANTID_NET = "ip-adapter_instant_id_sdxl [eb2d3ec0]", "control_instant_id_sdxl [c5c25a50]"
VECTOR = np.linspace(-1, 1, 512, dtype=np.float32)
SQUARES = (Image.new("RGB", (224, 224), "tan"), Image.new("RGB", (224, 224), "brown"))


def seen(encoder: Path, squares: Sequence[Image.Image]) -> torch.Tensor:
    """States in place of CLIP's: of each square its mean red, everywhere."""
    assert encoder.name == "clip.safetensors"
    reds = torch.tensor([float(np.asarray(square)[..., 0].mean()) for square in squares])
    return reds[:, None, None].expand(-1, 257, 1280)


def opened(family: Family = SD15, **changes: Any) -> WebuiBackend:
    return WebuiBackend(checkpoints.require("plain"), family, **{"states": seen, **changes})


def faceid(name: str = "ip-adapter-faceid_sd15.bin", **changes: Any) -> FaceCondition:
    return replace(
        FaceCondition("faceid", FaceModels(Path("/weights") / name), FaceInputs(VECTOR, "buffalo_l"), 0.8), **changes
    )


def pictured(kind: str, name: str) -> FaceCondition:
    models = FaceModels(Path("/weights") / name, encoder=Path("/weights/clip.safetensors"))
    return FaceCondition(kind, models, FaceInputs(VECTOR, "buffalo_l", SQUARES), 0.6)


def instantid(**changes: Any) -> FaceCondition:
    models = FaceModels(
        Path("/weights/ip-adapter_instant_id_sdxl.bin"), control=Path("/weights/control_instant_id_sdxl.safetensors")
    )
    face = FaceCondition("instantid", models, FaceInputs(20 * VECTOR, "antelopev2"), 0.8, 0.1, 0.9, 0.5)
    return replace(face, control_image=drawn_picture(3), **changes)


def paint(backend: WebuiBackend, *conditions: Any, **changes: Any) -> Any:
    return backend.inpaint(inpaint_request(conditions=conditions, **changes), NullProgress())


def units_of(fake: FakeHost) -> list[Any]:
    script = controlnet.script_in(fake.img2img)
    return [unit for unit in fake.requests[-1].script_args[script.args_from : script.args_to] if unit.enabled]


@pytest.mark.parametrize("flavour", WITH_FACES)
def test_a_faceid_is_one_unit_that_is_given_our_vector(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)
    fake.models.listed.append(FACEID)

    result = paint(opened(), faceid(start=0.1, end=0.7))

    (unit,) = units_of(fake)
    assert (unit.module, unit.model) == ("none", FACEID)
    assert (unit.weight, unit.guidance_start, unit.guidance_end) == (0.8, 0.1, 0.7)
    (given,) = unit.ipadapter_input
    assert given.shape == (1, 512)
    assert given.dtype == torch.float32
    assert (given.numpy()[0] == VECTOR).all()
    assert unit.image is None
    assert unit.effective_region_mask is None
    assert result.applied_conditions == ("ip-adapter-faceid_sd15.bin",)


@pytest.mark.parametrize(
    ("kind", "model"), [("ip-adapter", PLUS_FACE), ("ip-adapter-full", FULL_FACE)], ids=["plus", "full"]
)
def test_a_kind_that_sees_pictures_is_given_the_encoders_states_of_each(host: MakeHost, kind: str, model: str) -> None:
    fake = host()
    fake.models.listed.append(model)

    paint(opened(), pictured(kind, f"{model.split(' ')[0]}.safetensors"))

    (unit,) = units_of(fake)
    assert unit.model == model
    states = [each["hidden_states"][-2] for each in unit.ipadapter_input]
    assert [tuple(each.shape) for each in states] == [(1, 257, 1280)] * 2
    assert [float(each.mean()) for each in states] == [210.0, 165.0]


def test_faceid_plus_is_given_vector_and_states(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.append(FACEID_PLUS)

    paint(opened(), pictured("faceid-plus", "ip-adapter-faceid-plusv2_sd15.bin"))

    (unit,) = units_of(fake)
    assert len(unit.ipadapter_input) == 2
    for given, red in zip(unit.ipadapter_input, (210.0, 165.0), strict=True):
        assert (given.face_embed.numpy() == VECTOR[None]).all()
        assert float(given.clip_embed["hidden_states"][-2].mean()) == red


def test_instantid_is_an_adapter_with_its_net_directly_after_it_and_before_the_controls(host: MakeHost) -> None:
    fake = host()
    fake.models.listed += [INSTANTID, INSTANTID_NET, "diffusers_xl_canny_mid [2b69fca4]"]

    result = paint(opened(SDXL), instantid(), controls=(canny(),))

    adapter, net, control = units_of(fake)
    assert (adapter.model, adapter.weight) == (INSTANTID, 0.8)
    assert adapter.ipadapter_input[0].shape == (512,)
    assert (adapter.ipadapter_input[0].numpy() == 20 * VECTOR).all()
    assert (net.model, net.module, net.weight, net.ipadapter_input) == (INSTANTID_NET, "none", 0.5, None)
    assert (net.image == np.asarray(drawn_picture(3))).all()
    assert [(unit.guidance_start, unit.guidance_end) for unit in (adapter, net)] == [(0.1, 0.9)] * 2
    assert control.model.startswith("diffusers_xl_canny")
    assert result.applied_controls == ("canny",)
    assert result.applied_conditions == ("ip-adapter_instant_id_sdxl.bin",)


def test_a_net_of_weight_zero_is_no_unit(host: MakeHost) -> None:
    fake = host()
    fake.models.listed += [INSTANTID, INSTANTID_NET]

    paint(opened(SDXL), instantid(control_weight=0.0))

    assert [unit.model for unit in units_of(fake)] == [INSTANTID]


def test_a_face_acts_only_in_its_mask(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.append(FACEID)

    paint(opened(), faceid(mask=middle_mask()))

    region = units_of(fake)[0].effective_region_mask
    assert region.shape == (*middle_mask().shape, 1)
    assert (region[..., 0] == 255 * middle_mask()).all()


def test_a_face_makes_another_picture_and_none_of_weight_zero(host: MakeHost, tmp_path: Path) -> None:
    fake = host()
    fake.models.listed.append(FACEID)
    plain = paint(opened())
    lora = write_lora(tmp_path / "any.safetensors")

    own, none = paint(opened(), faceid()), paint(opened(), faceid(weight=0.0))
    other = paint(opened(), faceid(face=FaceInputs(-VECTOR, "buffalo_l")))
    both = paint(opened(), LoraCondition(lora), faceid())

    assert len({each.image.tobytes() for each in (plain, own, other, both)}) == 4
    assert none.image.tobytes() == plain.image.tobytes()
    assert none.applied_conditions == ()
    assert both.applied_conditions == ("any.safetensors", "ip-adapter-faceid_sd15.bin")


def test_prompt_and_negative_prompt_are_called_together_where_a_face_acts(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.append(FACEID)
    for key in ("batch_cond_uncond", "pad_cond_uncond"):
        fake.options.data_labels[key] = type(fake.options.data_labels["sd_vae"])(False)
    asked: list[tuple[bool, bool]] = []
    fake.denoiser_callbacks.append(
        lambda _: asked.append((fake.options.batch_cond_uncond, fake.options.pad_cond_uncond))
    )

    paint(opened(), faceid(), steps=2, denoise=0.4)
    paint(opened(), steps=2, denoise=0.4)

    assert asked == [(True, True), (False, False)]


def test_the_encoder_sees_a_persons_squares_once_until_the_backend_is_closed(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.append(PLUS_FACE)
    asked: list[int] = []

    def counting(encoder: Path, squares: Sequence[Image.Image]) -> torch.Tensor:
        assert fake.lock.is_held
        asked.append(len(squares))
        return seen(encoder, squares)

    backend = opened(states=counting)
    face = pictured("ip-adapter", "ip-adapter-plus-face_sd15.safetensors")
    again = replace(face, face=replace(face.face, squares=tuple(square.copy() for square in SQUARES)))
    for condition in (face, again, replace(face, face=replace(face.face, squares=SQUARES[:1]))):
        paint(backend, condition)
    assert asked == [2, 1]

    backend.close()
    paint(backend, face)
    assert asked == [2, 1, 2]


@pytest.mark.parametrize("flavour", WITH_FACES)
def test_the_host_says_which_kinds_it_applies(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)
    fake.models.listed += [FACEID, PLUS_FACE, "ip-adapter-faceid-plusv2_sd15_lora [11111111]"]

    capabilities = opened().capabilities()

    assert capabilities.conditions == ("lora", "ip-adapter", "faceid")
    assert capabilities.timed_conditions == ("ip-adapter", "faceid")
    assert set(capabilities.refused_conditions) == {"ip-adapter-full", "faceid-plus"}
    assert "no model ip-adapter-full-face_sd15" in capabilities.refused_conditions["ip-adapter-full"]


def test_instantid_is_offered_with_its_net_only(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.append(INSTANTID)

    without = opened(SDXL).capabilities()
    fake.models.listed.append(INSTANTID_NET)

    assert "no model control_instant_id_sdxl" in without.refused_conditions["instantid"]
    assert opened(SDXL).capabilities().conditions == ("lora", "instantid")


@pytest.mark.parametrize("flavour", FORGES)
def test_forge_takes_no_vectors_and_says_so(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)
    fake.models.listed.append(FACEID)

    capabilities = opened().capabilities()

    assert capabilities.conditions == ("lora",)
    assert set(capabilities.refused_conditions) == set(SD15.identities)
    with pytest.raises(MissingCapability, match=r"faceid_sd15\.bin .*\(faceid\).*accepts only pictures"):
        paint(opened(), faceid())
    assert fake.requests == []


def test_an_extension_without_the_field_is_to_be_updated(host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = host("a1111-446")
    fake.models.listed.append(FACEID)
    monkeypatch.setattr(controlnet.ControlNet, "takes", lambda self, field: False)

    assert opened().capabilities().conditions == ("lora",)
    with pytest.raises(MissingCapability, match=r"not accept face measurements\. Update it"):
        paint(opened(), faceid())


def test_without_the_extension_a_face_is_refused(host: MakeHost) -> None:
    host(controlnet=False)

    assert opened().capabilities().conditions == ("lora",)
    with pytest.raises(MissingCapability, match="sd-webui-controlnet"):
        paint(opened(), faceid())


def test_a_model_that_the_host_lacks_is_named(host: MakeHost) -> None:
    fake = host()

    with pytest.raises(MissingCapability, match=r"no model ip-adapter-faceid_sd15\. Put that file into its models/Con"):
        paint(opened(), faceid())
    assert fake.requests == []


def test_a_model_that_was_put_there_meanwhile_is_found(host: MakeHost) -> None:
    fake = host()
    fake.models.later.append(FACEID)

    assert paint(opened(), faceid()).applied_conditions == ("ip-adapter-faceid_sd15.bin",)


def test_a_kind_that_the_family_has_not_is_refused(host: MakeHost) -> None:
    fake = host()
    fake.models.listed += [INSTANTID, INSTANTID_NET]

    with pytest.raises(MissingCapability, match=r"\(instantid\) cannot"):
        paint(opened(SD15), instantid())


@pytest.mark.parametrize(
    ("kind", "path", "is_read_rightly"),
    [
        ("faceid", "/webui/models/ControlNet/ip-adapter-faceid_sd15.bin", True),
        ("faceid", "/webui/models/ControlNet/ip-adapter-my_v2_faceid_sd15.bin", True),
        ("faceid", "/webui/models/ControlNet/ip-adapter-anna_sd15.bin", False),
        ("faceid", "/webui/models/ControlNet/ip-adapter-FaceID_sd15.bin", False),
        ("faceid", "/webui/models/ControlNet/ip-adapter-faceid-portrait_sd15.bin", False),
        ("faceid", "/PuLID-webui/models/ControlNet/ip-adapter-faceid_sd15.bin", False),
        ("ip-adapter", "/webui/models/ControlNet/ip-adapter-plus-face_sd15.safetensors", True),
        ("ip-adapter", "/portraits/v2/ControlNet/ip-adapter-plus-face_sd15.safetensors", True),
        ("ip-adapter", "/webui/models/faceid/ip-adapter-plus-face_sd15.safetensors", False),
        ("ip-adapter-full", "/webui/instant_id/ControlNet/ip-adapter-full-face_sd15.safetensors", False),
        ("faceid-plus", "/webui/models/ControlNet/ip-adapter-faceid-plusv2_sd15.bin", True),
        ("faceid-plus", "/webui/models/ControlNet/ip-adapter-faceid-plus_sd15.bin", False),
    ],
)
def test_a_name_that_the_host_would_misread_is_refused_with_the_one_to_use(
    host: MakeHost, kind: str, path: str, is_read_rightly: bool
) -> None:
    fake = host()
    name = Path(path).stem
    fake.models.listed.append(name)
    fake.models.paths[name] = path
    face = faceid(Path(path).name) if kind == "faceid" else pictured(kind, Path(path).name)
    usual = {"faceid": "faceid", "ip-adapter": "plus-face", "ip-adapter-full": "full-face", "faceid-plus": "plusv2"}

    if is_read_rightly:
        assert paint(opened(), face).applied_conditions == (Path(path).name,)
        return
    with pytest.raises(MissingCapability, match=rf"{name} for another kind.*ip-adapter-.*{usual[kind]}_sd15"):
        paint(opened(), face)
    assert fake.requests == []


def test_a_net_whose_name_would_make_it_an_ordinary_control_is_refused(host: MakeHost) -> None:
    fake = host()
    fake.models.listed += [INSTANTID, "identity_net"]
    face = instantid()
    models = replace(face.models, control=Path("/weights/identity_net.safetensors"))

    with pytest.raises(MissingCapability, match=r"identity_net for another kind.*control_instant_id_sdxl"):
        paint(opened(SDXL), replace(face, models=models))


def test_a_file_of_ours_that_the_host_lists_under_another_name_is_found(host: MakeHost, tmp_path: Path) -> None:
    fake = host()
    file = tmp_path / "my-faceid.bin"
    file.write_bytes(b"")
    fake.models.listed += [FACEID, "ip-adapter-anna_faceid"]
    fake.models.paths["ip-adapter-anna_faceid"] = str(tmp_path / "linked" / ".." / "ip-adapter-anna_faceid.bin")
    (tmp_path / "linked").mkdir()
    (tmp_path / "ip-adapter-anna_faceid.bin").symlink_to(file)

    paint(opened(), faceid(models=FaceModels(file)))

    assert units_of(fake)[0].model == "ip-adapter-anna_faceid"


def test_an_adapter_that_the_host_lacks_is_not_replaced_by_another_of_its_kind(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.append(FACEID)

    with pytest.raises(MissingCapability, match="no model my-own_faceid"):
        paint(opened(), faceid("my-own_faceid.bin"))


def test_a_face_beside_as_many_controls_as_the_tab_has_units_is_applied(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.append(FACEID)
    controls = (canny(0.1), canny(0.2), canny(0.3))

    with_face = paint(opened(), faceid(), controls=controls)

    assert with_face.applied_controls == ("canny", "canny", "canny")
    assert with_face.applied_conditions == ("ip-adapter-faceid_sd15.bin",)
    assert with_face.image.tobytes() != paint(opened(), controls=controls).image.tobytes()


def test_a_weight_that_the_host_would_not_take_is_refused(host: MakeHost) -> None:
    host().models.listed.append(FACEID)

    with pytest.raises(InputError, match="up to 2"):
        paint(opened(), faceid(weight=2.5))


@pytest.mark.parametrize("flavour", WITH_FACES)
def test_an_adapter_that_cannot_be_loaded_ends_the_call_at_the_first_step(host: MakeHost, flavour: str) -> None:
    fake = host(flavour)
    fake.models.listed.append(FACEID)
    fake.models.broken.add(FACEID)
    progress = RecordingProgress()

    with pytest.raises(BackendError, match=r"identity faceid \(ip-adapter-faceid_sd15.*was not applied: Recognizing"):
        opened().inpaint(inpaint_request(steps=20, conditions=(faceid(),)), progress)

    assert progress.steps == []
    assert fake.steps_made == 1


def test_an_adapter_that_the_host_took_for_something_else_ends_the_call(
    host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = host()
    fake.models.listed += [INSTANTID, INSTANTID_NET]
    monkeypatch.setattr(fake.models, "path", lambda name: f"/models/{name.replace('control_instant_id', 'net')}")
    monkeypatch.setattr("easyphoto.webui.face_units._NET_WORD", "")

    with pytest.raises(
        BackendError, match=r"instantid \(control_instant_id.*not applied: the web UI mistook it for Con"
    ):
        paint(opened(SDXL), instantid())


def test_the_record_names_the_adapter(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.append(FACEID)
    backend = opened()

    paint(backend, faceid())

    used = {weight.id: weight.file for weight in backend.weights}
    assert used == {"plain.safetensors": "plain.safetensors", "ip-adapter-faceid_sd15": FACEID}
