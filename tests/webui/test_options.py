from pathlib import Path

import pytest

from easyphoto.errors import BadSettings
from easyphoto.settings.options import FaceSettings, WeightSettings
from easyphoto.webui.options import add_options, read_server_settings, workspace_folder

KEYS = (
    "easyphoto_workspace", "easyphoto_licences", "easyphoto_offline", "easyphoto_detector", "easyphoto_embedder",
    "easyphoto_parser", "easyphoto_saliency", "easyphoto_devices",
)  # fmt: skip


def test_the_options_are_the_declared_settings_with_their_defaults(host):
    there = host()

    add_options()

    added = {key: there.options.data_labels[key] for key in KEYS}
    assert {key: option.default for key, option in added.items()} == {
        "easyphoto_workspace": "",
        "easyphoto_licences": "commercial-safe",
        "easyphoto_offline": False,
        "easyphoto_detector": "auto",
        "easyphoto_embedder": "auto",
        "easyphoto_parser": "auto",
        "easyphoto_saliency": "auto",
        "easyphoto_devices": "auto",
    }
    assert {option.section for option in added.values()} == {("easyphoto", "EasyPhoto")}
    assert added["easyphoto_detector"].label == "Face detector"


def test_a_fresh_user_has_the_defaults(host):
    there = host()

    settings = read_server_settings()

    assert settings.workspace is None
    assert settings.faces == FaceSettings()
    assert settings.weights == WeightSettings(webui=str(there.folder))
    assert settings.devices == "auto"


def test_what_was_set_counts(host):
    there = host()
    there.options.data |= {"easyphoto_licences": "research", "easyphoto_offline": True, "easyphoto_detector": "scrfd"}
    there.options.data["easyphoto_devices"] = "cuda:1"

    settings = read_server_settings()

    assert settings.faces == FaceSettings(detector="scrfd")
    assert settings.weights == WeightSettings(licences="research", offline=True, webui=str(there.folder))
    assert settings.devices == "cuda:1"


@pytest.mark.parametrize("said", ["", "  ", None])
def test_without_a_choice_the_workspace_is_a_folder_of_the_users_own(host, tmp_path, said):
    there = host()
    there.options.data["easyphoto_workspace"] = said

    assert workspace_folder().parent == tmp_path / "home" / "easyphoto-webui"
    assert workspace_folder().name.startswith("webui-")


def test_a_relative_workspace_lies_in_the_hosts_data(host):
    there = host()
    there.options.data["easyphoto_workspace"] = "people"

    assert workspace_folder() == there.folder / "people"


def test_an_absolute_workspace_is_taken_as_it_is(host, tmp_path):
    there = host()
    there.options.data["easyphoto_workspace"] = str(tmp_path / "elsewhere")

    assert workspace_folder() == tmp_path / "elsewhere"
    assert Path(workspace_folder()).is_absolute()


def test_a_value_that_no_page_offers_is_refused_in_words(host):
    there = host()
    there.options.data["easyphoto_detector"] = "eyes"

    with pytest.raises(BadSettings, match="detector cannot be 'eyes'"):
        read_server_settings()
