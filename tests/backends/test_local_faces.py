"""Face conditions in the local backend: against diffusers' loader and its arithmetic, and what only we promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.base import GenerateRequest, Sampler
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.controls import ControlNets
from easyphoto.backends.face_condition import FACE_KINDS, FaceCondition, FaceInputs
from easyphoto.backends.face_networks import attended
from easyphoto.backends.guides import draw_guide
from easyphoto.backends.latents import as_tensor, decoded
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import LocalBackend
from easyphoto.backends.local_conditions import conditions_applied
from easyphoto.backends.lora_apply import loras_applied
from easyphoto.backends.networks import Networks
from easyphoto.backends.picture_encoder import load_picture_encoder
from easyphoto.backends.prompts import encode_prompts
from easyphoto.backends.requests import alike
from easyphoto.backends.sampling import Denoiser, make_schedule
from easyphoto.backends.used import UsedFiles
from easyphoto.errors import InputError, MissingCapability, WeightsMissing
from easyphoto.geometry import Size
from easyphoto.model_cache import ModelCache, no_models
from easyphoto.progress import NullProgress
from easyphoto.weights.catalog import CATALOG, LicenceSet
from easyphoto.weights.ledger import sha256_of
from easyphoto.weights.store import WeightStore
from tests.backends.contract import HEIGHT, WIDTH, canny, drawn_picture, inpaint_request, pixels
from tests.backends.face_files import (
    POINTS,
    SEES_PICTURES,
    adapter_tensors,
    face_condition,
    person,
    square,
    write_adapter,
)
from tests.backends.face_steps import BREADTH, UNETS, random, small_unet, words_of
from tests.backends.face_steps import HEIGHT as CELLS_HIGH
from tests.tiny_family import POOLED_WIDTH, make_controlnet

CPU = torch.device("cpu")
CFG, TIME, WEIGHT = 3.0, torch.tensor(501), 0.8
FAMILIES = {"miniature": MINIATURE, "sd15": SD15, "sdxl": SDXL}
STEPS, SEED = 4, 5


@pytest.fixture(scope="module")
def components(tiny_base: Path) -> Components:
    torch.set_num_threads(1)
    return load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")


@pytest.fixture
def local(components: Components) -> LocalBackend:
    return LocalBackend(components)


@pytest.fixture(scope="module")
def faceid(components: Components, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter("faceid", tmp_path_factory.mktemp("faceid"), components.unet)


def networks_of(unet: Any, family: str, **more: Any) -> Networks:
    components = Components(unet, None, (), (), None, FAMILIES[family])
    return Networks(
        components, ControlNets(FAMILIES[family], None, dtype=torch.float32, device=CPU), no_models(), **more
    )


def added_of(unet: Any, rows: int = 4) -> dict[str, torch.Tensor] | None:
    if not unet.config.addition_embed_type:
        return None
    times = torch.tensor([[128.0, 192, 0, 0, 128, 192]]).repeat(rows, 1)
    return {"text_embeds": random(rows, POOLED_WIDTH, seed=12), "time_ids": times}


def latents() -> torch.Tensor:
    return random(2, 4, CELLS_HIGH, BREADTH, seed=10)


@torch.no_grad()
def our_step(unet: Any, family: str, column: Sequence[FaceCondition]) -> torch.Tensor:
    """The guided prediction for two pictures."""
    with conditions_applied(networks_of(unet, family), [(each,) for each in column]) as active:
        return Denoiser(unet, words_of(unet), CFG, active.controls, added_of(unet))(latents(), TIME, 0.5)


@torch.no_grad()
def diffusers_step(
    unet: Any, kind: str, people: Sequence[FaceInputs], encoder: Path | None, net: Any = None, guide: Any = None
) -> torch.Tensor:
    """The same by diffusers' loader and processors, and for InstantID as its authors' pipeline calls its network."""
    groups: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in adapter_tensors(kind, unet).items():
        group, _, rest = name.partition(".")
        groups[group][rest] = tensor
    unet._load_ip_adapter_weights([groups], low_cpu_mem_usage=False)
    for processor in unet.attn_processors.values():
        if hasattr(processor, "to_k_ip"):
            processor.scale = [WEIGHT]
    vectors = seen = None
    if people[0].vector is not None:
        known = torch.from_numpy(np.stack([each.vector for each in people if each.vector is not None]))
        vectors = torch.cat([torch.zeros_like(known), known])[:, None]
    if encoder is not None:
        states = load_picture_encoder(encoder, dtype=torch.float32, device=CPU).states(
            [each.squares[0] for each in people]
        )
        seen = torch.cat([states.blank.expand_as(states.photos), states.photos])[:, None]
    if kind == "faceid-plus":
        layer = unet.encoder_hid_proj.image_projection_layers[0]
        layer.clip_embeds, layer.shortcut = seen, True
    embeds = vectors if vectors is not None else seen
    assert embeds is not None
    embeds = embeds[:, None] if kind == "instantid" else embeds
    more: dict[str, Any] = {}
    twice, added = latents().repeat(2, 1, 1, 1), added_of(unet)
    if net is not None:
        tokens = unet.encoder_hid_proj([embeds])[0][:, 0]
        down, middle = net(
            twice, TIME, encoder_hidden_states=tokens, controlnet_cond=guide.repeat(2, 1, 1, 1),
            conditioning_scale=0.6, added_cond_kwargs=added, return_dict=False,
        )  # fmt: skip
        more = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    answer = unet(
        twice, TIME, encoder_hidden_states=words_of(unet),
        added_cond_kwargs={**(added or {}), "image_embeds": [embeds]}, return_dict=False, **more,
    )[0]  # fmt: skip
    without, with_words = answer.chunk(2)
    return without + CFG * (with_words - without)


@pytest.mark.parametrize("family", list(UNETS))
@pytest.mark.parametrize("kind", FACE_KINDS)
def test_a_step_is_the_one_diffusers_takes(kind: str, family: str, tmp_path: Path, face_encoder: Path) -> None:
    unet = small_unet(family)
    adapter = write_adapter(kind, tmp_path, unet)
    people = [face_condition(kind, adapter, face_encoder, seed=seed, weight=WEIGHT) for seed in (1, 2)]

    ours, swapped = our_step(unet, family, people), our_step(unet, family, people[::-1])

    theirs = diffusers_step(unet, kind, [each.face for each in people], face_encoder if kind in SEES_PICTURES else None)
    assert (ours - theirs).abs().max() < 1e-5 * CFG
    # The people are told apart.
    assert (ours - swapped).abs().max() > 1e-3


def written_net(unet: Any, folder: Path) -> tuple[Any, Path]:
    """A ControlNet as a single file with diffusers' names, as InstantID's is published, and the same in memory."""
    with torch.random.fork_rng():
        torch.manual_seed(8)
        net = make_controlnet(unet).eval()
    file = folder / "net.safetensors"
    net.save_pretrained(folder / "net.configs" / "controlnet")
    (folder / "net.configs" / "controlnet" / "diffusion_pytorch_model.safetensors").rename(file)
    return net, file


def guides(count: int = 2) -> list[Any]:
    size = drawn_picture().resize((8 * BREADTH, 8 * CELLS_HIGH))
    return [draw_guide("instantid", size, 4 * POINTS + 5 * number) for number in range(count)]


def instantid(unet: Any, folder: Path, **changes: Any) -> tuple[Any, list[FaceCondition]]:
    adapter = write_adapter("instantid", folder, unet)
    net, file = written_net(unet, folder)
    fixed: dict[str, Any] = {"weight": WEIGHT, "control": file, "control_weight": 0.6, **changes}
    people = [
        face_condition("instantid", adapter, None, seed=seed, control_image=guide, **fixed)
        for seed, guide in zip((1, 2), guides(), strict=True)
    ]
    return net, people


def test_instantid_with_its_network_is_what_diffusers_makes_of_it(tmp_path: Path) -> None:
    unet = small_unet("sdxl")
    net, people = instantid(unet, tmp_path)

    ours = our_step(unet, "sdxl", people)
    alone = our_step(unet, "sdxl", [replace(each, control_weight=0.0) for each in people])

    theirs = diffusers_step(
        unet, "instantid", [each.face for each in people], None, net, as_tensor([each.control_image for each in people])
    )  # fmt: skip
    assert (ours - theirs).abs().max() < 1e-5 * CFG
    assert (ours - alone).abs().max() > 1e-2


@torch.no_grad()
def test_identitynet_does_not_hear_the_prompt_and_other_controls_do(tmp_path: Path) -> None:
    unet = small_unet("sdxl")
    _, people = instantid(unet, tmp_path)
    twice, added = latents().repeat(2, 1, 1, 1), added_of(unet)
    with conditions_applied(networks_of(unet, "sdxl"), [(each,) for each in people]) as active:
        (control,) = active.controls
    words = words_of(unet)

    one, other = (control.residuals(twice, TIME, each, added=added) for each in (words, words + 1))

    assert all(torch.equal(*pair) for pair in zip([*one[0], one[1]], [*other[0], other[1]], strict=True))
    hearing = replace(control, words=None)
    one, other = (hearing.residuals(twice, TIME, each, added=added) for each in (words, words + 1))
    assert not torch.equal(one[1], other[1])


@torch.no_grad()
@pytest.mark.parametrize("family", list(UNETS))
def test_the_negative_half_is_the_same_for_everybody(family: str, tmp_path: Path) -> None:
    unet = small_unet(family)
    _, (anna, bert) = instantid(unet, tmp_path)
    bert = replace(bert, control_image=anna.control_image)
    halves = []
    for face in (anna, bert):
        with conditions_applied(networks_of(unet, family), [(face,), (face,)]) as active:
            (control,) = active.controls
            twice, added = latents().repeat(2, 1, 1, 1), added_of(unet)
            down, middle = control.residuals(twice, TIME, words_of(unet), added=added)
            answer = unet(
                twice, TIME, encoder_hidden_states=words_of(unet), added_cond_kwargs=added, return_dict=False,
                down_block_additional_residuals=tuple(down), mid_block_additional_residual=middle,
            )[0]  # fmt: skip
            halves.append(answer.chunk(2))

    assert torch.equal(halves[0][0], halves[1][0])
    assert (halves[0][1] != halves[1][1]).any()


def test_without_guidance_there_is_no_negative_half(tmp_path: Path) -> None:
    unet = small_unet("miniature")
    adapter = write_adapter("faceid", tmp_path, unet)
    column = [face_condition("faceid", adapter, None, seed=seed) for seed in (1, 2)]

    both = attended(networks_of(unet, "miniature"), column).tokens
    positives = attended(networks_of(unet, "miniature", has_negatives=False), column).tokens

    assert torch.equal(both[2:], positives)
    assert torch.equal(both[0], both[1])
    assert not torch.equal(positives[0], positives[1])


def test_a_persons_tokens_are_made_once_and_go_with_the_person(tmp_path: Path, components: Components) -> None:
    owner = tmp_path / "anna"
    owner.mkdir()
    adapter = write_adapter("faceid", tmp_path, components.unet)
    cache = ModelCache(2**30)
    local = LocalBackend(components, models=cache.lease())
    anna = face_condition("faceid", adapter, None, owner=owner)

    def painted(face: FaceCondition) -> int:
        before = cache.loads
        local.inpaint(inpaint_request(conditions=(face,)), NullProgress())
        return cache.loads - before

    assert painted(anna) == 3  # projection, layers, tokens
    assert painted(anna) == painted(replace(anna, weight=0.5, end=0.7)) == 0
    assert painted(replace(anna, face=person("faceid", 2, owner))) == 1
    cache.discard(owner)
    assert painted(anna) == 1


def test_the_picture_encoder_may_go_once_the_tokens_are_made(
    tmp_path: Path, components: Components, face_encoder: Path
) -> None:
    adapter = write_adapter("ip-adapter", tmp_path, components.unet)
    cache = ModelCache(2**20)
    lease = cache.lease()
    face = face_condition("ip-adapter", adapter, face_encoder)

    LocalBackend(components, models=lease).inpaint(inpaint_request(conditions=(face,)), NullProgress())

    # It is larger than the cache; what is left are the tokens, 2 × 16 × 32 float32.
    assert cache.bytes == 2 * 16 * 32 * 4
    assert cache.loads == 4


def test_pictures_of_two_people_share_a_pass_and_no_token(
    local: LocalBackend, faceid: Path, components: Components
) -> None:
    rows: list[int] = []
    requests = [
        inpaint_request(conditions=(face_condition("faceid", faceid, None, seed=seed),), seed=5) for seed in (1, 2)
    ]
    assert alike(requests) == [[0, 1]]

    hook = components.unet.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    together = local.inpaint_many(requests, NullProgress())
    hook.remove()

    assert set(rows) == {4}
    for request, result in zip(requests, together, strict=True):
        alone = pixels(local.inpaint(request, NullProgress()).image).astype(int)
        assert np.abs(pixels(result.image) - alone).max() <= 1
    assert (pixels(together[0].image) != pixels(together[1].image)).any()


@pytest.mark.parametrize(
    "change",
    [
        {"weight": 0.5},
        {"start": 0.1},
        {"end": 0.9},
        {"control_weight": 0.2},
        {"mask": np.ones((HEIGHT, WIDTH), np.float32)},
    ],
    ids=["weight", "start", "end", "control weight", "mask"],
)
def test_how_a_face_is_applied_is_the_same_in_a_pass(change: dict[str, Any]) -> None:
    face = face_condition("faceid", Path("a.bin"), None)

    assert alike([inpaint_request(conditions=(each,)) for each in (face, replace(face, **change))]) == [[0], [1]]


def generated(local: LocalBackend, *conditions: Any) -> np.ndarray:
    request = GenerateRequest(
        Size(WIDTH, HEIGHT), prompt="a face", negative="blurry", conditions=conditions, seed=SEED, steps=STEPS, cfg=CFG,
        sampler=Sampler.DDIM,
    )  # fmt: skip
    return pixels(local.generate(request, NullProgress()).image)


@torch.no_grad()
def plain_loop(
    components: Components, face: FaceCondition, on: Sequence[bool], lora: LoraCondition | None
) -> np.ndarray:
    """A loop that applies the face in some of the steps, and a LoRA in all."""
    unet = components.unet
    schedule = make_schedule(components.scheduler.config, Sampler.DDIM, steps=STEPS, strength=1.0, device=CPU)
    shape = (1, unet.config.in_channels, HEIGHT // 8, WIDTH // 8)
    now = schedule.loudest * torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    with loras_applied(components, [lora] if lora else []):
        words = encode_prompts(components, ["blurry", "a face"]).states
        for is_on, timestep in zip(on, schedule.scheduler.timesteps, strict=True):
            with conditions_applied(networks_of(unet, "miniature"), [(face,) if is_on else ()]):
                guess = unet(torch.cat([now, now]), timestep, encoder_hidden_states=words).sample
            without, with_words = guess.chunk(2)
            now = schedule.scheduler.step(without + CFG * (with_words - without), timestep, now).prev_sample
    return decoded(components.vae, now)[0]


@pytest.mark.parametrize(
    ("start", "end", "on"),
    [(0.0, 1.0, (True,) * 4), (0.25, 0.75, (False, True, True, False)), (0.5, 1.0, (False, False, True, True))],
)
@pytest.mark.parametrize("has_lora", [False, True], ids=["alone", "beside a LoRA"])
def test_a_face_acts_in_the_steps_of_its_span(
    local: LocalBackend, components: Components, faceid: Path, tiny_lora: Path, start: float, end: float, *,
    on: tuple[bool, ...], has_lora: bool,
) -> None:  # fmt: skip
    face = face_condition("faceid", faceid, None, weight=0.9, start=start, end=end)
    lora = LoraCondition(tiny_lora, 0.7) if has_lora else None

    ours = generated(local, *([lora] if lora else []), face)

    assert (ours == plain_loop(components, face, on, lora)).all()
    assert (ours != plain_loop(components, face, tuple(not each for each in on), lora)).any()


def test_a_lora_works_as_ever_beside_a_face_that_does_nothing(
    local: LocalBackend, faceid: Path, tiny_lora: Path
) -> None:
    lora = LoraCondition(tiny_lora, 0.7)
    nowhere = face_condition("faceid", faceid, None, mask=np.zeros((HEIGHT, WIDTH), np.float32))

    assert (generated(local, lora, nowhere) == generated(local, lora)).all()
    assert (generated(local, lora, nowhere) != generated(local, nowhere)).any()


def test_live_adapters_of_a_training_keep_their_effect(tiny_base: Path, faceid: Path) -> None:
    from peft import LoraConfig

    live = load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")
    local = LocalBackend(live, tiny_base)
    faces = face_condition("faceid", faceid, None), face_condition("faceid", faceid, None, weight=0.0)
    plain = generated(local, faces[0])
    live.unet.add_adapter(
        LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v", "to_out.0"], init_lora_weights=False)
    )
    live.unet.train()

    adapted, with_face = generated(local), generated(local, faces[0])

    assert (adapted == generated(local, faces[1])).all()
    assert (with_face != adapted).any()
    assert (with_face != plain).any()
    assert live.unet.training


def test_a_face_between_two_steps_is_noted_and_words_are_encoded_once(
    local: LocalBackend, components: Components, faceid: Path
) -> None:
    asked: list[int] = []
    hook = components.text_encoders[0].register_forward_hook(lambda *_: asked.append(1))
    late, never = (
        face_condition("faceid", faceid, None, start=start, end=end) for start, end in ((0.5, 1.0), (0.0, 0.1))
    )

    result = local.inpaint(inpaint_request(steps=2, denoise=1.0, conditions=(late, never)), NullProgress())
    hook.remove()

    assert result.applied_conditions == (faceid.name,)
    assert result.notes == (
        f"The faceid {faceid.name} begins and ends between two of the 2 steps, so it has no effect.",
    )
    assert len(asked) == 1


def test_faces_of_two_kinds_act_in_one_picture(
    local: LocalBackend, components: Components, faceid: Path, tmp_path: Path
) -> None:
    anna = face_condition("faceid", faceid, None)
    bert = face_condition("instantid", write_adapter("instantid", tmp_path, components.unet), None, seed=2)

    both = generated(local, anna, bert)

    assert (both != generated(local, anna)).any()
    assert (both != generated(local, bert)).any()
    assert np.abs(both.astype(int) - generated(local, bert, anna)).max() <= 1


def test_several_pictures_of_a_face_are_one_face(components: Components, tmp_path: Path, face_encoder: Path) -> None:
    adapter = write_adapter("ip-adapter", tmp_path, components.unet)
    one, other = (face_condition("ip-adapter", adapter, face_encoder, seed=seed) for seed in (1, 2))
    both = replace(one, face=FaceInputs(squares=(square(1), square(2))))
    networks = networks_of(components.unet, "miniature", has_negatives=False)

    tokens = attended(networks, [both]).tokens

    mean = (attended(networks, [one]).tokens + attended(networks, [other]).tokens) / 2
    assert tokens.shape == (1, 16, 32)
    assert (tokens - mean).abs().max() < 1e-5


def refused(local: LocalBackend, condition: FaceCondition, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        local.inpaint(inpaint_request(conditions=(condition,)), NullProgress())


def test_an_adapter_of_another_family_is_refused(local: LocalBackend, tmp_path: Path) -> None:
    adapter = write_adapter("faceid", tmp_path, small_unet("sdxl"))

    refused(local, face_condition("faceid", adapter, None), InputError, r"faceid-v2\.safetensors is made for")


def test_an_adapter_for_a_deeper_network_is_refused(local: LocalBackend, tmp_path: Path) -> None:
    adapter = write_adapter("faceid", tmp_path, small_unet("sd15"))

    refused(
        local, face_condition("faceid", adapter, None), MissingCapability,
        r"faceid-v2\.safetensors is not an adapter for this model: \d+ of its layers do not fit",
    )  # fmt: skip


def test_a_missing_encoder_and_missing_files_are_named(
    local: LocalBackend, components: Components, faceid: Path, tmp_path: Path
) -> None:
    adapter = write_adapter("ip-adapter", tmp_path, components.unet)

    refused(local, face_condition("ip-adapter", adapter, None), WeightsMissing, "image encoder, and none was given")
    gone = tmp_path / "gone.safetensors"
    refused(local, face_condition("ip-adapter", adapter, gone), WeightsMissing, r"gone\.safetensors")
    refused(local, face_condition("faceid", gone, None), WeightsMissing, r"gone\.safetensors")
    face = face_condition("faceid", faceid, None, control=gone, control_weight=0.5, control_image=drawn_picture())
    refused(local, face, WeightsMissing, r"gone\.safetensors")


def test_a_face_that_does_not_fit_the_adapter_is_refused(
    local: LocalBackend, components: Components, faceid: Path, tmp_path: Path, face_encoder: Path
) -> None:
    face = face_condition("faceid", faceid, None)
    vector = np.zeros(128, np.float32)

    refused(local, replace(face, face=FaceInputs(vector)), InputError, "512 numbers for a face, and got 128")
    refused(local, replace(face, face=FaceInputs(vector, "buffalo_l")), InputError, "512 numbers")
    refused(
        local,
        replace(face, face=FaceInputs(np.ones(512), "auraface")),
        InputError,
        "needs faces measured with buffalo_l",
    )
    refused(local, replace(face, face=FaceInputs()), InputError, "got none")
    refused(local, replace(face, kind="instantid"), InputError, "is a FaceID file and cannot be used as 'instantid'")
    plus = face_condition("ip-adapter", write_adapter("ip-adapter", tmp_path, components.unet), face_encoder)
    refused(local, replace(plus, face=FaceInputs()), InputError, "needs pictures of a face, and none was given")


def test_identitynet_asks_for_its_file_and_its_points(
    local: LocalBackend, components: Components, tiny_base: Path, tmp_path: Path
) -> None:
    adapter, net = write_adapter("instantid", tmp_path, components.unet), tiny_base / "controlnet" / "canny"

    face = face_condition("instantid", adapter, None, control=net, control_weight=0.5)

    refused(local, face, InputError, "five points of the face")
    refused(
        local, replace(face, models=replace(face.models, control=None), control_image=drawn_picture()),
        MissingCapability, "a ControlNet weight but no ControlNet",
    )  # fmt: skip


def test_the_files_of_a_face_are_in_the_record(
    components: Components, faceid: Path, tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = WeightStore(tmp_path)
    local = LocalBackend(components, tiny_base, store=store)
    off = face_condition("faceid", tmp_path / "off.safetensors", None, weight=0.0)

    local.inpaint(inpaint_request(conditions=(face_condition("faceid", faceid, None), off)), NullProgress())

    _, adapter = local.weights
    assert (adapter.id, adapter.file, adapter.sha256) == (faceid.name, faceid.name, sha256_of(faceid))


def test_a_catalogued_adapter_is_recorded_by_its_id_and_licence(tmp_path: Path) -> None:
    models = SD15.identities["faceid"]
    store = WeightStore(tmp_path, licences=LicenceSet.RESEARCH)
    places = {}
    for id in models.files:
        row = CATALOG[id]
        places[id] = tmp_path / row.folder / row.name
        places[id].parent.mkdir(parents=True, exist_ok=True)
        places[id].write_bytes(id.encode())
        store.trust(id)
    used = UsedFiles(SD15, store)

    used.condition(face_condition("faceid", places[models.adapter], None))
    used.condition(LoraCondition(places[str(models.lora)], 0.6))
    used.condition(LoraCondition(tmp_path / "anna.safetensors"))

    assert [(each.id, each.file, each.licence) for each in used.weights()] == [
        (id, places[id].name, CATALOG[id].licence) for id in models.files
    ]


def test_what_ships_with_a_family_is_recorded_by_its_name() -> None:
    folder = MINIATURE.folder / "identity"
    used = UsedFiles(MINIATURE, None)

    used.condition(face_condition("faceid", folder / "faceid.safetensors", None))
    used.condition(LoraCondition(folder / "faceid_lora.safetensors"))

    assert [(each.id, each.licence) for each in used.weights()] == [
        ("faceid.safetensors", "Apache-2.0"),
        ("faceid_lora.safetensors", "Apache-2.0"),
    ]


def test_other_controls_stay_beside_a_face_with_its_own(
    local: LocalBackend, components: Components, tiny_base: Path, tmp_path: Path
) -> None:
    local = LocalBackend(components, tiny_base)
    adapter, net = write_adapter("instantid", tmp_path, components.unet), tiny_base / "controlnet" / "tile"
    guide = draw_guide("instantid", drawn_picture(), POINTS)
    face = face_condition("instantid", adapter, None, control=net, control_weight=0.5, control_image=guide)

    both = local.inpaint(inpaint_request(conditions=(face,), controls=(canny(),)), NullProgress())

    assert both.applied_controls == ("canny",)
    assert both.applied_conditions == (adapter.name,)
    for request in (inpaint_request(conditions=(face,)), inpaint_request(controls=(canny(),))):
        assert (pixels(both.image) != pixels(local.inpaint(request, NullProgress()).image)).any()
