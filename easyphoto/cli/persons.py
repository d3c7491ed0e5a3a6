"""`easyphoto persons`: list, add, show, export, import, rename, delete."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from easyphoto.cli.opening import open_app
from easyphoto.cli.options import command_of
from easyphoto.cli.output import complain, say, say_json, say_path, table, tell, telling
from easyphoto.cli.verdicts import chosen_faces, say_verdicts, typed_photos, write_sheet
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.commands.change_words import ChangeWords, ProposeWords
from easyphoto.commands.choose_checkpoint import AS_TRAINED, ChooseCheckpoint
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.errors import InputError, NotAllDeleted, UnknownPerson
from easyphoto.messages import Text, joined, text
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_ids import id_for
from easyphoto.workspace.person_record import FACE, Person

_WORDS_TAKEN = {"list": 0, "rename": 2, "words": 2, "choose": 2}
"""How many words an action takes; every other one takes one."""


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    _check_words(arguments)
    ACTIONS[arguments.action](arguments, workspace)


def _check_words(arguments: argparse.Namespace) -> None:
    """Raises InputError for an action that needs a name, or gets a word that it does not take."""
    words = [word for word in (arguments.name, arguments.new_name) if word is not None]
    taken = _WORDS_TAKEN.get(arguments.action, 1)
    if words[taken:]:
        shown = ", ".join(map(repr, words[taken:]))
        raise InputError(
            text("{verb} takes nothing more; too much: {words}.", verb=f"persons {arguments.action}", words=shown),
            advice=text("easyphoto persons --help explains each action."),
        )
    if not words and arguments.action == "import":
        raise InputError(
            text("persons import needs a ZIP file or a folder."), advice=text("easyphoto persons export makes one.")
        )
    if taken and not words:
        raise InputError(
            text("persons {action} needs a name.", action=arguments.action),
            advice=text("easyphoto persons lists everybody."),
        )


def _add(arguments: argparse.Namespace, workspace: Workspace) -> None:
    if arguments.photos is None:
        raise InputError(
            text("persons add needs --photos DIR."), advice=text("easyphoto persons add NAME --photos DIR")
        )
    app = open_app(arguments, workspace)
    with telling() as context, typed_photos(arguments.photos, workspace, context) as photos:
        faces = chosen_faces(arguments.face, photos)
        # The other notes come with the verdicts.
        made = command_of(AddPerson, arguments, photos=photos, chosen_faces=faces).run(app, NullContext(context))
        write_sheet(made.check, arguments.sheet)
    say_verdicts(made.check, tell)
    if made.person.proposed_words:
        tell(proposal_told(made.person))
    say_path(workspace.person_folder(made.person.id))


def _import(arguments: argparse.Namespace, workspace: Workspace) -> None:
    with telling() as context:
        source = Path(arguments.name)
        command = ImportPersons(source, arguments.import_name, concept=arguments.concept, words=arguments.words)
        found = command.run(open_app(arguments, workspace), context)
    for absent in found.left_out:
        tell(f"Left out: {absent.name}. {absent.reason}")
    for person in found.persons:
        for note in person.notes:
            tell(f"Note on {person.id}: {note}")
        say_path(workspace.person_folder(person.id))


def _list(arguments: argparse.Namespace, workspace: Workspace) -> None:
    kind = arguments.concept
    everybody, damaged = workspace.list_persons(), workspace.damaged_persons()
    if kind is not None:
        everybody = tuple(person for person in everybody if person.kind == kind)
    if arguments.json:
        unreadable = [{"id": one.id, "reason": one.reason} for one in damaged]
        known = [_record(person, workspace) for person in everybody]
        say_json({"format": 1, "persons": known, "damaged": unreadable})
        return
    for one in damaged:
        complain(f"{one.id} cannot be shown. {one.reason}")
    if not everybody:
        if not damaged:
            asked = f" --kind {kind}" if kind not in (None, FACE) else ""
            tell(f"Nothing yet in {workspace.root}. Begin with: easyphoto train NAME --photos DIR{asked}")
        return
    rows = [
        (
            person.id,
            person.name,
            "ready" if person.is_trained else "not trained",
            str(len(person.photos)),
            _likeness(person),
            person.family,
            _pictures(person),
            person.kind,
        )
        for person in everybody
    ]
    for line in table(("person", "name", "state", "photos", "likeness", "family", "pictures", "kind"), rows):
        say(line)


def _record(person: Person, workspace: Workspace) -> dict[str, Any]:
    """What programs are told of a person: the API's facts, and the places of the files."""
    folder = workspace.person_folder(person.id)
    return {
        **person.facts,
        "folder": str(folder),
        "portrait": str(folder / person.portrait) if person.portrait else None,
        "lora": str(folder / person.lora) if person.lora else None,
    }


def _facts(person: Person, workspace: Workspace) -> list[tuple[str, str]]:
    folder = workspace.person_folder(person.id)
    return [
        ("name", person.name),
        ("state", "ready" if person.is_trained else "not trained"),
        ("family", person.family),
        ("kind", person.kind),
        ("words", person.words or "none"),
        *((("pictures", _pictures(person)),) if person.shows_face else ()),
        ("created", person.created),
        ("photos", str(len(person.photos))),
        *((("proposed", person.proposed_words),) if person.proposed_words else ()),
        *(_likeness_facts(person) if person.shows_face else ()),
        ("folder", str(folder)),
        ("portrait", str(folder / person.portrait) if person.portrait else "none"),
        ("lora", str(folder / person.lora) if person.lora else "none"),
        ("run", str(workspace.runs / person.run) if person.run else "none"),
        *(("note", note) for note in person.notes),
    ]


def _pictures(person: Person) -> str:
    """Return the domain of a person's photos. Without a recorded one, the next photograph determines it."""
    if not person.shows_face:
        return "–"
    return person.domain or "not recorded"


def _likeness(person: Person) -> str:
    if not person.shows_face:
        return "–"
    return f"{person.likeness['cosine']:.2f} ({person.likeness['embedder']})" if person.likeness else "not judged"


def _likeness_facts(person: Person) -> Iterator[tuple[str, str]]:
    yield "likeness", _likeness(person)
    if person.likeness:
        from easyphoto.faces.likeness_scale import share_words

        for share, whom in (("percentile", "own photos"), ("strangers", "strangers")):
            yield "", f"above {whom}: {share_words(person.likeness.get(share))}"


def _show(arguments: argparse.Namespace, workspace: Workspace) -> None:
    person = workspace.person(arguments.name)
    if arguments.json:
        say_json({"format": 1, "person": _record(person, workspace)})
        return
    for heading, value in _facts(person, workspace):
        say(f"{heading:<10} {value}")


def _export(arguments: argparse.Namespace, workspace: Workspace) -> None:
    person = workspace.person(arguments.name)
    command = ExportPerson(person.id, arguments.out or Path(f"{person.id}.zip"))
    say_path(command.run(open_app(arguments, workspace), NullContext()))


def _rename(arguments: argparse.Namespace, workspace: Workspace) -> None:
    if arguments.new_name is None:
        raise InputError(text("persons rename needs two names."), advice=text("easyphoto persons rename NAME NEWNAME"))
    command = RenamePerson(workspace.id_of(arguments.name), arguments.new_name, arguments.new_id)
    before = _known(workspace, arguments.name)
    renamed = command.run(open_app(arguments, workspace), NullContext())
    say(f"{renamed.id}  {renamed.name}")
    tell(_renamed_words(before, renamed))


def _words(arguments: argparse.Namespace, workspace: Workspace) -> None:
    """Print the words; with new ones, or with --propose, change them or a proposal before."""
    person = workspace.person(arguments.name)
    app = open_app(arguments, workspace)
    if arguments.new_name is not None:
        if arguments.propose:
            raise InputError(
                text("persons words takes words or --propose, not both."), advice=text("Leave one of them out.")
            )
        person = ChangeWords(person.id, arguments.new_name).run(app, NullContext())
    elif arguments.propose:
        with telling() as context:
            person = ProposeWords(person.id).run(app, context)
    say(person.words)
    if person.proposed_words:
        tell(proposal_told(person))
    elif arguments.propose:
        tell(text("Nothing else is proposed."))


def proposal_told(person: Person) -> Text:
    return text(
        "Proposed for prompts: {words}. To take it: easyphoto persons words {id} {quoted}",
        words=person.proposed_words,
        id=person.id,
        quoted=shlex.quote(person.proposed_words),
    )


def _choose(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.persons.checkpoints import checkpoints_of

    person = workspace.person(arguments.name)
    if arguments.new_name is None:
        found = checkpoints_of(workspace, person)
        tell(f"Test pictures: {found.folder.sheet}")
        for step in found.steps:
            say(f"{step}  (chosen)" if step == found.chosen else str(step))
        return
    command = ChooseCheckpoint(person.id, _step(arguments.new_name)).validated(open_app(arguments, workspace))
    with telling() as context:
        made = command.run(open_app(arguments, workspace), context)
    tell(f"Report: {made.report}")
    say_path(made.lora)


def _step(written: str) -> int | None:
    """Raises InputError for what is no step."""
    if written == AS_TRAINED:
        return None
    if not written.isdecimal() or len(written) > 9:
        raise InputError(
            text("{written!r} is no step of a training.", written=written),
            advice=text("easyphoto persons choose NAME lists the steps."),
        )
    return int(written)


def _known(workspace: Workspace, name: str) -> Person | None:
    """The person before a rename; None where an interrupted one has moved them already, and is repeated."""
    try:
        return workspace.person(name)
    except UnknownPerson:
        return None


def _renamed_words(before: Person | None, after: Person) -> Text:
    """What a rename changed: the name that people see, or the id, by which every verb knows the person."""
    if before is None or before.id != after.id:
        return text("The id is now {id}, and the name {name!r}. Every verb takes the id.", id=after.id, name=after.name)
    said = text("{id} is now called {name!r} (before: {before!r}).", id=after.id, name=after.name, before=before.name)
    if before.name == after.name:
        said = text("{id} was called {name!r} already; nothing is changed.", id=after.id, name=after.name)
    if after.name.strip().lower() == after.id:
        return said
    more = text(
        "The id, which every verb takes, is still {id}; to change it too: "
        "easyphoto persons rename {id} {name} --id NEWID",
        id=after.id,
        name=shlex.quote(after.name),
    )
    return joined((said, more), " ")


def _delete(arguments: argparse.Namespace, workspace: Workspace) -> None:
    """Delete a person, also one whose training never ended, or of whom only traces are left."""
    id = id_for(arguments.name)
    if not arguments.yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise InputError(text("Deleting cannot be undone."), advice=text("Add --yes if you are sure."))
        complain(f"Delete {id!r} with all photos, trainings and results in {workspace.root}? [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            tell("Nothing was deleted.")
            return
    deletion = DeletePerson(id).run(open_app(arguments, workspace), NullContext())
    for gone in deletion.gone:
        say_path(gone)
    if deletion.left:
        named = " ".join(f"{left.what}: {left.why.rstrip('.')}." for left in deletion.left)
        raise NotAllDeleted(
            text("{id!r} is not completely deleted. {named}", id=id, named=named),
            advice=text(
                "EasyPhoto finishes this at its next start; or stop what is using the files, and run the same "
                "command again."
            ),
        )


ACTIONS: Mapping[str, Callable[[argparse.Namespace, Workspace], None]] = MappingProxyType(
    {
        "list": _list,
        "add": _add,
        "show": _show,
        "words": _words,
        "export": _export,
        "import": _import,
        "rename": _rename,
        "choose": _choose,
        "delete": _delete,
    }
)
"""In the order of the help."""
