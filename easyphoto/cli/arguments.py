"""The argument parser's own sentences: what is wrong comes first, in one line, with what may have been meant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from easyphoto.cli.output import json_line, visible
from easyphoto.errors import InputError
from easyphoto.messages import Text, joined, text
from easyphoto.spelling import meant

KINDS = {int: text("a whole number"), float: text("a number")}
_MISSING = "the following arguments are required: "
_ALSO_CALLED = {"remove": "delete", "rm": "delete", "ls": "list", "new": "add", "info": "show"}


class CommandParser(argparse.ArgumentParser):
    """Names what is wrong in one line and points to --help, where argparse prints up to 30 lines of usage first."""

    typed: Sequence[str] = ()
    """What this parser was given."""
    least_words: int | None = None
    """How many words are wanted before the options; None: as many as are required."""
    alternatives: str = ""
    """Options of which one is wanted, for the usage."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **named, "exit_on_error": False})

    @property
    def verbs(self) -> dict[str, CommandParser]:
        found = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return {name: parser for action in found for name, parser in action.choices.items()}

    @property
    def options(self) -> dict[str, argparse.Action]:
        return self._option_string_actions

    @property
    def positionals(self) -> list[argparse.Action]:
        return [action for action in self._actions if not action.option_strings]

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            verb = self.verbs.get(str(getattr(found, "verb", "")), self)
            verb.refuse(verb.left_over(rest, self))
        return found

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.typed = tuple(sys.argv[1:] if args is None else args)
        if self.verbs and self.typed[:1] == ("help",):
            self.typed = (*self.typed[1:2], "--help")
        self.typed = self._with_names_first(self.typed)
        try:
            found = super().parse_known_args(self.typed, namespace)
        except argparse.ArgumentError as error:
            if str(error.message).startswith(_MISSING):  # Python 3.13 raises it, earlier ones call `error`
                self.error(str(error.message))
            self.refuse(self._sentence(error))
        return found

    def _with_names_first(self, typed: Sequence[str]) -> Sequence[str]:
        """Bring names to the front that an option of several values would swallow, as in `train --photos DIR anna`."""
        words = self.positionals
        given = next((place for place, word in enumerate(typed) if word.startswith("-")), len(typed))
        wanted = sum(each.required for each in words) if self.least_words is None else self.least_words
        last = max((place for place, word in enumerate(typed) if word in self.options), default=len(typed))
        if given >= wanted or last == len(typed) or self.options[typed[last]].nargs != "+":
            return typed
        names = tuple(takewhile(_may_be_name, reversed(typed[last + 2 :])))
        count = len(names) if any(each.nargs in ("+", "*") for each in words) else min(len(names), wanted - given)
        end = len(typed) - count
        return (*typed[:given], *typed[end:], *typed[given:end])

    def error(self, message: str) -> NoReturn:
        """Refuse what argparse refuses; of its messages only the one on what is missing gets here."""
        if not message.startswith(_MISSING):
            self.refuse(message)
        misspelt = next((each for each in self.typed if self._is_unknown(each) and self._near(each)), None)
        if misspelt is not None:
            self.refuse(self._no_option(misspelt))
        if self.verbs:
            self.refuse(text("{command} needs a verb: {names}.", command=self.prog, names=", ".join(self.verbs)))
        names = message.removeprefix(_MISSING).split(", ")
        wanted = [action for action in self._actions if action.required and _name(action) in names]
        shown = joined([synopsis(action) for action in wanted], " and ") if wanted else ", ".join(names)
        help = (wanted[0].help or "").partition(";")[0].replace("%%", "%") if len(wanted) == 1 else ""
        about = f" ({help})" if help else ""
        self.refuse(text("{verb} needs {what}{about}.", verb=self.verb, what=shown, about=about))

    def refuse(self, sentence: str) -> NoReturn:
        """End with exit code 2, and say why and where the options are explained."""
        # The sentence repeats what was typed, which may have been pasted from anywhere.
        said, more = visible(sentence), text("See: {command} --help", command=self.prog)
        wanted = json_line(InputError.__name__, said, more) if "--json" in self.typed else f"{said}\n{more}"
        self.exit(InputError.exit_code, f"{wanted}\n")

    @property
    def verb(self) -> str:
        return self.prog.partition(" ")[2] or self.prog

    def left_over(self, rest: Sequence[str], root: CommandParser) -> str:
        """The sentence on words that nothing here takes."""
        first = next((each for each in rest if each.startswith("-")), None)
        if first is None or rest.index(first) > 0:
            return self._too_much([each for each in rest if each != first][: 3 if first is None else rest.index(first)])
        return self._no_option(first, root)

    def _no_option(self, written: str, root: CommandParser | None = None) -> Text:
        name = written.partition("=")[0]
        said = text("{verb} has no option {option}.", verb=self.verb, option=name)
        near = self._near(written)
        others = [verb for verb, parser in (root.verbs.items() if root is not None else ()) if name in parser.options]
        if name in self.options:
            return _misplaced(name, self.verb)
        if others:
            return joined((said, text("It belongs to {verbs}.", verbs=", ".join(others)), *near), " ")
        return joined((said, *near), " ")

    def _near(self, written: str) -> tuple[Text, ...]:
        return meant(f"--{written.partition('=')[0].lstrip('-')}", self.options)

    def _is_unknown(self, word: str) -> bool:
        return word.startswith("--") and word != "--" and word.partition("=")[0] not in self.options

    def _too_much(self, words: Sequence[str]) -> Text:
        """The sentence on words that are left over, with the option before them, which takes only one."""
        place = self.typed.index(words[0]) if words[0] in self.typed else 0
        before = next((each for each in reversed(self.typed[:place]) if each in self.options), None)
        quoted = ", ".join(map(repr, words))
        if before is not None and place == self.typed.index(before) + 2:
            return text(
                "{option} takes one value; too much: {words}.", option=synopsis(self.options[before]), words=quoted
            )
        return text("{verb} takes nothing more; too much: {words}.", verb=self.verb, words=quoted)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a choice that is none."""
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        listed = text("Choose one of: {choices}.", choices=", ".join(known))
        if isinstance(action, argparse._SubParsersAction):
            if self.typed[0].startswith("-"):
                raise argparse.ArgumentError(None, _misplaced(self.typed[0].partition("=")[0], "VERB"))
            said = text("There is no verb {name!r}.", name=value)
            near = self._actions_of_verbs(value) or meant(str(value), known, also={"version": "--version"})
            listed = text("Verbs: {names}.", names=", ".join(known))
        elif action.dest == "action":
            said = text("{verb} has no action {name!r}.", verb=self.verb, name=value)
            near = meant(str(value), known, also=_ALSO_CALLED)
        else:
            said = text("{name} cannot be {value!r}.", name=_name(action), value=value)
            near = meant(str(value), known)
        raise argparse.ArgumentError(None, joined((said, *near, listed), " "))

    def _actions_of_verbs(self, word: str) -> tuple[Text, ...]:
        """What may have been meant by an action that stands in a verb's place, as `rename` for `persons rename`."""
        found = [
            f"{verb} {word}"
            for verb, parser in self.verbs.items()
            for action in parser.positionals
            if word in (action.choices or ())
        ]
        return (text("Did you mean {names}?", names=joined([repr(each) for each in found], " or ")),) if found else ()

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Convert what was typed; a path that is empty would be the current folder."""
        if action.type is Path and not arg_string:
            raise argparse.ArgumentError(None, text("{name} cannot be empty.", name=_name(action)))
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            wanted = KINDS.get(action.type)  # type: ignore[call-overload]
            if wanted is None:
                raise
            said = text("{name} cannot be {value!r}.", name=_name(action), value=arg_string)
            advice = text("It must be {wanted}.", wanted=wanted)
            raise argparse.ArgumentError(None, joined((said, advice), " ")) from error

    def _sentence(self, error: argparse.ArgumentError) -> str:
        """What argparse says of one argument, as a sentence."""
        if error.argument_name is None:
            return str(error.message)
        action = next((each for each in self._actions if _name(each) == error.argument_name), None)
        if str(error.message).startswith("expected") and action is not None:
            return text("{option} needs a value: {example}.", option=error.argument_name, example=synopsis(action))
        if str(error.message).startswith("ignored explicit argument"):
            return text("{option} takes no value.", option=error.argument_name)
        return text("{option}: {said}.", option=error.argument_name, said=str(error.message).rstrip("."))


def twice_given(parser: CommandParser) -> Iterator[Text]:
    """Yield a note on each option that takes one value and was given another: the last one counts."""
    words = [each.partition("=")[0] for each in parser.typed]
    for option, action in parser.options.items():
        count = words.count(option)
        if type(action) is argparse._StoreAction and count > 1:
            yield text("{option} is given {count} times; the last one counts.", option=option, count=count)


def short_usage(parser: CommandParser) -> str:
    """What must be typed, without the options that may be."""
    wanted = [synopsis(action) for action in parser._actions if action.required or _is_optional_word(action)]
    wanted += [f"({parser.alternatives})"] if parser.alternatives else []
    return " ".join(("%(prog)s", *wanted, "[options]"))


def synopsis(action: argparse.Action) -> str:
    """An argument as people type it: `--template FILE…`."""
    choices = "|".join(map(str, action.choices or (action.dest.upper(),)))
    metavar = action.metavar if isinstance(action.metavar, str) else choices
    value = "" if action.nargs == 0 else metavar + ("…" if action.nargs in ("+", "*") else "")
    shown = f"{action.option_strings[-1]} {value}".strip() if action.option_strings else value
    return f"[{shown}]" if _is_optional_word(action) else shown


def _misplaced(option: str, verb: str) -> Text:
    """The sentence on an option before the verb, where none is known."""
    return text("{option} belongs after the verb: easyphoto {verb} {option} …", option=option, verb=verb)


def _may_be_name(word: str) -> bool:
    """Whether a word could be a person's name rather than a file's."""
    return not (set(word) & set("/\\*?[") or word.startswith("-") or Path(word).suffix or Path(word).exists())


def _is_optional_word(action: argparse.Action) -> bool:
    return not action.option_strings and action.nargs in ("?", "*")


def _name(action: argparse.Action) -> str:
    """As argparse names an argument in its messages."""
    if action.option_strings:
        return "/".join(action.option_strings)
    return action.metavar if isinstance(action.metavar, str) else action.dest


Verbs: TypeAlias = "argparse._SubParsersAction[CommandParser]"
NewVerb: TypeAlias = Callable[["argparse._SubParsersAction[CommandParser]", str, str], CommandParser]
"""Adds the verb of that name, with what it does in a few words."""
