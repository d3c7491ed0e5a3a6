"""Environments with the gradio of the hosts, made once from the locks beside this file.

Torch and the rest come from the Python that runs the tests: its packages stand behind the environment's own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from platformdirs import user_cache_path

from easyphoto.storage.locks import file_lock

LOCKS = Path(__file__).parent / "locks"
VERSIONS = ("3.41.2", "4.40.0")
FOLDER_VARIABLE = "EASYPHOTO_GRADIO_ENVS"
SECONDS = 900


def gradio_python(version: str) -> Path:
    """The Python of an environment with that gradio; made where it is missing."""
    lock = LOCKS / f"gradio-{version}.txt"
    mark = f"{sys.version_info.major}.{sys.version_info.minor}-{_digest(lock)}"
    env = envs_folder() / f"gradio-{version}-{mark}"
    env.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(env.with_name(f"{env.name}.lock"), wait=SECONDS):
        if not (env / "made").is_file():
            shutil.rmtree(env, ignore_errors=True)
            _make(env, lock)
            (env / "made").write_text("", "utf-8")
    _stand_behind(env)
    return _python(env)


def envs_folder() -> Path:
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else user_cache_path("easyphoto") / "gradio-envs"


def _make(env: Path, lock: Path) -> None:
    """By uv where there is one: four seconds instead of fifty."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    subprocess.run([sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), str(env)], check=True)
    install = (
        [uv, "pip", "install", "--python", str(_python(env))] if uv else [str(_python(env)), "-m", "pip", "install"]
    )
    subprocess.run([*install, "-q", "-r", str(lock)], check=True, timeout=SECONDS)


def _stand_behind(env: Path) -> None:
    packages = next((env / "lib").glob("python*/site-packages")) if os.name != "nt" else env / "Lib" / "site-packages"
    behind = sysconfig.get_path("purelib")
    (packages / "zz_behind.pth").write_text(f"import sys; sys.path.append({behind!r})\n", "utf-8")


def _python(env: Path) -> Path:
    return env / "Scripts" / "python.exe" if os.name == "nt" else env / "bin" / "python"


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:10]
