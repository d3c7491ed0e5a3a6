"""`easyphoto weights`, as it is typed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from easyphoto.cli.main import main
from easyphoto.weights.catalog import CATALOG, SETS
from easyphoto.weights.store import WeightStore
from easyphoto.weights.tables import weights_lines


@pytest.fixture(autouse=True)
def nothing_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "MODELSCOPE_CACHE", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    monkeypatch.setenv("EASYPHOTO_WEIGHTS_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("EASYPHOTO_OFFLINE", "1")


@pytest.fixture
def accepted(tmp_path: Path) -> Path:
    """SFace and InsightFace's embedder lie in the mirror, with content that was accepted."""
    (tmp_path / "mirror").mkdir()
    store = WeightStore(tmp_path / "workspace" / "weights", (tmp_path / "mirror",))
    for id in ("sface", "buffalo_l"):
        (tmp_path / "mirror" / CATALOG[id].name).write_bytes(b"some network")
        store.trust(id)
    return tmp_path / "mirror"


def weights(tmp_path: Path, *words: str) -> int:
    return main(["weights", *words, "--workspace", str(tmp_path / "workspace")])


def line_of(text: str, id: str) -> str:
    return next(line for line in text.splitlines() if line.split()[:1] == [id])


def test_the_list_says_of_every_file_where_it_is(
    tmp_path: Path, accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights(tmp_path) == 0

    said = capsys.readouterr().out
    assert all(line_of(said, id) for id in CATALOG)
    assert line_of(said, "sface").endswith(str(accepted / "face_recognition_sface_2021dec.onnx"))
    assert line_of(said, "buffalo_l").endswith("refused in commercial-safe; auraface instead")
    assert line_of(said, "gfpgan-1.4").endswith("not at hand")
    assert all(line_of(said, name) for name in SETS)
    assert "CodeFormer" in said
    sd15 = line_of(said.partition("Sets for")[2], "sd15")
    assert [cell.strip() for cell in sd15.split("  ") if cell.strip()] == [
        "sd15",
        "clip-merges, vae-ft-mse, control_v11p_sd15_canny, control_v11f1e_sd15_tile, control_v11p_sd15_openpose",
        "control_sd15_random_color",
    ]
    faceid = line_of(said, "faceid-sd15").split()
    assert faceid == ["faceid-sd15", "none", "ip-adapter-faceid-sd15,", "ip-adapter-faceid-sd15-lora,", "buffalo_l"]
    assert "What is left out is fetched with --licences research, if your use is not commercial." in said


def test_with_research_licences_the_sets_are_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert weights(tmp_path, "list", "--licences", "research") == 0

    said = capsys.readouterr().out
    assert "control_sd15_random_color, control_v11p_sd15_openpose  –" in line_of(said.partition("Sets for")[2], "sd15")
    assert "What is left out" not in said


def test_the_list_as_json_has_what_a_program_needs(
    tmp_path: Path, accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights(tmp_path, "list", "--json", "--licences", "research") == 0

    content = json.loads(capsys.readouterr().out)
    files = {record["id"]: record for record in content["files"]}
    assert content["format"] == 1
    assert content["licences"] == "research"
    assert list(files) == list(CATALOG)
    assert files["buffalo_l"]["at_hand"] == str(accepted / "w600k_r50.onnx")
    assert files["buffalo_l"]["at_hand_sha256"] == hashlib.sha256(b"some network").hexdigest()
    assert files["buffalo_l"]["commercial"] == "no"
    assert files["yunet"]["urls"][0].startswith("https://raw.githubusercontent.com/ShiqiYu/")


@pytest.mark.parametrize("words", [["licences"], ["licences", "--json"]])
def test_the_licences_are_named_with_what_is_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights(tmp_path, *words) == 0

    said = capsys.readouterr().out
    assert "InsightFace model licence (non-commercial research)" in said
    if "--json" in words:
        refused = [record["id"] for record in json.loads(said)["files"] if not record["allowed"]]
        assert refused[:2] == ["scrfd-10g", "retinaface-r50"]
    else:
        assert line_of(said, "scrfd-10g").split()[1:4] == ["no", "refused", "yunet"]


def test_getting_without_names_gets_what_photographs_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert weights(tmp_path, "get") == 5

    said = capsys.readouterr()
    assert said.out == ""
    assert "yunet_n_640_640.onnx" in said.err
    assert "auraface_glintr100.onnx" in said.err
    assert f"put it into {tmp_path / 'workspace' / 'weights' / 'faces'}" in said.err
    assert "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31" in said.err


def test_a_set_skips_what_is_refused_and_names_the_alternative(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights(tmp_path, "get", "sd15")

    said = capsys.readouterr().err.splitlines()
    assert said[0] == (
        "Left out, because the licence setting commercial-safe does not allow it: control_sd15_random_color "
        "(control_v11f1e_sd15_tile instead). With --licences research it is fetched too."
    )
    assert [line for line in said if "control_sd15_random_color" in line] == said[:1]


def test_a_set_that_is_of_no_use_without_what_is_refused_fetches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights(tmp_path, "get", "faceid-sd15") == 5

    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "is not allowed by the licence setting commercial-safe" in said.err


def test_a_refused_file_that_was_asked_for_by_name_is_an_error(
    tmp_path: Path, accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights(tmp_path, "get", "buffalo_l", "sface") == 5

    said = capsys.readouterr()
    assert said.out == f"sface  {accepted / 'face_recognition_sface_2021dec.onnx'}\n"
    assert "licence" in said.err.splitlines()[-1]
    assert weights(tmp_path, "get", "buffalo_l", "--licences", "research") == 0


def test_checking_finds_what_has_changed_and_trusting_accepts_it(
    tmp_path: Path, accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights(tmp_path, "check") == 0
    (accepted / "face_recognition_sface_2021dec.onnx").write_bytes(b"another network")

    assert weights(tmp_path, "check") == 5

    said = capsys.readouterr()
    assert "OTHER  sface" in said.out
    assert "good   buffalo_l" in said.out
    assert "easyphoto weights trust sface" in said.err
    assert weights(tmp_path, "trust", "sface") == 0
    assert weights(tmp_path, "check") == 0


def test_trusting_what_is_not_there_forgets_what_was_known(
    tmp_path: Path, accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (accepted / "w600k_r50.onnx").unlink()

    assert weights(tmp_path, "trust", "buffalo_l") == 0
    assert "is forgotten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get", "nothing"], "There is no set and no weight file 'nothing'. Sets: photographs, sd15, "),
        (["get", "photograph"], "There is no set and no weight file 'photograph'. Did you mean 'photographs'? Sets: "),
        (["get", "yunett"], "There is no set and no weight file 'yunett'. Did you mean 'yunet'? Sets: photographs, "),
        (["trust"], "weights trust needs one file. easyphoto weights list names them."),
        (["trust", "sfac"], "There is no weight file 'sfac'. Did you mean 'sface'? Known: yunet, "),
        (["check", "yunet"], "weights check takes no names. Only get and trust do."),
    ],
    ids=" ".join,
)
def test_a_wrong_word_is_bad_input(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights(tmp_path, *words) == 2
    assert capsys.readouterr().err.startswith(said)


def test_what_check_finds_is_told_to_programs(
    tmp_path: Path, accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights(tmp_path, "check", "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert told["format"] == 1
    assert {tuple(each) for each in told["files"]} == {("id", "fits", "place", "sha256")}
    assert all(each["fits"] for each in told["files"])


def test_doctors_lines_mark_what_needs_mending(tmp_path: Path, accepted: Path) -> None:
    root = tmp_path / "workspace" / "weights"
    broken = root / "faces" / "yunet_n_640_640.onnx"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not YuNet")

    lines = list(weights_lines(WeightStore(root, (accepted, tmp_path / "nowhere"))))

    assert lines[0] == "  licences: commercial-safe; offline"
    assert [line for line in lines if line.startswith("!")] == [
        f"! mirror {tmp_path / 'nowhere'} is no folder",
        f"! {broken} is not the file it should be; easyphoto weights check says more",
    ]
    assert lines[-1] == (
        "  weights: 1 of 44 files of the catalogue are at hand, 19 are refused; easyphoto weights list names them"
    )
