"""The walls of the house: who may import whom, and what stays out of memory until it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "easyphoto"
# The floors of ARCHITECTURE.md, from the lowest. A part imports only from lower ones, and from itself.
LAYERS = (
    {"messages", "progress", "geometry", "machine", "drawings", "parallel"},
    {"errors", "model_cache", "spelling"},
    {"settings", "architectures", "storage", "devices"},
    {"images", "weights", "workspace"},
    {"faces", "backends", "restoration"},
    {"preprocess", "training", "inference", "host"},
    {"report", "persons", "app"},
    {"commands"},
    {"bench", "jobs"},
    {"ui", "api", "cluster"},
    {"cli", "webui"},
)
HEAVY = {
    "torch", "diffusers", "transformers", "peft", "onnxruntime", "accelerate", "safetensors", "spandrel", "insightface",
}  # fmt: skip
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}
# Only loaded by what decides to run a network: the worker, or a function that says what it costs.
NETWORKS = {
    "restoration/drawn.py", "faces/networks.py", "faces/drawn_analysis.py", "faces/drawn_engine.py",
    "faces/retinaface.py",
    "faces/curricular.py", "bench/judge.py", "bench/rehearsal.py", "bench/trainer.py", "bench/operators.py",
    "bench/gpu/steps.py",
}  # fmt: skip
NETWORK_FOLDERS = {"backends", "training"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from (
                [f"easyphoto.{alias.name}" for alias in node.names] if node.module == "easyphoto" else [node.module]
            )


def at_top(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from imported(node)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_left(path: Path):
    part = part_of(path)
    assert part in RANK, f"{part} has no place in the line: add it to LAYERS and to ARCHITECTURE.md"

    for name in imported(ast.parse(path.read_text("utf-8"))):
        words = name.split(".")
        if words[0] != "easyphoto" or len(words) == 1 or words[1] in (part, "__version__"):
            continue
        assert RANK[words[1]] < RANK[part], f"{part} imports {words[1]}, which is not to its left"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_webui_imports_the_host(path: Path):
    names = set(imported(ast.parse(path.read_text("utf-8"))))

    hosts = {name for name in names if name.split(".")[0] in ("modules", "launch", "modules_forge")}
    assert not hosts or part_of(path) == "webui"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_late(path: Path):
    if part_of(path) in NETWORK_FOLDERS or path.relative_to(PACKAGE).as_posix() in NETWORKS:
        return

    tops = {name.split(".")[0] for name in at_top(ast.parse(path.read_text("utf-8")))}

    assert not tops & HEAVY


@pytest.mark.parametrize(
    "module",
    [
        "easyphoto.__main__",
        "easyphoto.cli.commands",
        "easyphoto.app",
        "easyphoto.jobs.answers",
        "easyphoto.training.job",
    ],
)
def test_importing_it_loads_no_network_library(module: str):
    code = f"import sys, {module}; print(sorted({HEAVY!r} & set(sys.modules)))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)

    assert said.stdout.strip() == "[]"


def test_ray_is_imported_by_the_cluster_alone_and_the_cluster_by_its_option_alone():
    importing = {
        path.relative_to(PACKAGE).as_posix(): {".".join(name.split(".")[:2]) for name in found} | {*found}
        for path in modules()
        for found in [tuple(imported(ast.parse(path.read_text("utf-8"))))]
    }

    assert {path for path, names in importing.items() if "ray" in names} == {"cluster/joining.py"}
    users = {path for path, names in importing.items() if "easyphoto.cluster" in names}
    assert {path for path in users if not path.startswith("cluster/")} == {"cli/ui.py"}
    tops = set(at_top(ast.parse((PACKAGE / "cli/ui.py").read_text("utf-8"))))
    assert not [name for name in tops if name.startswith("easyphoto.cluster")]


def test_files_are_locked_in_one_place():
    locking = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if {"fcntl", "msvcrt", "filelock"} & set(imported(ast.parse(path.read_text("utf-8"))))
    }

    assert locking == {"storage/files.py", "storage/locks.py"}


def test_nothing_in_the_package_prints():
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            assert not is_print, f"{path} prints"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_family_is_named_only_where_it_is_declared(path: Path):
    """Everybody else asks the registry or the value: a fourth family is a module and a line."""
    if part_of(path) == "architectures":
        return
    tree = ast.parse(path.read_text("utf-8"))

    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    own = {f"easyphoto.architectures.{name}" for name in ("base", "header", "registry")}
    declared = {name for name in imported(tree) if name.startswith("easyphoto.architectures")} - own

    assert not texts & {"miniature", "sd15", "sdxl"}
    assert not declared


def modules_imported(path: Path, known: frozenset[str]) -> frozenset[str]:
    """The package's modules that this one imports, late imports among them, and those for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found & known)


def circles(imports: dict[str, frozenset[str]]) -> list[str]:
    """The modules from which a way of imports leads back to themselves."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            fresh = imports[waiting.pop()] - seen
            seen |= fresh
            waiting += fresh
        return seen

    return sorted(name for name in imports if name in reached(name))


def test_no_module_imports_itself_through_others():
    named = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in modules()}
    known = frozenset(named)

    assert circles({name: modules_imported(path, known) for name, path in named.items()}) == []


def test_a_circle_is_found():
    imports = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("b"), "d": frozenset("ab")}

    assert circles(imports) == ["b", "c"]
