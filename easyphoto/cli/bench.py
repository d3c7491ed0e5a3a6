"""`easyphoto bench`: measures likeness, looks and speed."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from easyphoto.architectures.registry import FAMILIES
from easyphoto.bench.gpu.plan import PHASES
from easyphoto.cli.arguments import CommandParser, NewVerb, Verbs
from easyphoto.cli.opening import open_app
from easyphoto.cli.output import bar, say
from easyphoto.errors import InputError
from easyphoto.messages import text

if TYPE_CHECKING:
    from easyphoto.progress import Progress
    from easyphoto.workspace.folders import Workspace

BENCHES = ("likeness", "looks", "trainer", "strangers", "operators", "gpu")
CALL_SECONDS = 240


def add_bench_parser(verbs: Verbs, verb: NewVerb) -> CommandParser:
    words = "measure: the result's likeness and looks, the speed of trainer and portrait, face recognition"
    parser = verb(verbs, "bench", words)
    parser.add_argument("what", choices=BENCHES)
    parser.add_argument(
        "--photos", type=Path, metavar="DIR", help="strangers: a folder with one sub-folder for each person"
    )
    parser.add_argument("--persons", type=int, default=10, metavar="N", help="likeness, looks: how many (default 10)")
    parser.add_argument(
        "--first", type=int, default=500, metavar="N",
        help="likeness, looks: the first person (default 500; lower ones helped tuning)",
    )  # fmt: skip
    parser.add_argument(
        "--steps", type=int, metavar="N",
        help="trainer: how many (default 100); gpu: of the training (default: the model's usual number)",
    )  # fmt: skip
    _add_speed(parser)
    return parser


def _add_speed(parser: argparse.ArgumentParser) -> None:
    usual = FAMILIES.from_files[0].id
    parser.add_argument(
        "--family", choices=tuple(FAMILIES), default=usual, help=f"operators, gpu: of which model (default {usual})"
    )
    parser.add_argument("--phase", choices=PHASES, action="append", help="gpu: only this one; may be repeated")
    parser.add_argument("--again", action="store_true", help="gpu: measure the phases anew")
    parser.add_argument(
        "--seconds", type=float, default=CALL_SECONDS, metavar="S",
        help=f"gpu: stop after these, and go on at the next call (default {CALL_SECONDS}; 0: never)",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, metavar="DIR", help="gpu: for models and results, 6 GB")
    parser.add_argument(
        "--width", type=float, default=1.0, metavar="SHARE", help="gpu: of the networks' channels; below 1 to try it"
    )
    parser.add_argument("--resolution", type=int, metavar="N", help="gpu: side in pixels (default: the model's)")
    parser.add_argument(
        "--against", action="append", default=[], metavar=f"NAME=DIR{os.pathsep}PYTHON",
        help="gpu: also run kohya or diffusers, from a checkout and its environment's Python; may be repeated",
    )  # fmt: skip


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    with bar() as progress:
        if arguments.what == "operators":
            from easyphoto.bench import operators

            operators.run(arguments.family, say=say)
        elif arguments.what == "gpu":
            _measure_speed(arguments, workspace, progress)
        else:
            _measure(arguments, workspace, progress)


def _measure(arguments: argparse.Namespace, workspace: Workspace, progress: Progress) -> None:
    app = open_app(arguments, workspace)
    match arguments.what:
        case "likeness":
            from easyphoto.bench import likeness

            likeness.run(app, persons=arguments.persons, first=arguments.first, progress=progress, say=say)
        case "looks":
            from easyphoto.bench import looks

            looks.run(app, persons=arguments.persons, first=arguments.first, progress=progress, say=say)
        case "trainer":
            from easyphoto.bench import trainer

            steps = 100 if arguments.steps is None else arguments.steps
            trainer.run(app, steps=steps, progress=progress, say=say)
        case "strangers":
            from easyphoto.bench import strangers

            if arguments.photos is None:
                raise InputError(
                    text("bench strangers needs --photos DIR."), advice=text("One sub-folder for each person.")
                )
            strangers.run(app, arguments.photos, progress=progress, say=say)


def _measure_speed(arguments: argparse.Namespace, workspace: Workspace, progress: Progress) -> None:
    from easyphoto.bench.gpu.plan import Anchor, BenchPlan
    from easyphoto.bench.gpu.run import run as measure

    plan = BenchPlan(
        family=arguments.family,
        width=arguments.width,
        resolution=arguments.resolution,
        steps=arguments.steps,
        anchors=tuple(map(Anchor.named, arguments.against)),
    )
    folder = arguments.folder or workspace.root / "bench"
    phases, seconds = arguments.phase or (), arguments.seconds
    measure(folder, plan, phases=phases, seconds=seconds, again=arguments.again, progress=progress, say=say)
