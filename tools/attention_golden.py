"""Takes one denoising step with the attention processors of IP-Adapter's, InstantID's and PuLID's authors and prints
the numbers that tests/backends/face_steps.py holds as `GOLDEN`.

The checkouts are only read and run here: https://github.com/tencent-ailab/IP-Adapter at 62e4af9,
https://github.com/instantX-research/InstantID at 2145b67, https://github.com/ToTheBeginning/PuLID at 1aa2fc7.

From the repository's root, with the environment's Python:
python tools/attention_golden.py --ip-adapter FOLDER --instantid FOLDER --pulid FOLDER
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from tests.backends.face_steps import COUNT, UNETS, WEIGHT, layers_of, small_unet, step, tokens_of, told, words_of

PULID = {"off": (0, False, False), "v1": (16, True, False), "v2": (8, False, True)}
"""Form → number of zero tokens, and the two switches of PuLID's module."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ip-adapter", "instantid", "pulid"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for unet in UNETS:
        for name, folder in (("ip-adapter", arguments.ip_adapter), ("instantid", arguments.instantid)):
            module = _module(folder / "ip_adapter" / "attention_processor.py")
            print(f'    "{name} {unet}": {told(_ip_adapter(module, small_unet(unet)))},')
        module = _module(arguments.pulid / "pulid" / "attention_processor.py")
        for form, (zeros, first, second) in PULID.items():
            module.NUM_ZERO, module.ORTHO, module.ORTHO_v2 = zeros, first, second
            print(f'    "pulid {form} {unet}": {told(_pulid(module, small_unet(unet)))},')


def _module(file: Path) -> Any:
    found = importlib.util.spec_from_file_location("original", file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _ip_adapter(module: Any, unet: Any) -> torch.Tensor:
    """The authors hand the tokens over behind the words."""
    own = {"scale": WEIGHT, "num_tokens": COUNT}
    _fill(unet, module.AttnProcessor2_0, module.IPAttnProcessor2_0, own, names=("to_k_ip", "to_v_ip"))
    return step(unet, words=torch.cat([words_of(unet), tokens_of(unet)], dim=1))


def _pulid(module: Any, unet: Any) -> torch.Tensor:
    _fill(unet, module.AttnProcessor2_0, module.IDAttnProcessor2_0, {}, names=("id_to_k", "id_to_v"))
    return step(unet, id_embedding=tokens_of(unet), id_scale=WEIGHT)


def _fill(unet: Any, plain: Any, kind: Any, own: dict[str, Any], *, names: tuple[str, str]) -> None:
    layers, processors = layers_of(unet), {}
    for number, name in enumerate(unet.attn_processors):
        attention = unet.get_submodule(name.removesuffix(".processor"))
        if number not in layers:
            processors[name] = plain()
            continue
        processors[name] = kind(attention.inner_dim, attention.cross_attention_dim, **own)
        state = {f"{each}.weight": matrix for each, matrix in zip(names, layers[number], strict=True)}
        processors[name].load_state_dict(state)
    unet.set_attn_processor(processors)


if __name__ == "__main__":
    main()
