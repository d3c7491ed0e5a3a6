import pytest

from easyphoto.errors import BadSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.webui.script_request import SHOWN, ScriptRequest, script_request_from


def test_the_arguments_of_the_fold_stand_in_its_order():
    wanted = script_request_from([True, "anna", 0.8, 0.5, 0.25, False, False, True, "a hat"])

    assert SHOWN == (
        "lora_weight", "first_strength", "second_strength", "fusion", "colour_transfer", "retouch", "prompt",
        "identity",
    )  # fmt: skip
    assert wanted == ScriptRequest(
        "anna",
        InferenceSettings(
            lora_weight=0.8,
            first_strength=0.5,
            second_strength=0.25,
            fusion=False,
            colour_transfer=False,
            prompt="a hat",
        ),
    )


@pytest.mark.parametrize("arguments", [[], [False], [False, "anna", 0.8], [{"enabled": False, "person": "anna"}]])
def test_a_script_that_is_off_wants_nothing(arguments):
    assert script_request_from(arguments) is None


def test_arguments_that_are_left_out_are_at_their_defaults():
    assert script_request_from([True, "anna"]) == ScriptRequest("anna", InferenceSettings())
    assert script_request_from([True, "anna", None, 0.5]) == ScriptRequest(
        "anna", InferenceSettings(first_strength=0.5)
    )


def test_what_the_fold_holds_for_a_strength_is_text_and_empty_is_the_default():
    as_it_opens = [True, "anna", 0.9, "", "", True, True, True, ""]
    typed = [True, "anna", 0.9, " 0.5", "0,25", True, True, True, ""]

    assert script_request_from(as_it_opens) == ScriptRequest("anna", InferenceSettings())
    assert script_request_from(typed) == ScriptRequest(
        "anna", InferenceSettings(first_strength=0.5, second_strength=0.25)
    )


def test_a_client_may_send_one_object_with_any_setting():
    wanted = script_request_from([{"person": "anna", "count": 3, "seed": 7}, "what the fold holds", 0.1])

    assert wanted == ScriptRequest("anna", InferenceSettings(count=3, seed=7), has_seed=True)


def test_a_list_within_the_list_is_taken_for_the_arguments():
    assert script_request_from([[True, "anna"]]) == ScriptRequest("anna", InferenceSettings())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["yes", "anna"], "enabled cannot be 'yes'. It must be true or false."),
        ([True, None], "No person was chosen. Choose one in the fold EasyPhoto, or name one as `person`."),
        ([True, 7], "No person was chosen. Choose one in the fold EasyPhoto, or name one as `person`."),
        ([True, "anna", 9.0], "lora_weight cannot be 9.0. It must be between 0.0 and 2.0."),
        ([True, "anna", "much"], "lora_weight cannot be 'much'. It must be a number."),
        ([True, "anna", 0.9, "much"], "first_strength cannot be 'much'. It must be a number or nothing."),
        ([{"person": "anna", "upscale": "R-ESRGAN 4x+"}], "A picture that is being generated keeps its size. "
         "Enlarge it with Hires. fix."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_words(arguments, words):
    with pytest.raises(BadSettings) as caught:
        script_request_from(arguments)

    assert str(caught.value) == words


def test_an_unknown_setting_is_refused_by_name():
    with pytest.raises(BadSettings, match="Unknown setting: lora_wieght"):
        script_request_from([{"person": "anna", "lora_wieght": 0.5}])


def test_more_arguments_than_there_are_is_refused():
    with pytest.raises(BadSettings, match="There are 12 arguments"):
        script_request_from([True, "anna", 0.9, 0.45, 0.3, True, True, True, "", "auto", "", "more"])


def test_the_pictures_own_seed_is_taken_unless_one_was_asked_for():
    assert script_request_from([True, "anna"]).seeded(2**32 + 5).seed == 5
    assert script_request_from([{"person": "anna", "seed": 7}]).seeded(99).seed == 7


def test_the_infotext_tells_what_the_fold_shows_and_what_is_no_default():
    wanted = script_request_from([{"person": "anna", "fusion": False, "count": 3, "seed": 7}])

    assert wanted.infotext() == {
        "EasyPhoto person": "anna",
        "EasyPhoto lora weight": "0.9",
        "EasyPhoto fusion": "False",
        "EasyPhoto colour transfer": "True",
        "EasyPhoto retouch": "True",
        "EasyPhoto identity": "auto",
        "EasyPhoto count": "3",
        "EasyPhoto seed": "7",
    }


def test_the_last_argument_holds_the_settings_without_a_field_a_line_each():
    lines = 'First steps: 6\nresolution: 256\n\noutline: False\nnegative: "two\\nlines"\nseed: 7'

    wanted = script_request_from([True, "anna", 0.9, "", "", True, True, True, "", "auto", lines])

    settings = InferenceSettings(first_steps=6, resolution=256, outline=False, negative="two\nlines", seed=7)
    assert wanted == ScriptRequest("anna", settings, has_seed=True)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("first_steps 6", "Other settings: 'first_steps 6' is no setting. "
         "Write one in each line, like “first_steps: 30”."),
        ("colour: red", "Other settings: 'colour: red' is no setting. "
         "Write one in each line, like “first_steps: 30”."),
        ("first_steps: many", "first_steps cannot be 'many'. It must be a whole number or nothing."),
    ],
)  # fmt: skip
def test_a_line_that_is_no_setting_is_refused_in_words(lines, words):
    with pytest.raises(BadSettings) as caught:
        script_request_from([True, "anna", 0.9, "", "", True, True, True, "", "auto", lines])

    assert str(caught.value) == words


def test_a_choice_may_be_sent_as_a_chinese_page_shows_it():
    assert script_request_from([True, "anna", 0.9, "", "", True, True, True, "", "自动"]) == ScriptRequest(
        "anna", InferenceSettings(identity="auto")
    )
