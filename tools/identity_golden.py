"""Expected tokens of identity adapters, from the original implementations: the numbers in
tests/backends/test_face_tokens_golden.py.

It takes the folders of two checkouts, tencent-ailab/IP-Adapter and InstantID/InstantID, and holds nothing of their
code: it makes their modules at a small width, fills them from `tests.backends.adapter_states` and prints what they say.
They want `einops`, which EasyPhoto does not:

    pip install --target EINOPS einops
    PYTHONPATH=.:EINOPS python tools/identity_golden.py IP-ADAPTER INSTANTID
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from tests.backends import adapter_states as states
from tests.backends.golden_faces import CASES, Case, Looked, inputs, looked_at


@contextmanager
def original(checkout: Path) -> Iterator[ModuleType]:
    """The package `ip_adapter` of a checkout: both of them have one."""
    import diffusers.pipelines.controlnet as moved

    # The originals import this name from where diffusers had it until 0.33, and use it for nothing that is asked here.
    if not hasattr(moved, "MultiControlNetModel"):
        moved.MultiControlNetModel = object
    sys.path.insert(0, str(checkout))
    try:
        yield importlib.import_module("ip_adapter.resampler")
    finally:
        sys.path.remove(str(checkout))
        for name in [name for name in sys.modules if name.split(".")[0] == "ip_adapter"]:
            del sys.modules[name]


def built(case: Case, resampler: ModuleType) -> Any:
    """The original's own module for that kind, under the widths of the test."""
    if case.kind in ("ip-adapter-plus", "instantid"):
        return resampler.Resampler(
            dim=case.width, depth=4, dim_head=states.HEAD, heads=case.heads, num_queries=16,
            embedding_dim=case.taken, output_dim=case.words, ff_mult=4,
        )  # fmt: skip
    if case.kind == "ip-adapter-full":
        module = importlib.import_module("ip_adapter.ip_adapter")
        return module.MLPProjModel(cross_attention_dim=case.words, clip_embeddings_dim=case.taken)
    module = importlib.import_module("ip_adapter.ip_adapter_faceid")
    if case.kind == "faceid-plus":
        return module.ProjPlusModel(cross_attention_dim=case.words, id_embeddings_dim=512, clip_embeddings_dim=1280)
    return module.MLPProjModel(cross_attention_dim=case.words, id_embeddings_dim=512, num_tokens=case.tokens)


@torch.no_grad()
def said(case: Case, network: Any) -> tuple[Looked, Looked]:
    """Samples of the tokens of one photo and of nobody, given as the original's pipelines give them."""
    vector, photo, blank = inputs(case)
    raw = torch.from_numpy(vector)
    unit = torch.nn.functional.normalize(raw, dim=1)
    nobody = torch.zeros_like(raw)
    match case.kind:
        case "ip-adapter-plus" | "ip-adapter-full":
            both = network(torch.from_numpy(photo)), network(torch.from_numpy(blank))
        case "instantid":
            both = network(raw.reshape(1, -1, 512)), network(nobody.reshape(1, -1, 512))
        case "faceid-plus":
            how = {"shortcut": case.second, "scale": 1.0}
            both = network(unit, torch.from_numpy(photo), **how), network(nobody, torch.from_numpy(blank), **how)
        case _:
            both = network(unit), network(nobody)
    return looked_at(both[0].numpy()), looked_at(both[1].numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ip_adapter", type=Path)
    parser.add_argument("instantid", type=Path)
    given = parser.parse_args()
    print("EXPECTED: dict[str, tuple[Looked, Looked]] = {")
    for name, case in CASES.items():
        with original(given.instantid if case.kind == "instantid" else given.ip_adapter) as resampler:
            network = built(case, resampler).eval()
            network.load_state_dict(states.tensors(case.projection, case.seed, deviation=case.deviation), strict=True)
            positive, negative = said(case, network)
        print(f"    {name!r}: (\n        {positive},\n        {negative},\n    ),")
    print("}")


if __name__ == "__main__":
    main()
