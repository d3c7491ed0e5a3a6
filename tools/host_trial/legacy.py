"""The two routes of 2023, asked as its clients ask."""

from __future__ import annotations

from typing import Any

from host_trial.course import Course, encoded, picture_of
from host_trial.rows import expect
from host_trial.web import API

PART = "2023"


def try_legacy(course: Course) -> None:
    row = course.table.row
    person = f"{course.person}-2023"
    with row(PART, "/easyphoto/easyphoto_train_forward") as seen:
        answer = course.web.post("/easyphoto/easyphoto_train_forward", train_fields(course, person))
        seen.append(f"{answer.status}: {answer.words}")
        expect(answer.status == 200 and "has been completed" in answer.json["message"], "it was not completed")
    with row(PART, "/easyphoto/easyphoto_infer_forward") as seen:
        answer = course.web.post("/easyphoto/easyphoto_infer_forward", infer_fields(course, person))
        expect(answer.status == 200, f"{answer.status}: {answer.words}")
        told = answer.json
        seen.append(f"{told['message']}; {len(told['outputs'])} pictures, {len(told['face_id_outputs'])} scores")
        expect(len(told["outputs"]) == 1 and picture_of(told["outputs"][0]).size, "there is no picture")
    with row(PART, "its refusals are messages") as seen:
        answer = course.web.post("/easyphoto/easyphoto_infer_forward", {**infer_fields(course, "nobody-at-all")})
        seen.append(f"{answer.status}: {answer.words}")
        expect(answer.status == 200 and answer.json["outputs"] == [] and answer.json["message"], "no message")
    course.web.delete(f"{API}/persons/{person}")


def train_fields(course: Course, person: str) -> dict[str, Any]:
    return {
        "sd_model_checkpoint": course.said.checkpoint, "id_task": "", "user_id": person,
        "train_mode_choose": "Train Human Lora", "resolution": 256, "val_and_checkpointing_steps": 4,
        "max_train_steps": 4, "steps_per_photos": 1, "train_batch_size": 1, "gradient_accumulation_steps": 1,
        "dataloader_num_workers": 16, "learning_rate": 1e-4, "rank": 8, "network_alpha": 8, "validation": True,
        "instance_images": [encoded(file) for file in course.photos()], "enable_rl": False, "args": [],
    }  # fmt: skip


def infer_fields(course: Course, person: str) -> dict[str, Any]:
    return {
        "user_ids": [person], "sd_model_checkpoint": course.said.checkpoint, "tabs": 1,
        "selected_template_images": [], "init_image": encoded(course.said.template), "uploaded_template_images": [],
        "additional_prompt": "masterpiece", "seed": 12345, "first_diffusion_steps": 6,
        "first_denoising_strength": 0.45, "second_diffusion_steps": 6, "second_denoising_strength": 0.35,
        "crop_face_preprocess": True, "before_face_fusion_ratio": 0.5, "after_face_fusion_ratio": 0.5,
        "apply_face_fusion_before": True, "apply_face_fusion_after": True, "color_shift_middle": True,
        "color_shift_last": True, "super_resolution": False, "display_score": True, "background_restore": False,
    }  # fmt: skip
