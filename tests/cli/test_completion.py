"""`completion`: what a shell is given."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from easyphoto.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("shell", "begins"), [("bash", "# AUTO"), ("zsh", "#compdef easyphoto"), ("tcsh", "#")])
def test_each_shell_is_given_its_script_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shell: str, begins: str
) -> None:
    pytest.importorskip("shtab")

    assert main(["completion", shell, "--workspace", str(tmp_path / "w")]) == 0

    said = capsys.readouterr().out
    assert said.startswith(begins)
    assert "photograph" in said
    assert not (tmp_path / "w").exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("easyphoto ph", {"photograph"}),
        ("easyphoto persons re", {"rename"}),
        ("easyphoto train --rank", {"--rank"}),
        ("easyphoto train --preset f", {"fast"}),
    ],
)
def test_bash_completes_verbs_actions_options_and_choices(tmp_path: Path, typed: str, offered: set[str]) -> None:
    pytest.importorskip("shtab")
    words = typed.split()
    code = (
        'eval "$("$PYTHON" -m easyphoto completion bash)"\n'
        f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}\n"
        f"$(complete -p easyphoto | sed 's/.*-F \\([^ ]*\\).*/\\1/') easyphoto {words[-1]} {words[-2]}\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )

    done = subprocess.run(
        ["bash", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True,
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert {word.strip() for word in done.stdout.split()} == offered


def test_without_the_library_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)

    assert main(["completion", "bash"]) == 5

    assert capsys.readouterr().err == "Completion needs shtab. Install it: pip install easyphoto[standalone]\n"
