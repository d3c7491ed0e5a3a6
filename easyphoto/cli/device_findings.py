"""What `doctor` finds about devices: the cards, what `--devices auto` makes of them, and whether torch sees them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from easyphoto.devices import AUTO, CPU, CUDA, GIB, VISIBLE, Card, cards, groups_of
from easyphoto.parallel import cores


def device_lines() -> Iterator[str]:
    """Yield the findings, one line each; problems begin with `!`."""
    found = cards()
    yield from map(card_line, found)
    yield f"  processor {CPU}: {cores()} cores"
    lanes = ", ".join(group.name for group in groups_of(AUTO, found))
    yield f"  --devices {AUTO}: {lanes}{', one job at a time on each' if len(found) > 1 else ''}"
    yield from _torch_lines(found)
    yield _ray_line()


def card_line(card: Card) -> str:
    memory = f", {card.memory / GIB:.1f} GiB, {card.free / GIB:.1f} GiB free" if card.memory else ""
    return f"  graphics card {CUDA}:{card.number}: {card.name}{memory}"


def _torch_lines(found: Sequence[Card]) -> Iterator[str]:
    try:
        import torch
    except ImportError:  # said with the other packages
        return
    threads = f"{torch.get_num_threads()} threads; OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}"
    yield f"  torch: {threads}"
    seen, is_built_for_cards = torch.cuda.device_count(), torch.version.cuda is not None
    if seen < len(found):
        yield f"! torch sees {seen} of the {len(found)} graphics cards: {_cause(is_built_for_cards)}"
    elif seen > max(1, len(found)):
        # Such as AMD's, whose torch calls them cuda, too. A single one is used without being named.
        named = ",".join(f"{CUDA}:{number}" for number in range(seen))
        yield (
            f"! torch sees {seen} graphics cards, nvidia-smi {len(found)}, so that --devices {AUTO} "
            f"does not use them all: write --devices {named}"
        )


def _cause(is_built_for_cards: bool) -> str:
    if not is_built_for_cards:
        return (
            "it is a build for the processor alone. Install torch with CUDA into this Python; beside start.py, delete "
            ".venv and run it again"
        )
    said = os.environ.get(VISIBLE)
    if said is not None:
        return f"the environment sets {VISIBLE}={said}. Name cards there that nvidia-smi lists, or unset it"
    import torch

    return f"its CUDA {torch.version.cuda} may be later than the driver. Update the driver, and start the machine again"


def _ray_line() -> str:
    try:
        return f"  ray {version('ray')}: --cluster can be used"
    except PackageNotFoundError:
        return "  ray is not installed; only --cluster needs it: pip install easyphoto[ray]"
