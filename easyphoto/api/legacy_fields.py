"""The fields of the 2023 interface, and their meaning here. Fields that are not sent keep our defaults."""

import random
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel

from easyphoto.api.models import given
from easyphoto.host.base import HostFacts
from easyphoto.workspace.person_record import FACE, SCENE

# Clients of 2023 always send these names, whether they mean them or not: of what paints faces, and of what draws.
USUAL_CHECKPOINT = "Chilloutmix-Ni-pruned-fp16-fix.safetensors"
USUAL_DRAWER = "LZ-16K+Optics.safetensors"
USUAL_CHECKPOINTS = (USUAL_CHECKPOINT, USUAL_DRAWER)
MOST_BATCH, MOST_VALIDATIONS = 32, 50
FROM_WORDS = 3
"""The tab whose pictures are drawn from words."""
TRAIN_FACE, TRAIN_SCENE = "Train Human Lora", "Train Scene Lora"
CONCEPTS: Mapping[str, str] = MappingProxyType({TRAIN_FACE: FACE, TRAIN_SCENE: SCENE})
"""What `train_mode_choose` trains."""
SCENE_TRIGGER = "special_scene, scene"
"""Stood in every caption of a scene, after the words that the client gave."""
INNER_POSE, UPLOADED_POSE, NO_POSE = "Control with inner template", "Control with uploaded template", "Without Control"
NOTHING = ("", "none")


class LegacyFields(BaseModel):
    """Numbers may come as texts, and unknown fields are ignored, as in 2023."""


class TrainFields(LegacyFields):
    sd_model_checkpoint: str = USUAL_CHECKPOINT
    id_task: str = ""
    user_id: str = "tmp"
    train_mode_choose: str = TRAIN_FACE
    resolution: int = 512
    val_and_checkpointing_steps: int = 100
    max_train_steps: int = 800
    steps_per_photos: int = 200
    train_batch_size: int = 1
    gradient_accumulation_steps: int = 4
    dataloader_num_workers: int = 16
    learning_rate: float = 1e-4
    rank: int = 128
    network_alpha: int = 64
    instance_images: list[str] = []
    validation: bool = True
    enable_rl: bool = False
    max_rl_time: float = 1
    timestep_fraction: float = 1
    skin_retouching_bool: bool = False
    training_prefix_prompt: str = ""
    crop_ratio: float = 3
    args: list[Any] = []


class InferFields(LegacyFields):
    user_ids: list[str] | str = []
    sd_model_checkpoint: str = USUAL_CHECKPOINT
    tabs: Literal[0, 1, 2, 3] = 1  # the last is FROM_WORDS
    selected_template_images: list[str] = []
    init_image: str | None = None
    uploaded_template_images: list[str] = []
    text_to_image_input_prompt: str = ""
    text_to_image_width: int = 624
    text_to_image_height: int = 832
    t2i_control_way: str = INNER_POSE
    t2i_pose_template: str | None = None
    scene_id: str = "none"
    prompt_generate_sd_model_checkpoint: str = USUAL_CHECKPOINT
    additional_prompt: str = ""
    additional_neg_prompt: str = ""
    lora_weights: float = 0.9
    first_diffusion_steps: int = 50
    first_denoising_strength: float = 0.45
    second_diffusion_steps: int = 20
    second_denoising_strength: float = 0.35
    seed: int = -1
    batch_size: int = 1
    crop_face_preprocess: bool = True
    before_face_fusion_ratio: float = 0.5
    after_face_fusion_ratio: float = 0.5
    apply_face_fusion_before: bool = True
    apply_face_fusion_after: bool = True
    color_shift_middle: bool = True
    color_shift_last: bool = True
    super_resolution: bool = True
    super_resolution_method: str = "gpen"
    super_resolution_ratio: float = 0.5
    skin_retouching_bool: bool = False
    display_score: bool = False
    background_restore: bool = False
    background_restore_denoising_strength: float = 0.35
    makeup_transfer: bool = False
    makeup_transfer_ratio: float = 0.5
    face_shape_match: bool = False
    id_control: bool = True
    id_control_method: str = "IP-Adapter Face"
    ipa_weight: float = 0.5
    ipa_image: str | None = None
    instantid_id_weight: float = 0.5
    instantid_ipa_weight: float = 0.5
    instantid_image: str | None = None
    ref_mode_choose: str = "Infer with User Lora"
    no_user_lora_mode: str = "IP-Adapter Face"
    ipa_only_weight: float = 0.6
    ipa_only_image: str | None = None
    instantid_only_id_weight: float = 0.5
    instantid_only_ipa_weight: float = 0.5
    instantid_only_image: str | None = None
    lcm_accelerate: bool | None = None
    enable_second_diffusion: bool = True


def sent(fields: LegacyFields) -> frozenset[str]:
    return frozenset(given(fields))


def train_values(fields: TrainFields) -> dict[str, Any]:
    """Return the values of TrainSettings."""
    told = sent(fields)
    # Counted on the uploaded photos, as in 2023; a request with neither field gets the family's default.
    steps = min(len(fields.instance_images) * fields.steps_per_photos, fields.max_train_steps)
    values: dict[str, Any] = {}
    if told & {"max_train_steps", "steps_per_photos"}:
        values["steps"] = steps
    if told & {"val_and_checkpointing_steps", "max_train_steps", "steps_per_photos"}:
        values["validations"] = min(max(steps // max(fields.val_and_checkpointing_steps, 1), 1), MOST_VALIDATIONS)
    if not fields.validation:
        values["validations"] = 1
    if told & {"train_batch_size", "gradient_accumulation_steps"}:
        # A step covered this many photos, in passes of the smaller number.
        values["batch"] = min(fields.train_batch_size * fields.gradient_accumulation_steps, MOST_BATCH)
        values["micro_batch"] = min(fields.train_batch_size, MOST_BATCH)
    names = {"resolution": "resolution", "learning_rate": "learning_rate", "rank": "rank", "network_alpha": "alpha"}
    return values | {ours: getattr(fields, theirs) for theirs, ours in names.items() if theirs in told}


def scene_words(fields: TrainFields) -> str | None:
    """Return the words that call the scene; None: they are made from its name."""
    prefix = fields.training_prefix_prompt.strip(" ,")
    return f"{prefix}, {SCENE_TRIGGER}" if fields.train_mode_choose == TRAIN_SCENE and prefix else None


def train_notes(fields: TrainFields) -> list[str]:
    told, is_scene = sent(fields), fields.train_mode_choose == TRAIN_SCENE
    lines = {
        "Reinforcement learning (enable_rl, max_rl_time, timestep_fraction) does not exist here.": fields.enable_rl,
        "The last checkpoint is judged even without validation.": not fields.validation and not is_scene,
        "dataloader_num_workers has no meaning: the photos are read in the training's own process.": (
            "dataloader_num_workers" in told
        ),
        "training_prefix_prompt belongs to scenes and is not used: captions are made of the trigger words.": (
            bool(fields.training_prefix_prompt) and not is_scene
        ),
        "crop_ratio belongs to scenes and is not used.": "crop_ratio" in told and not is_scene,
        "crop_ratio is not used: whole pictures of a scene are learned, not crops around faces.": (
            is_scene and "crop_ratio" in told and fields.crop_ratio >= 1
        ),
        f"train_batch_size × gradient_accumulation_steps is limited to {MOST_BATCH}.": (
            fields.train_batch_size * fields.gradient_accumulation_steps > MOST_BATCH
        ),
        "args is not used.": bool(fields.args),
    }
    return [line for line, holds in lines.items() if holds]


SAME: Mapping[str, str] = {
    "lora_weights": "lora_weight",
    "first_diffusion_steps": "first_steps",
    "first_denoising_strength": "first_strength",
    "second_diffusion_steps": "second_steps",
    "second_denoising_strength": "second_strength",
    "before_face_fusion_ratio": "fusion_before",
    "after_face_fusion_ratio": "fusion_after",
    "skin_retouching_bool": "retouch",
    "batch_size": "count",
    "additional_prompt": "prompt",
    "additional_neg_prompt": "negative",
}


def infer_values(fields: InferFields, facts: HostFacts, random_seed: int) -> dict[str, Any]:
    """Return the values of InferenceSettings."""
    told = sent(fields)
    values: dict[str, Any] = {ours: getattr(fields, theirs) for theirs, ours in SAME.items() if theirs in told}
    values["seed"] = random_seed if fields.seed < 0 else fields.seed
    if not fields.apply_face_fusion_before:
        values["fusion_before"] = 0.0
    if not fields.apply_face_fusion_after:
        values["fusion_after"] = 0.0
    if not fields.enable_second_diffusion:
        values["second_strength"] = 0.0
    if not (fields.color_shift_middle or fields.color_shift_last):
        values["colour_transfer"] = False
    if fields.lcm_accelerate:
        values["few_steps"] = "lcm"
    if "super_resolution" in told and fields.super_resolution:
        values |= _enlargement(fields, facts)
    if fields.tabs == FROM_WORDS:
        values |= _words(fields)
    return values | _identity(fields)


def _words(fields: InferFields) -> dict[str, Any]:
    """What is drawn where no template is given; a scene's LoRA belonged to the drawing alone."""
    parts = fields.text_to_image_input_prompt, fields.additional_prompt
    words = {"prompt": ", ".join(part.strip(" ,") for part in parts if part.strip(" ,"))}
    return words if is_nothing(fields.scene_id) else {**words, "scene": fields.scene_id}


def drawing_values(fields: InferFields, poses: Sequence[str], seed: int) -> dict[str, Any]:
    """Return the values of DrawingSettings but the checkpoint; an inner template is one of `poses`, by the seed."""
    told = sent(fields)
    values: dict[str, Any] = {}
    if told & {"text_to_image_width", "text_to_image_height"}:
        values["size"] = f"{fields.text_to_image_width}x{fields.text_to_image_height}"
    if "t2i_control_way" in told and fields.t2i_control_way == INNER_POSE and poses:
        values["pose"] = random.Random(seed).choice(sorted(poses))
    return values


def is_nothing(name: str) -> bool:
    """Whether an id means nobody, or no scene."""
    return name.strip().lower() in NOTHING


def _identity(fields: InferFields) -> dict[str, Any]:
    """Map `id_control`, which put IP-Adapter or InstantID beside the LoRA, to the best engine that is at hand."""
    told = sent(fields)
    if not fields.id_control:
        return {"identity": "lora"}
    weight = "instantid_ipa_weight" if fields.id_control_method == "InstantID" else "ipa_weight"
    return {"identity_weight": getattr(fields, weight)} if weight in told else {}


def _enlargement(fields: InferFields, facts: HostFacts) -> dict[str, Any]:
    """Map gpen (restoration) and realesrgan (upscaling) to the host's nearest networks; none, with a note, if it has
    none.
    """
    if fields.super_resolution_method.lower() == "gpen":
        restorer = next(iter(facts.restorers), None)
        return {"restore": restorer, "restore_strength": fields.super_resolution_ratio} if restorer else {}
    upscaler = next((name for name in facts.upscalers if "esrgan" in name.lower()), None)
    if upscaler is None:
        return {}
    return {"upscale": upscaler, "upscale_factor": 2.0, "upscale_strength": fields.super_resolution_ratio}


def infer_notes(fields: InferFields, values: Mapping[str, Any]) -> list[str]:
    told = sent(fields)
    wants_more = "super_resolution" in told and fields.super_resolution
    found = values.get("restore") or values.get("upscale")
    lines = {
        "The face is always cut out and worked on large; crop_face_preprocess cannot be switched off.": (
            not fields.crop_face_preprocess
        ),
        "color_shift_middle and color_shift_last are one setting here; it stays on.": (
            fields.color_shift_middle != fields.color_shift_last
        ),
        "background_restore does not exist here; the background stays the template's.": fields.background_restore,
        "makeup_transfer does not exist here.": fields.makeup_transfer,
        "face_shape_match does not exist here.": fields.face_shape_match,
        "id_control takes the best engine that is at hand, whatever id_control_method says.": (
            fields.id_control and "id_control_method" in told
        ),
        "ipa_image and instantid_image are not used: the face is that of the person's own photos.": bool(
            told & {"ipa_image", "instantid_image"}
        ),
        "instantid_id_weight is not used: the weight of InstantID's ControlNet follows that of its adapter.": (
            "instantid_id_weight" in told
        ),
        "scene_id is used where the template is drawn from words (tabs 3), as in 2023.": (
            fields.tabs != FROM_WORDS and not is_nothing(fields.scene_id)
        ),
        f"super_resolution_method {fields.super_resolution_method!r} is not here; {found!r} was used.": bool(
            wants_more and found
        ),
        "super_resolution was left out: the host has nothing for it.": wants_more and not found,
    }
    return [line for line, holds in lines.items() if holds]
