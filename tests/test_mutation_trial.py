"""The tool that changes core modules by force: what it changes, and what it leaves alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = '''"""Adds 1 to 2."""

from __future__ import annotations

LIMIT: float = 0.5


def chosen(values: list[int], *, least: int = 3) -> int:
    """Not less than 4."""
    found = [value for value in values if value % 2 == 0 and value < LIMIT]
    if not found:
        raise ValueError(f"none of {len(values) - 1} at {5}")
    return max(found, default=least) - least
'''


@pytest.fixture(scope="module")
def trial() -> ModuleType:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import mutation_trial
    finally:
        sys.path.pop(0)
    return mutation_trial


def made(trial: ModuleType) -> dict[str, str]:
    """What a line becomes, by kind."""
    mutants = trial.mutants_of(Path("some.py"), SOURCE)
    return {mutant.lines(SOURCE)[2]: mutant.kind for mutant in mutants}


def test_every_module_and_test_that_it_names_is_there(trial: ModuleType) -> None:
    named = [path for subject in trial.SUBJECTS.values() for path in (subject.module, *subject.tests)]

    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_operators_numbers_comparisons_branches_and_arguments_are_changed(trial: ModuleType) -> None:
    kept = "found = [value for value in values if"

    found = made(trial)

    assert found["return max(found, default=least) + least"] == "operator"
    assert found["return min(found, default=least) - least"] == "operator"
    assert found["return max(found) - least"] == "argument"
    assert found["LIMIT: float = 0.75"] == found["LIMIT: float = 0.25"] == "constant"
    assert found[f"{kept} value % 2 == 0 and value <= LIMIT]"] == "comparison"
    assert found[f"{kept} value % 2 != 0 and value < LIMIT]"] == "comparison"
    assert found[f"{kept} value % 2 == 0 or value < LIMIT]"] == "branch"
    assert found[f"{kept} value * 2 == 0 and value < LIMIT]"] == "operator"
    assert found["if found:"] == found["if (not (not found)):"] == "branch"


def test_texts_annotations_and_imports_stay(trial: ModuleType) -> None:
    changed = {mutant.lines(SOURCE)[1] for mutant in trial.mutants_of(Path("some.py"), SOURCE)}

    assert not any(words in line for line in changed for words in ('"""', "raise", "import"))
    assert "def chosen(values: list[int], *, least: int = 3) -> int:" in changed


def test_every_mutant_of_the_core_is_another_program_that_parses(trial: ModuleType) -> None:
    for subject in trial.SUBJECTS.values():
        source = (ROOT / subject.module).read_text("utf-8")
        mutants = trial.mutants_of(Path(subject.module), source)
        assert len(mutants) > 50
        for mutant in mutants[::10]:
            assert ast.dump(ast.parse(mutant.applied(source))) != ast.dump(ast.parse(source))


def test_a_seed_draws_the_same_mutants(trial: ModuleType) -> None:
    one, again, other = (trial.drawn(["plan", "masks"], 10, seed) for seed in (4, 4, 5))

    assert one == again
    assert one != other
    assert len(trial.drawn(["plan"], 100_000, 0)) == len(trial.mutants_of(Path("p"), _source(trial, "plan")))


def _source(trial: ModuleType, name: str) -> str:
    return (ROOT / trial.SUBJECTS[name].module).read_text("utf-8")
