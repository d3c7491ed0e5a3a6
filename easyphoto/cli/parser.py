"""The argument parser. Nothing heavy is imported here, so that --help is instant."""

from __future__ import annotations

import argparse
from pathlib import Path

from easyphoto import __version__
from easyphoto.architectures.registry import FAMILIES
from easyphoto.cli.arguments import CommandParser, Verbs, short_usage
from easyphoto.cli.bench import add_bench_parser
from easyphoto.cli.completion import add_completion_parser
from easyphoto.cli.configurations import add_config_option, add_configurations_parser, add_preset_option
from easyphoto.cli.devices import add_devices_option
from easyphoto.cli.options import BACKEND_AUTH, add_field, add_json_option, add_options, add_settings
from easyphoto.cli.persons import ACTIONS as PERSONS_ACTIONS
from easyphoto.cli.place import add_place_arguments
from easyphoto.cli.poses import add_poses_parser
from easyphoto.cli.resume import add_resume_parser
from easyphoto.cli.setup import add_setup_parser
from easyphoto.cli.styles import add_styles_parser
from easyphoto.cli.templates import add_templates_parser
from easyphoto.cli.ui import add_ui_parser
from easyphoto.cli.uninstall import add_uninstall_parser
from easyphoto.cli.weights import add_weights_parser
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.choose_checkpoint import AS_TRAINED
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.train import TrainPerson
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import ENGINES, FaceSettings, WeightSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.workspace.person_record import KINDS

EXIT_CODES = """exit codes:
  0 done · 1 a fault of EasyPhoto (a report file is written) · 2 bad input · 3 out of memory
  4 the training diverged · 5 environment: disk, weights, network · 130 cancelled"""


EVERYWHERE = "everywhere"


def build_parser() -> CommandParser:
    parser = CommandParser(
        prog="easyphoto",
        usage="%(prog)s VERB …",
        description="A few photos of a person become a face LoRA, and that face goes into template pictures.",
        epilog=f"easyphoto VERB --help explains a verb.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"EasyPhoto {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, title="verbs", prog=parser.prog)
    _demo(verbs)
    _check(verbs)
    _train(verbs)
    add_resume_parser(verbs, _verb)
    _photograph(verbs)
    _place(verbs)
    _persons(verbs)
    add_templates_parser(verbs, _verb)
    _styles(verbs)
    add_poses_parser(verbs, _verb)
    add_configurations_parser(verbs, _verb)
    add_weights_parser(verbs, _verb)
    add_ui_parser(verbs, _verb)
    _doctor(verbs)
    _bench(verbs)
    add_setup_parser(verbs, _verb)
    add_completion_parser(verbs, _verb)
    add_uninstall_parser(verbs, _verb)
    for name in parser.verbs:
        add_devices_option(parser.verbs[name], name)
        _finish(parser.verbs[name])
    return parser


def _verb(verbs: Verbs, name: str, words: str) -> CommandParser:
    return verbs.add_parser(
        name, help=words, description=words[0].upper() + words[1:] + ".", epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip


def _finish(parser: CommandParser) -> None:
    """Add what every verb has, last, and a usage of one line in place of one with every setting."""
    common = parser.add_argument_group(EVERYWHERE)
    common.add_argument("--workspace", type=Path, metavar="DIR", help="where persons, runs and results lie")
    common.add_argument("--quiet", action="store_true", help="show results and errors, and nothing beside them")
    parser.usage = short_usage(parser)


def _engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        # Left out where it was not typed, so that saved settings can tell.
        default=argparse.SUPPRESS,
        help="what the person's photos are; auto: by how their faces look, or as it was at their training (default)",
    )


def _networks(parser: argparse.ArgumentParser) -> None:
    """Add the options of the face networks and of all weights, under headings of their own after the others."""
    add_options(parser, FaceSettings, title="faces on photographs")
    add_options(parser, WeightSettings, title="weights")


def _face(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--face", type=face_choice, action="append", default=[], metavar="PHOTO=N",
        help="which face of a photo with several is meant, by the number on the verdict sheet; may be repeated",
    )  # fmt: skip


def _photos(parser: argparse.ArgumentParser, words: str, *, required: bool = False) -> None:
    # Shells make many words of `photos/*.jpg`.
    parser.add_argument(
        "--photos", type=Path, nargs="+", action="extend", required=required, metavar="DIR|ZIP|FILE", help=words
    )


def _sheet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sheet", type=Path, metavar="DIR", help="write verdicts.png and verdicts.json there")


def face_choice(text: str) -> tuple[str, int]:
    """Parse `holiday.jpg=2` as a file name and a face number from 1."""
    photo, _, number = text.rpartition("=")
    if not photo or not number.isdecimal() or int(number) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form PHOTO=NUMBER, with numbers from 1")
    return Path(photo).name, int(number)


def _backend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", metavar="URL", help="a web UI elsewhere that paints, started with --api")
    parser.add_argument(
        "--backend-auth", metavar="USER:PASSWORD",
        help=f"of its --api-auth; better in the environment, as {BACKEND_AUTH}",
    )  # fmt: skip


def _base(parser: argparse.ArgumentParser, *, default: str) -> None:
    parser.add_argument(
        "--base", metavar="NAME|FILE|DIR",
        help=f"a model family, a checkpoint, or a folder in diffusers layout (default: {default})",
    )  # fmt: skip


def _demo(verbs: Verbs) -> None:
    parser = _verb(verbs, "demo", "the whole job on a drawn person: photos, verdicts, training, portrait, report")
    parser.add_argument("--steps", type=int, metavar="N", help="training steps (default: the model's usual number)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed draws another person")


def _check(verbs: Verbs) -> None:
    parser = _verb(verbs, "check", "a verdict for every photo: kept, or set aside with a reason")
    _photos(parser, "the person's photos: a folder, a ZIP file, or the files", required=True)
    add_json_option(parser, "the verdicts")
    _sheet(parser)
    _face(parser)
    add_field(parser, CheckPhotos, "reference", metavar="FILE")
    add_field(parser, CheckPhotos, "concept")
    _engine(parser)
    _base(parser, default=FAMILIES.default.id)
    add_settings(parser, CheckPhotos)
    _networks(parser)


def _train(verbs: Verbs) -> None:
    parser = _verb(verbs, "train", "learn a person's face, a scene or an object from photos; prints the LoRA's path")
    add_field(parser, TrainPerson, "name", metavar="NAME")
    _photos(parser, "5 to 20 photos: a folder, a ZIP file, or the files (default: those the person keeps)")
    _face(parser)
    add_field(parser, TrainPerson, "reference", metavar="FILE")
    add_field(parser, TrainPerson, "concept")
    add_field(parser, TrainPerson, "words", metavar="TEXT")
    add_config_option(parser)
    add_preset_option(parser, TrainSettings)
    _engine(parser)
    _base(parser, default=FAMILIES.default.id)
    add_settings(parser, TrainPerson)
    _networks(parser)


def _photograph(verbs: Verbs) -> None:
    parser = _verb(
        verbs, "photograph", "put persons into templates or pictures drawn from words; prints the best one's path"
    )
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="who, from the left, on the largest of a template's faces"
    )
    parser.add_argument(
        "--template", nargs="+", action="extend", default=[], metavar="FILE|NAME",
        help="pictures with a face, or names that easyphoto templates lists; may be repeated; without any, --prompt "
        "or --style says what is drawn",
    )  # fmt: skip
    parser.alternatives = "--template FILE|NAME… | --prompt WORDS"
    add_field(parser, PhotographPersons, "out", metavar="DIR")
    add_config_option(parser)
    add_preset_option(parser, InferenceSettings)
    _engine(parser)
    _base(parser, default="what the person was trained on")
    _backend(parser)
    add_settings(parser, PhotographPersons)
    _networks(parser)


def _place(verbs: Verbs) -> None:
    parser = _verb(verbs, "place", "put an object, a pet or a scene into a template; prints the picture's path")
    add_place_arguments(parser)
    _base(parser, default="what the object was trained on")
    _backend(parser)
    add_settings(parser, PlaceObject)
    add_options(parser, WeightSettings, title="weights")


def _persons(verbs: Verbs) -> None:
    words = "list persons, scenes and objects; add, show, export, import, rename or delete one; choose a checkpoint"
    parser = _verb(verbs, "persons", words)
    parser.least_words = 2
    parser.add_argument("action", nargs="?", choices=tuple(PERSONS_ACTIONS), default="list", help="default: list")
    about = "who; import: a ZIP of export, a folder, or a LoRA file"
    parser.add_argument("name", nargs="?", metavar="NAME|PATH", help=about)
    parser.add_argument(
        "new_name", nargs="?", metavar="NEWNAME|WORDS|STEP",
        help='rename: the new name; words: what describes them in prompts, as "grey hair, glasses" ("" for nothing); '
             f"choose: the checkpoint's step, or {AS_TRAINED} for the LoRA that the training wrote",
    )  # fmt: skip
    parser.add_argument("--propose", action="store_true", help="words: look at their photos, and propose some")
    _photos(parser, "add: photos of the person: a folder, a ZIP file, or the files")
    _sheet(parser)
    _face(parser)
    add_field(parser, AddPerson, "reference", metavar="FILE")
    parser.add_argument("--name", dest="import_name", metavar="NAME", help="import: under another name")
    parser.add_argument("--id", dest="new_id", metavar="ID", help="rename: a new id, too")
    _engine(parser)
    parser.add_argument(
        "--kind", dest="concept", choices=KINDS, metavar="|".join(KINDS),
        help="list: only these; import: what a LoRA file shows, where it does not say so itself",
    )  # fmt: skip
    parser.add_argument(
        "--words", metavar="TEXT",
        help="import: what calls a LoRA file's scene in a prompt (default: what the file says)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="export: the ZIP file (default: NAME.zip), or a .safetensors file for the LoRA alone",
    )  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="delete: do not ask")
    _base(parser, default=FAMILIES.default.id)
    add_json_option(parser, "list, show:")
    add_settings(parser, AddPerson)
    _networks(parser)


def _styles(verbs: Verbs) -> None:
    parser = add_styles_parser(verbs, _verb)
    _base(parser, default=FAMILIES.default.id)
    _backend(parser)


def _bench(verbs: Verbs) -> None:
    parser = add_bench_parser(verbs, _verb)
    _base(parser, default=FAMILIES.default.id)
    _engine(parser)
    _networks(parser)


def _doctor(verbs: Verbs) -> None:
    parser = _verb(verbs, "doctor", "what is installed here, what is missing, and how fast the machine is")
    _backend(parser)
    add_json_option(parser, "the findings")
    add_options(parser, WeightSettings, title="weights")
