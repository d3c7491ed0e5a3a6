"""Writes the settings tables into README.md, between their markers; a test holds that they are up to date."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from easyphoto.cli.options import settings_table
from easyphoto.settings import InferenceSettings, PreprocessSettings, TrainSettings

ROOT = Path(__file__).resolve().parent.parent
KINDS = (PreprocessSettings, TrainSettings, InferenceSettings)


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    for kind in KINDS:
        begin, end = f"<!-- {kind.__name__} -->", f"<!-- end of {kind.__name__} -->"
        table = "\n".join(settings_table(kind))
        text = re.sub(f"{begin}.*?{end}", lambda _, new=f"{begin}\n{table}\n{end}": new, text, flags=re.DOTALL)
    readme.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
