"""Writes the tables of settings and weights into README.md, between their markers; tests hold them up to date."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from easyphoto.cli.options import settings_table
from easyphoto.settings import FaceSettings, InferenceSettings, PreprocessSettings, TrainSettings, WeightSettings
from easyphoto.weights.tables import weights_table

ROOT = Path(__file__).resolve().parent.parent
KINDS = (WeightSettings, FaceSettings, PreprocessSettings, TrainSettings, InferenceSettings)


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    tables = {kind.__name__: settings_table(kind) for kind in KINDS} | {"weights": weights_table()}
    for name, lines in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        table = "\n".join(lines)
        text = re.sub(f"{begin}.*?{end}", lambda _, new=f"{begin}\n{table}\n{end}": new, text, flags=re.DOTALL)
    readme.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
