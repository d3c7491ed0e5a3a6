"""`easyphoto resume`: goes on with a training that was cancelled, killed or failed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from easyphoto.cli.arguments import NewVerb, Verbs
from easyphoto.cli.options import add_json_option
from easyphoto.cli.output import say, say_json, say_path, table, tell, telling
from easyphoto.cli.persons import proposal_told
from easyphoto.errors import BadName, InputError
from easyphoto.messages import joined, text
from easyphoto.progress import Cancelled
from easyphoto.spelling import known_names

if TYPE_CHECKING:
    from easyphoto.commands.base import Context
    from easyphoto.commands.resume import Unfinished
    from easyphoto.commands.training import TrainedPerson
    from easyphoto.workspace.folders import Workspace


def add_resume_parser(verbs: Verbs, verb: NewVerb) -> None:
    parser = verb(verbs, "resume", "go on with a training that was cancelled or cut off; without a name, list those")
    parser.add_argument("training", nargs="?", metavar="NAME|RUN", help="the person, or the folder's name of the run")
    add_json_option(parser, "the list")


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    """Print the LoRA's path on the last line, as `train`. Raises InputError where there is nothing to resume."""
    from easyphoto.cli.opening import open_app
    from easyphoto.commands.resume import ResumeTraining, unfinished_trainings

    found = unfinished_trainings(workspace)
    if arguments.training is None:
        _list(found, as_json=arguments.json)
        return
    command = ResumeTraining(_chosen(found, arguments.training, workspace))
    with telling() as context, resumable():
        made = command.run(open_app(arguments, workspace), context)
    say_trained(made, context)


def say_trained(made: TrainedPerson, context: Context) -> None:
    """Say what came of a training; the LoRA's path stands on the last line."""
    for note in made.person.notes:
        context.note(note)
    if made.person.proposed_words:
        tell(proposal_told(made.person))
    tell(f"Report: {made.report}")
    say_path(made.lora)


def _list(found: tuple[Unfinished, ...], *, as_json: bool) -> None:
    if as_json:
        keys = [
            {"run": each.run, "person": each.person, "created": each.created, "step": each.step, "steps": each.steps}
            for each in found
        ]
        say_json({"format": 1, "trainings": keys})
        return
    if not found:
        tell(text("No training is unfinished."))
        return
    rows = [(each.person, each.created, f"{each.step} of {each.steps or '–'}", each.run) for each in found]
    for line in table(("person", "begun", "steps", "run"), rows):
        say(line)
    tell(text("easyphoto resume {person} goes on with the latest one of {person}.", person=found[0].person))


def _chosen(found: tuple[Unfinished, ...], written: str, workspace: Workspace) -> str:
    """The run that was meant: that of the name, or the latest one of the person with that id or name."""
    if written in {each.run for each in found}:
        return written
    by_person: dict[str, str] = {}
    for each in found:
        by_person.setdefault(each.person, each.run)
    with suppress(BadName, KeyError):
        return by_person[workspace.id_of(written)]
    raise InputError(
        text("There is no unfinished training of {name!r}.", name=written),
        advice=known_names(written, by_person)
        if by_person
        else joined((text("No training is unfinished."), text("easyphoto train begins one.")), " "),
    )


@contextmanager
def resumable() -> Iterator[None]:
    """Say of a training that is cancelled that it can go on."""
    try:
        yield
    except (KeyboardInterrupt, Cancelled):
        tell(text("easyphoto resume lists the trainings that can go on."))
        raise
