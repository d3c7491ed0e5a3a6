"""Makes a checkout of a web UI ready for a trial: this project as its extension, small models, a person, and a face in
what networks of random weights paint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import draw_photos
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.commands.export_person import ExportPerson
from easyphoto.persons.photo_sources import photo_files
from easyphoto.settings.options import Options
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.shipped import templates_folder
from host_trial.models import CHECKPOINTS, narrow_controlnet, write_models

PROJECT = Path(__file__).resolve().parents[2]
FACE_WORD = "FACEHERE"
"""In a prompt: the middle of the painted picture is replaced by a drawn face."""
SHARE = 0.6
"""Of the picture's short side, which the face's picture takes."""
_SCRIPT = '''\
"""Only for trials: networks of random weights paint no face, so a drawn one is laid over the middle of a picture."""

from modules import scripts
from PIL import Image


class DrawnFace(scripts.Script):
    def title(self):
        return "EasyPhoto trial: a drawn face"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return []

    def postprocess_image(self, p, shown, *arguments):
        prompt = p.prompt if isinstance(p.prompt, str) else p.prompt[0]
        if {word!r} in prompt:
            side = int({share} * min(shown.image.size))
            face = Image.open({file!r}).convert("RGB").resize((side, side))
            left, top = ((whole - side) // 2 for whole in shown.image.size)
            shown.image.paste(face, (left, top))
'''


@dataclass(frozen=True)
class Staged:
    person: Path
    """The ZIP file of anna, with a LoRA."""
    checkpoint: str = CHECKPOINTS[0]
    other: str = CHECKPOINTS[1]
    scene: str = "room"


def stage(webui: Path, scratch: Path) -> Staged:
    """`webui` is a checkout of AUTOMATIC1111 with sd-webui-controlnet among its extensions."""
    loras = scratch / "loras"
    write_models(webui, loras)
    narrow_controlnet(webui)
    face = scratch / "face.png"
    Image.open(templates_folder() / "05-plain.png").save(face)
    script = webui / "extensions" / "easyphoto-trial-face" / "scripts" / "drawn_face.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(_SCRIPT.format(word=FACE_WORD, share=SHARE, file=str(face)), "utf-8")
    link = webui / "extensions" / "easyphoto"
    if not link.exists():
        link.symlink_to(PROJECT, target_is_directory=True)
    (webui / "models" / "Lora").mkdir(parents=True, exist_ok=True)
    (webui / "models" / "Lora" / "room.safetensors").write_bytes((loras / "room.safetensors").read_bytes())
    return Staged(_person(webui, scratch, loras / "anna.safetensors"))


def _person(webui: Path, scratch: Path, lora: Path) -> Path:
    """Anna as another EasyPhoto would send her: eight drawn photos and the LoRA."""
    workspace = Workspace(scratch / "workspace")
    base = webui / "models" / "Stable-diffusion" / f"{CHECKPOINTS[0]}.safetensors"
    app = EasyPhoto(workspace, options=Options(base=str(base), engine="drawings"))
    if not workspace.person_folder("anna").is_dir():
        photos = photo_files(draw_photos(scratch / "photos", 0))
        AddPerson("anna", photos).validated(app).run(app, NullContext())
        file = workspace.person_folder("anna") / "lora.safetensors"
        file.write_bytes(lora.read_bytes())
        workspace.save_person(replace(workspace.person("anna"), lora=file.name, base=CHECKPOINTS[0]))
    archive = scratch / "anna.zip"
    archive.unlink(missing_ok=True)
    ExportPerson("anna", archive).run(app, NullContext())
    return archive
