"""Clients of 2023: their fields with the meanings they were meant to have, their answers in the old shape."""

import base64
import io
import time
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread
import pytest
from PIL import Image

from easyphoto.api.legacy import TRAINED, same_checkpoint
from easyphoto.api.legacy_fields import (
    InferFields,
    TrainFields,
    drawing_values,
    infer_notes,
    infer_values,
    scene_words,
    train_notes,
    train_values,
)
from easyphoto.commands.templates import own_templates
from easyphoto.errors import Diverged
from easyphoto.host.base import HostFacts
from easyphoto.workspace.poses import all_poses
from tests.services import encoded, picture

TRAIN, INFER = "/easyphoto/easyphoto_train_forward", "/easyphoto/easyphoto_infer_forward"
# What the sample client of 2023 sends, whether it means it or not.
USUAL = {
    "sd_model_checkpoint": "Chilloutmix-Ni-pruned-fp16-fix.safetensors", "id_task": "", "user_id": "anna",
    "train_mode_choose": "Train Human Lora", "resolution": 512, "val_and_checkpointing_steps": 100,
    "max_train_steps": 800, "steps_per_photos": 200, "train_batch_size": 1, "gradient_accumulation_steps": 4,
    "dataloader_num_workers": 16, "learning_rate": 1e-4, "rank": 128, "network_alpha": 64, "validation": True,
    "instance_images": [encoded(picture(seed)) for seed in range(5)], "enable_rl": False, "max_rl_time": 1,
    "timestep_fraction": 1, "skin_retouching_bool": False, "training_prefix_prompt": "", "crop_ratio": 3, "args": [],
}  # fmt: skip
# What it sends for a scene: its page sets the first four of these.
USUAL_SCENE = {
    **USUAL, "user_id": "my-room", "train_mode_choose": "Train Scene Lora", "resolution": 768, "rank": 256,
    "network_alpha": 128, "training_prefix_prompt": "a room with a red sofa", "crop_ratio": 3, "validation": False,
    "instance_images": [encoded(picture(seed, (512, 512))) for seed in range(5)],
}  # fmt: skip
# What it sends for a picture from words, with a scene and one of the extension's own poses.
USUAL_WORDS = {
    "user_ids": ["anna"], "sd_model_checkpoint": "Chilloutmix-Ni-pruned-fp16-fix.safetensors", "tabs": 3,
    "selected_template_images": [], "init_image": None, "uploaded_template_images": [],
    "text_to_image_input_prompt": "a violinist on a stage", "text_to_image_width": 64, "text_to_image_height": 128,
    "t2i_control_way": "Without Control", "t2i_pose_template": None, "scene_id": "none",
    "prompt_generate_sd_model_checkpoint": "LZ-16K+Optics.safetensors", "additional_prompt": "masterpiece, beauty",
    "additional_neg_prompt": "", "lora_weights": 0.9, "first_diffusion_steps": 50, "first_denoising_strength": 0.45,
    "second_diffusion_steps": 20, "second_denoising_strength": 0.35, "seed": 12345, "batch_size": 1,
    "crop_face_preprocess": True, "before_face_fusion_ratio": 0.5, "after_face_fusion_ratio": 0.5,
    "apply_face_fusion_before": True, "apply_face_fusion_after": True, "color_shift_middle": True,
    "color_shift_last": True, "display_score": False, "background_restore": False, "lcm_accelerate": False,
    "enable_second_diffusion": True,
}  # fmt: skip
FACTS = HostFacts("host", "a1111", restorers=("GFPGAN",), upscalers=("Lanczos", "R-ESRGAN 4x+"))


@pytest.fixture
def anna(client):
    assert client.post(TRAIN, json=USUAL).json()["message"] == TRAINED


def test_a_training_as_in_2023_ends_with_its_sentence(client, workshop):
    answer = client.post(TRAIN, json=USUAL)

    assert answer.status_code == 200
    assert answer.json()["message"] == "The training has been completed."
    assert workshop.service.app.workspace.person("anna").is_ready
    settings = workshop.service.queue.list()[0].request["settings"]
    assert (settings["steps"], settings["validations"], settings["rank"], settings["alpha"]) == (800, 8, 128, 64)
    assert (settings["batch"], settings["micro_batch"], settings["resolution"]) == (4, 1, 512)


def test_a_checkpoint_that_everybody_named_is_replaced_and_said(client):
    notes = client.post(TRAIN, json=USUAL).json()["notes"]

    assert "The host has no 'Chilloutmix-Ni-pruned-fp16-fix.safetensors'; 'miniature' was used." in notes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"user_id": ""}, "User id cannot be set to empty."),
        ({"user_id": "none"}, "User id cannot be set to empty."),
        ({"user_id": "../x"}, "cannot be a person's id"),
        ({"instance_images": []}, "There are no photos."),
        ({"network_alpha": 256}, "network_alpha is larger than rank."),
        ({"train_mode_choose": "Train Cloth Lora"}, "Train Cloth Lora does not exist here."),
        ({"instance_images": ["http://a.example/x.png"]}, "is a web address"),
        ({"instance_images": ["@"]}, "is not valid base64"),
        ({"sd_model_checkpoint": "/srv/x.ckpt"}, "The base cannot be"),
        ({"resolution": 3}, "resolution cannot be 3"),
    ],
)
def test_what_a_person_can_mend_is_a_message_with_200_and_a_code(client, workshop, change, words):
    answer = client.post(TRAIN, json={**USUAL, **change})

    assert answer.status_code == 200
    assert words in answer.json()["message"]
    assert answer.json()["error"]
    assert workshop.service.queue.list() == ()


def test_an_id_that_exists_is_not_trained_again(client, anna):
    assert "already exists" in client.post(TRAIN, json=USUAL).json()["message"]


def test_a_training_that_fails_says_why(client, workshop):
    workshop.trainer.error = Diverged("The loss is no number.", advice="Lower the learning rate.")

    answer = client.post(TRAIN, json=USUAL).json()

    assert answer["message"] == "Train error, error info: The loss is no number. Lower the learning rate."
    assert answer["error"] == "Diverged"


@pytest.mark.parametrize("change", [{"rank": "many"}, {"instance_images": 5}])
def test_fields_that_do_not_fit_are_422(client, change):
    assert client.post(TRAIN, json={**USUAL, **change}).status_code == 422


def test_numbers_may_come_as_texts_as_they_always_could(client):
    assert client.post(TRAIN, json={**USUAL, "max_train_steps": "400"}).json()["message"] == TRAINED


@pytest.mark.parametrize(
    ("tabs", "field", "pictures"),
    [(0, "selected_template_images", 2), (1, "init_image", 1), (2, "uploaded_template_images", 2)],
)
def test_templates_come_from_the_field_that_tabs_names(client, anna, tabs, field, pictures):
    sent = [encoded(picture(seed, (300, 200))) for seed in (98, 99)[:pictures]]

    answer = client.post(INFER, json={"user_ids": ["anna"], "tabs": tabs, field: sent[0] if tabs == 1 else sent}).json()

    assert answer["message"] == "\n".join(f"Template {number} Success." for number in range(1, pictures + 1))
    assert len(answer["outputs"]) == pictures
    assert Image.open(io.BytesIO(base64.b64decode(answer["outputs"][0]))).size == (300, 200)
    assert answer["face_id_outputs"] == []


def test_a_picture_is_drawn_from_words_and_is_none_of_the_templates(client, anna, workshop):
    answer = client.post(INFER, json=USUAL_WORDS).json()

    assert (answer["message"], len(answer["outputs"])) == ("Template 1 Success.", 1), answer
    assert Image.open(io.BytesIO(base64.b64decode(answer["outputs"][0]))).size == (64, 128)
    assert own_templates(workshop.service.app.workspace) == ()
    asked = workshop.service.queue.list()[0].request
    assert asked["templates"] == []
    assert asked["settings"]["prompt"] == "a violinist on a stage, masterpiece, beauty"
    assert (asked["drawing"]["size"], asked["drawing"]["pose"]) == ("64x128", "")
    assert asked["drawing"]["template_base"] == ""
    assert (asked["settings"]["scene"], asked["settings"]["seed"]) == ("", 12345)


def test_the_checkpoint_that_everybody_named_to_draw_is_replaced_and_said(client, anna):
    notes = client.post(INFER, json=USUAL_WORDS).json()["notes"]

    assert "The host has no 'LZ-16K+Optics.safetensors'; 'what the person was trained on' was used." in notes


def test_a_batch_from_words_is_several_drawings_each_with_its_line(client, anna):
    answer = client.post(INFER, json={**USUAL_WORDS, "batch_size": 2}).json()

    assert answer["message"] == "Template 1 Success.\nTemplate 2 Success."
    assert len(answer["outputs"]) == 2


def test_an_inner_pose_is_one_of_ours_by_the_seed(client, anna, workshop):
    asked = {**USUAL_WORDS, "t2i_control_way": "Control with inner template"}
    for seed in (1, 1, 2, 3, 4):
        client.post(INFER, json={**asked, "seed": seed})

    poses = [job.request["drawing"]["pose"] for job in reversed(workshop.service.queue.list()[:5])]

    known = {pose.id: len(pose.figures) for pose in all_poses()}
    assert [known[pose] for pose in poses] == [1] * 5
    assert poses[0] == poses[1]
    assert len(set(poses)) > 1


def test_a_pose_that_was_sent_goes_with_the_drawing(client, anna, workshop):
    asked = {
        **USUAL_WORDS, "t2i_control_way": "Control with uploaded template",
        "t2i_pose_template": encoded(picture(7, (300, 200))),
    }  # fmt: skip

    client.post(INFER, json=asked)

    request = workshop.service.queue.list()[0].request
    assert request["pose_picture"]
    assert request["drawing"]["pose"] == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text_to_image_input_prompt": "", "additional_prompt": " , "}, "Please input a prompt."),
        ({"t2i_control_way": "Control with uploaded template"}, "Please upload a pose template."),
        ({"t2i_control_way": "Control with magic"}, "Control with magic does not exist here."),
        ({"prompt_generate_sd_model_checkpoint": "/srv/x.ckpt"}, "The base cannot be"),
        ({"scene_id": "beach"}, "There is no scene or object 'beach'."),
    ],
)
def test_what_cannot_be_drawn_is_a_message_in_the_old_shape(client, anna, change, words):
    answer = client.post(INFER, json={**USUAL_WORDS, **change})

    assert answer.status_code == 200
    assert words in answer.json()["message"]
    assert (answer.json()["outputs"], answer.json()["face_id_outputs"]) == ([], [])


@pytest.mark.parametrize(
    ("sent", "values"),
    [
        ({}, {}),
        ({"text_to_image_width": 512}, {"size": "512x832"}),
        ({"t2i_control_way": "Without Control"}, {}),
        ({"t2i_control_way": "Control with inner template"}, {"pose": "walking"}),
    ],
)
def test_a_drawing_has_what_was_sent_and_otherwise_our_defaults(sent, values):
    assert drawing_values(InferFields(tabs=3, **sent), ["walking", "sitting"], 5) == values


def test_a_scene_is_in_the_drawing_alone_as_in_2023():
    asked = InferFields(tabs=3, text_to_image_input_prompt="a garden", scene_id="my-room")

    assert infer_values(asked, FACTS, 5) == {"seed": 5, "prompt": "a garden", "scene": "my-room"}


def test_a_scene_is_trained_as_in_2023(client, workshop):
    answer = client.post(TRAIN, json=USUAL_SCENE).json()

    assert answer["message"] == TRAINED, answer
    scene = workshop.service.app.workspace.person("my-room")
    assert (scene.kind, scene.words) == ("scene", "a room with a red sofa, special_scene, scene")
    asked = workshop.service.queue.list()[0].request
    assert asked["kind"] == "scene"
    assert (asked["settings"]["resolution"], asked["settings"]["rank"], asked["settings"]["alpha"]) == (768, 256, 128)
    assert answer["notes"].count(
        "crop_ratio is not used: whole pictures of a scene are learned, not crops around faces."
    )


def test_a_scene_that_was_trained_can_be_drawn_with(client, anna, workshop):
    client.post(TRAIN, json=USUAL_SCENE)

    answer = client.post(INFER, json={**USUAL_WORDS, "scene_id": "my-room"}).json()

    assert answer["message"] == "Template 1 Success.", answer


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"train_mode_choose": "Train Scene Lora"}, None),
        ({"train_mode_choose": "Train Scene Lora", "training_prefix_prompt": "a bar, "}, "a bar, special_scene, scene"),
        ({"training_prefix_prompt": "a bar"}, None),
    ],
)
def test_the_words_of_a_scene_are_those_of_its_captions_in_2023(sent, words):
    assert scene_words(TrainFields(**sent)) == words


@pytest.mark.parametrize("ratio", [0, 0.5])
def test_whole_pictures_are_what_a_crop_ratio_below_1_meant(ratio):
    assert train_notes(TrainFields(train_mode_choose="Train Scene Lora", crop_ratio=ratio)) == []


def test_scores_come_as_pairs_of_the_reference_and_a_text(client, anna):
    asked = {"user_ids": ["anna"], "init_image": encoded(picture(9, (300, 200))), "display_score": True}

    pairs = client.post(INFER, json=asked).json()["face_id_outputs"]

    assert [base64.b64decode(text).decode() for _, text in pairs] == ["1.00, anna, the reference image"]
    assert Image.open(io.BytesIO(base64.b64decode(pairs[0][0]))).format == "PNG"


def test_none_leaves_a_face_as_it_is(client, anna, workshop):
    client.post(INFER, json={"user_ids": ["none", "anna"], "init_image": encoded(picture(9, (300, 200)))})

    assert workshop.service.queue.list()[0].request["assignments"] == [[1]]


def test_a_none_at_the_end_leaves_the_last_face_as_it_is_however_large(client, anna, workshop):
    client.post(INFER, json={"user_ids": ["anna", "none"], "init_image": encoded(picture(9, (300, 200)))})

    assert workshop.service.queue.list()[0].request["assignments"] == [[0]]


def test_somebody_alone_takes_the_largest_face(client, anna, workshop):
    client.post(INFER, json={"user_ids": ["anna"], "init_image": encoded(picture(9, (300, 200)))})

    assert workshop.service.queue.list()[0].request["assignments"] == [None]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"user_ids": ["none"]}, "Please choose a user id."),
        ({"user_ids": ["ben"]}, "There is no person 'ben'"),
        ({"user_ids": ["anna"]}, "Please choose a template."),
        ({"user_ids": ["anna"], "ref_mode_choose": "Infer without User Lora"}, "does not exist here"),
        ({"user_ids": ["anna"], "init_image": "https://a.example/x.png"}, "is a web address"),
        ({"user_ids": ["anna"], "init_image": encoded(picture(9)), "lora_weights": 9}, "lora_weight cannot be 9"),
    ],
)
def test_what_cannot_be_done_is_a_message_in_the_old_shape(client, anna, asked, words):
    answer = client.post(INFER, json=asked)

    assert answer.status_code == 200
    assert words in answer.json()["message"]
    assert (answer.json()["outputs"], answer.json()["face_id_outputs"]) == ([], [])


@pytest.mark.parametrize("tabs", [4, -1, "x"])
def test_an_unknown_tab_is_422(client, tabs):
    assert client.post(INFER, json={"user_ids": ["anna"], "tabs": tabs}).status_code == 422


def test_accounts_are_asked_of_old_clients_too(open_client):
    assert open_client({"a": "b"}).post(TRAIN, json=USUAL).status_code == 401


@pytest.mark.parametrize(
    ("sent", "values"),
    [
        ({}, {"seed": 5}),
        ({"seed": 7, "batch_size": 3}, {"seed": 7, "count": 3}),
        ({"apply_face_fusion_before": False, "before_face_fusion_ratio": 0.6}, {"seed": 5, "fusion_before": 0.0}),
        ({"after_face_fusion_ratio": 0.6}, {"seed": 5, "fusion_after": 0.6}),
        ({"enable_second_diffusion": False}, {"seed": 5, "second_strength": 0.0}),
        ({"color_shift_middle": False, "color_shift_last": False}, {"seed": 5, "colour_transfer": False}),
        ({"color_shift_middle": False}, {"seed": 5}),
        ({"lcm_accelerate": True}, {"seed": 5, "few_steps": "lcm"}),
        ({"super_resolution": True}, {"seed": 5, "restore": "GFPGAN", "restore_strength": 0.5}),
        (
            {"super_resolution": True, "super_resolution_method": "realesrgan", "super_resolution_ratio": 0.8},
            {"seed": 5, "upscale": "R-ESRGAN 4x+", "upscale_factor": 2.0, "upscale_strength": 0.8},
        ),
        ({"super_resolution": False}, {"seed": 5}),
        (
            {"first_diffusion_steps": 30, "first_denoising_strength": 0.5, "skin_retouching_bool": True},
            {"seed": 5, "first_steps": 30, "first_strength": 0.5, "retouch": True},
        ),
        ({"id_control": True, "ipa_weight": 0.3, "seed": 5}, {"seed": 5, "identity_weight": 0.3}),
        (
            {"id_control_method": "InstantID", "instantid_ipa_weight": 0.4, "ipa_weight": 0.3, "seed": 5},
            {"seed": 5, "identity_weight": 0.4},
        ),
        ({"id_control": False, "seed": 5}, {"seed": 5, "identity": "lora"}),
    ],
)
def test_each_field_means_what_it_meant(sent, values):
    assert infer_values(InferFields(**sent), FACTS, 5) == values


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        ({"crop_face_preprocess": False}, "crop_face_preprocess"),
        ({"color_shift_last": False}, "color_shift_last"),
        ({"background_restore": True}, "background_restore"),
        ({"makeup_transfer": True}, "makeup_transfer"),
        ({"face_shape_match": True}, "face_shape_match"),
        ({"id_control_method": "InstantID"}, "id_control_method"),
        ({"ipa_image": "abc"}, "own photos"),
        ({"instantid_id_weight": 0.5}, "instantid_id_weight"),
        ({"scene_id": "beach"}, "scene_id"),
        ({"super_resolution": True, "super_resolution_method": "gpen"}, "gpen"),
    ],
)
def test_what_has_no_counterpart_is_said(sent, word):
    fields = InferFields(**sent)

    notes = infer_notes(fields, infer_values(fields, FACTS, 5))

    assert [word in note for note in notes] == [True]


def test_what_the_host_has_nothing_for_is_said():
    fields = InferFields(super_resolution=True)

    notes = infer_notes(fields, infer_values(fields, HostFacts("host", "a1111"), 5))

    assert notes == ["super_resolution was left out: the host has nothing for it."]


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        ({"enable_rl": True, "max_rl_time": 2}, "Reinforcement learning"),
        ({"validation": False}, "validation"),
        ({"dataloader_num_workers": 4}, "dataloader_num_workers"),
        ({"training_prefix_prompt": "x"}, "training_prefix_prompt"),
        ({"crop_ratio": 2}, "crop_ratio belongs to scenes"),
        ({"crop_ratio": 2, "train_mode_choose": "Train Scene Lora"}, "whole pictures"),
        ({"args": [1]}, "args"),
        ({"train_batch_size": 16, "gradient_accumulation_steps": 4}, "limited to 32"),
    ],
)
def test_what_has_no_counterpart_in_a_training_is_said(sent, word):
    assert [word in note for note in train_notes(TrainFields(**sent))] == [True]


def test_steps_are_counted_from_the_photos_that_came():
    fields = TrainFields(instance_images=["a", "b"], steps_per_photos=200, max_train_steps=800)

    assert train_values(fields) == {"steps": 400, "validations": 4}


def test_nothing_is_said_or_set_for_what_was_not_sent():
    assert (train_values(TrainFields()), train_notes(TrainFields()), infer_notes(InferFields(), {})) == ({}, [], [])


@pytest.mark.parametrize("wanted", ["photon_v1.safetensors", "photon_v1", "sd15/photon_v1.safetensors"])
def test_a_checkpoint_is_found_by_its_file_name(wanted):
    assert same_checkpoint("sd15/photon_v1.safetensors [ec41bd2a82]", wanted)
    assert not same_checkpoint("sd15/other.safetensors [ec41bd2a82]", wanted)


def test_those_who_wait_for_a_training_leave_the_others_their_threads(client, workshop, monkeypatch):
    """As many old clients as the framework has threads for everybody: the job can be seen and cancelled."""
    workshop.trainer.gate.clear()
    asked = {"user_id": "anna", "instance_images": [encoded(picture(seed)) for seed in range(5)]}
    with client:
        client.portal.call(leave_one_thread)
        with ThreadPoolExecutor(3) as old_clients:
            waiting = [
                old_clients.submit(client.post, "/easyphoto/easyphoto_train_forward", json={**asked, "user_id": id})
                for id in ("anna", "bela", "cleo")
            ]
            while len(workshop.service.queue.list()) < 3:
                time.sleep(0.02)

            for job in client.get("/easyphoto/v1/jobs").json()["jobs"]:
                assert client.delete(f"/easyphoto/v1/jobs/{job['id']}").status_code == 200

            assert {answer.result().json()["error"] for answer in waiting} == {"cancelled"}


async def leave_one_thread():
    anyio.to_thread.current_default_thread_limiter().total_tokens = 1


@pytest.mark.parametrize("sides", [{"text_to_image_width": 100_000}, {"text_to_image_height": 0}])
def test_a_template_larger_than_any_picture_is_not_drawn(client, anna, sides):
    asked = {"user_ids": ["anna"], "tabs": 3, "text_to_image_input_prompt": "a garden", **sides}

    answer = client.post("/easyphoto/easyphoto_infer_forward", json=asked)

    assert (answer.status_code, answer.json()["error"]) == (200, "BadSettings")
