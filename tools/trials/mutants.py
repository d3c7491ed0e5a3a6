"""Small changes of a Python module, each of one operator, number, comparison, branch or argument.

Places are found in the syntax tree and changed in the text, so that a mutant differs from its module in a line or two.
Left alone is what computes nothing: annotations, imports, decorators, docstrings, texts and the numbers inside them;
and what would be the same program: `max(b, a)`, and zip's `strict`, which only says what its arguments are anyway.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

BINARY = {"+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "//": ("*",), "%": ("*",), "**": ("*",), "|": ("&",),
          "&": ("|",)}  # fmt: skip
COMPARED = {"<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
            "is not": ("is",), "is": ("is not",), "not in": ("in",), "in": ("not in",)}  # fmt: skip
NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "floor": "ceil", "ceil": "floor",
         "width": "height", "height": "width", "left": "right", "right": "left", "top": "bottom", "bottom": "top",
         "any": "all", "all": "any", "sin": "cos", "cos": "sin"}  # fmt: skip
SYMMETRIC = ("min", "max", "minimum", "maximum")
_OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.BitOr: "|", ast.BitAnd: "&", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==",
    ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in", ast.And: "and",
    ast.Or: "or",
}  # fmt: skip
Replacement = tuple[int, int, str]
"""From, to, and what stands there instead, in characters of the module's text."""


@dataclass(frozen=True)
class Mutant:
    module: Path
    kind: str
    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]

    def lines(self, source: str) -> tuple[int, str, str]:
        """The number of the first changed line, how it was, and how it is."""
        first = source.rfind("\n", 0, self.start) + 1
        last = source.find("\n", self.end)
        was, changed = source[first:last], source[first : self.start] + self.text + source[self.end : last]
        return source.count("\n", 0, first) + 1, " ".join(was.split()), " ".join(changed.split())


def mutants_of(module: Path, source: str) -> tuple[Mutant, ...]:
    """All that can be made of a module, in the order of its text; each is another program."""
    finder = Finder(source)
    found = {
        Mutant(module, kind, start, end, text)
        for node in _computing(ast.parse(source))
        for kind, (start, end, text) in finder.of(node)
        if text != source[start:end]
    }
    return tuple(sorted(found, key=lambda each: (each.start, each.end, each.text)))


def _computing(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that have a say in what is computed."""
    for child in _parts(node):
        yield child
        yield from _computing(child)


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Raise)) or _is_type_checking(node):
        return
    skipped = {"annotation", "returns", "decorator_list", "type_params", "type_comment"}
    for name, value in ast.iter_fields(node):
        if (
            name in skipped
            or (isinstance(node, ast.keyword) and node.arg == "strict")
            or (name == "bases" and isinstance(node, ast.ClassDef))
        ):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


class Finder:
    """What can be changed at one place of a text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.rows = source.splitlines()

    def of(self, node: ast.AST) -> Iterator[tuple[str, Replacement]]:
        match node:
            case ast.BinOp():
                yield from self.operators(node.left, node.op, node.right, BINARY, "operator")
            case ast.AugAssign():
                yield from self.operators(node.target, node.op, node.value, BINARY, "operator")
            case ast.Compare():
                sides = [node.left, *node.comparators]
                for place, operator in enumerate(node.ops):
                    yield from self.operators(sides[place], operator, sides[place + 1], COMPARED, "comparison")
            case ast.BoolOp():
                swapped = {"and": ("or",), "or": ("and",)}
                for one, other in pairwise(node.values):
                    yield from self.operators(one, node.op, other, swapped, "branch")
            case ast.Constant():
                yield from self.constant(node)
            case ast.UnaryOp() if isinstance(node.op, (ast.Not, ast.USub)):
                kind, sign = ("branch", "not") if isinstance(node.op, ast.Not) else ("operator", "-")
                yield kind, (self.start(node), self.start(node) + len(sign), "")
            case ast.If() | ast.IfExp() | ast.While():
                yield from self.condition(node.test)
            case ast.comprehension():
                for test in node.ifs:
                    yield from self.condition(test)
            case ast.Call():
                yield from self.arguments(node)
            case ast.Name() | ast.Attribute():
                yield from self.name(node)
            case ast.Expr() if isinstance(node.value, ast.Call):
                yield "branch", (self.start(node), self.end(node), "pass")
            case ast.Slice():
                for bound in filter(None, (node.lower, node.upper)):
                    yield "argument", (self.start(bound), self.end(bound), "")

    def operators(
        self, left: ast.expr, operator: ast.AST, right: ast.expr, table: dict[str, tuple[str, ...]], kind: str
    ) -> Iterator[tuple[str, Replacement]]:
        sign = _OPERATORS.get(type(operator), "")
        first, last = self.end(left), self.start(right)
        # Between two operands stand brackets, blanks and the one operator.
        place = self.source.find(sign.partition(" ")[0], first, last)
        for other in table.get(sign, ()):
            width = len(re.match(sign.replace("*", r"\*").replace("+", r"\+").replace("|", r"\|").replace(" ", r"\s+"),
                                 self.source[place:]).group())  # type: ignore[union-attr]  # fmt: skip
            yield kind, (place, place + width, other)

    def constant(self, node: ast.Constant) -> Iterator[tuple[str, Replacement]]:
        span = self.start(node), self.end(node)
        match node.value:
            case bool():
                yield "constant", (*span, str(not node.value))
            case int():
                yield "constant", (*span, str(node.value + 1))
                if node.value > 0:
                    yield "constant", (*span, str(node.value - 1))
            case float():
                yield "constant", (*span, f"{node.value * 1.5 if node.value else 1.0:.12g}")
                yield "constant", (*span, f"{node.value * 0.5 if node.value else -1.0:.12g}")

    def condition(self, test: ast.expr) -> Iterator[tuple[str, Replacement]]:
        span = self.start(test), self.end(test)
        yield "branch", (*span, f"(not ({self.source[span[0] : span[1]]}))")

    def arguments(self, call: ast.Call) -> Iterator[tuple[str, Replacement]]:
        """Two neighbours change places; a named one that follows another argument is left out."""
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        given: Sequence[ast.expr] = [each for each in call.args if not isinstance(each, ast.Starred)]
        given = [] if name in SYMMETRIC else given
        for one, other in pairwise(given):
            first, last = self.start(one), self.end(other)
            middle = self.source[self.end(one) : self.start(other)]
            swapped = self.source[self.start(other) : last] + middle + self.source[first : self.end(one)]
            yield "argument", (first, last, swapped)
        places = sorted((self.start(each), self.end(each)) for each in (*call.args, *call.keywords))
        for keyword in call.keywords:
            before = [end for _, end in places if end <= self.start(keyword)]
            if before and keyword.arg and keyword.arg != "strict":
                yield "argument", (before[-1], self.end(keyword), "")

    def name(self, node: ast.Name | ast.Attribute) -> Iterator[tuple[str, Replacement]]:
        word = node.id if isinstance(node, ast.Name) else node.attr
        # A local variable of that name would only be renamed in one place.
        is_known = isinstance(node, ast.Attribute) or word in ("min", "max", "any", "all")
        if is_known and word in NAMES and isinstance(node.ctx, ast.Load):
            yield "operator", (self.end(node) - len(word), self.end(node), NAMES[word])

    def start(self, node: ast.AST) -> int:
        return self.place(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        return self.place(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def place(self, line: int, column: int) -> int:
        """Columns of the tree count bytes."""
        return self.starts[line - 1] + len(self.rows[line - 1].encode()[:column].decode())
