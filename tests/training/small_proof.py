"""What `easyphoto.training.proof` says of a real environment, said of the one that test_environment makes."""

import importlib.util
import json
import sys
from importlib.metadata import version
from pathlib import Path

import small_package  # type: ignore[import-not-found]
import torch

seen = [name for name in ("xformers", "sympy") if importlib.util.find_spec(name)]
versions = {"torch": version("torch"), "small_package": small_package.VERSION, "seen": ",".join(seen)}
found = {"versions": versions, "torch": str(Path(torch.__file__).parent), "conflicts": []}
sys.stdout.write(json.dumps(found) + "\n")
