"""Measure the identity adapter as the likeness bench measures its repainting arms: unseen people, two templates each.

    python tools/miniature/identity_measure.py --first 0 --people 10

Members 20 to 29 of the bench's people chose the checkpoint and the options; report others. The engine detects and
embeds as the product does, the LoRA is applied by the product, the judge's networks are used by nothing else.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faces_threads  # noqa: F401  (one thread each)
import numpy as np
import torch
from faces_configs import FACES, ROOT
from identity_adapter import LORA_FILE, FaceAttention, read_attention
from identity_data import unit

from easyphoto.backends.folders import base_model
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import LocalBackend
from easyphoto.bench.judge import Judge, open_judge
from easyphoto.bench.likeness import bootstrap, leave_one_out, other_pictures_of
from easyphoto.bench.persons import BenchPerson, draw_member
from easyphoto.bench.rehearsal import Rehearsal
from easyphoto.faces.drawn_engine import DrawnEngine
from easyphoto.images.pictures import as_picture, write_picture
from easyphoto.inference.session import PipelineModels
from easyphoto.inference.subject import Subject
from easyphoto.progress import NullProgress

SHIPPED = ROOT / "models" / "miniature" / "identity"
ARMS = {"none": (False, False), "own": (True, True), "one": (True, True), "other": (True, True),
        "tokens": (True, False), "lora": (False, True)}  # fmt: skip
"""Arm → whether it has tokens, and the LoRA. `one` sees one photo, `other` another person's vector."""


@dataclass(frozen=True, eq=False)
class Sitter:
    """A person of the bench as the adapter and the judge see them."""

    member: BenchPerson
    rehearsal: Rehearsal
    mean: np.ndarray
    one: np.ndarray
    person: np.ndarray
    strangers: tuple[np.ndarray, ...]
    held_out: float


def sitters(first: int, people: int, backend: LocalBackend, autoencoder: Any, judge: Judge) -> Iterator[Sitter]:
    engine = DrawnEngine(FACES)
    family, _ = base_model("miniature")
    for index in range(first, first + people):
        member = draw_member(index)
        photos = [as_picture(drawing.image) for drawing in member.photos]
        found = [engine.embed(photo, faces[0]) for photo in photos if (faces := engine.detect(photo))]
        vectors = [vector for vector in found if vector is not None]
        held_out = [(drawing.image, drawing.faces[0].points) for drawing in member.held_out]
        yield Sitter(
            member=member,
            rehearsal=Rehearsal(
                *(Subject("sitter", photos[0]),) * 4,
                Path(),
                Path(),
                (),
                family,
                PipelineModels(backend, engine),
                autoencoder,
            ),
            mean=unit(np.mean(vectors, axis=0)),
            one=vectors[0],
            person=judge.mean_embedding(held_out),
            strangers=tuple(judge.mean_embedding(other_pictures_of(template)) for template in member.templates),
            held_out=leave_one_out(judge, held_out),
        )


def vector_of(arm: str, sitter: Sitter, other: Sitter) -> torch.Tensor:
    vector = {"one": sitter.one, "other": other.mean}.get(arm, sitter.mean)
    return torch.from_numpy(np.stack([np.zeros_like(vector), vector])).float()


def performed(
    arm: str, everybody: list[Sitter], attention: FaceAttention, lora: Path, judge: Judge, pictures: Path | None
) -> list[list[tuple[float, float]]]:
    """For each person and template the cosines to the person and to the template's stranger."""
    has_tokens, has_lora = ARMS[arm]
    scores: list[list[tuple[float, float]]] = []
    for number, sitter in enumerate(everybody):
        other = everybody[(number + 1) % len(everybody)]
        with torch.no_grad():
            attention.show(vector_of(arm, sitter, other) if has_tokens else None)
        scores.append([])
        for place, template in enumerate(sitter.member.templates):
            made = sitter.rehearsal.repaint(as_picture(template.image), lora if has_lora else None, NullProgress())
            found = judge.embedding(made, template.faces[0].points)
            scores[-1].append((float(found @ sitter.person), float(found @ sitter.strangers[place])))
            if pictures:
                write_picture(pictures / f"{sitter.member.seed}-{place}-{arm}.png", as_picture(made))
    attention.show(None)
    return scores


def figures(scores: list[list[tuple[float, float]]], none: list[list[tuple[float, float]]]) -> dict[str, Any]:
    person, template, bare = (
        [float(np.mean([pair[side] for pair in pairs])) for pairs in part]
        for part, side in ((scores, 0), (scores, 1), (none, 0))
    )
    return {
        "to person": str(bootstrap(person)),
        "to template": str(bootstrap(template)),
        "nearer to person": sum(pair[0] > pair[1] for pairs in scores for pair in pairs),
        "minus none": str(bootstrap([one - two for one, two in zip(person, bare, strict=True)])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapter", type=Path, default=SHIPPED)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=tuple(ARMS))
    parser.add_argument("--weight", type=float, default=1.0, help="of the tokens")
    parser.add_argument("--pictures", type=Path, help="folder for what was painted")
    arguments = parser.parse_args()
    family, base = base_model("miniature")
    parts = load_components(family, base, dtype=torch.float32, device="cpu")
    backend, judge = LocalBackend(parts, base), open_judge()
    attention = read_attention(arguments.adapter, parts.unet, arguments.weight)
    everybody = list(sitters(arguments.first, arguments.people, backend, parts.vae, judge))
    held_out = [sitter.held_out for sitter in everybody]
    print(json.dumps({"held-out photo": str(bootstrap(held_out))}), flush=True)
    none: list[list[tuple[float, float]]] = []
    for arm in ("none", *(arm for arm in arguments.arms if arm != "none")):
        scores = performed(arm, everybody, attention, arguments.adapter / LORA_FILE, judge, arguments.pictures)
        none = none or scores
        print(json.dumps({arm: figures(scores, none)}), flush=True)


if __name__ == "__main__":
    main()
