"""What `tools/identity_golden.py` asks the original implementations, and the golden test asks ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.backends import adapter_states as states

Looked = tuple[float, ...]
WORDS = 64


@dataclass(frozen=True)
class Case:
    kind: str
    projection: states.Shapes
    seed: int
    tokens: int
    words: int = WORDS
    width: int = 0
    """Of a resampler."""
    heads: int = 0
    taken: int = states.PICTURE
    deviation: float = 0.15
    second: bool = True
    """For FaceID-Plus: the second version."""


CASES = {
    "plus-face": Case("ip-adapter-plus", states.resampler(96, 1280, WORDS, heads=3), 21, 16, width=96, heads=3),
    "full-face": Case("ip-adapter-full", states.full(WORDS), 22, 257, deviation=0.05),
    "faceid": Case("faceid", states.faceid(WORDS), 23, 4),
    "faceid-portrait": Case("faceid-portrait", states.faceid(WORDS, tokens=16), 24, 16),
    "faceid-plus": Case("faceid-plus", states.faceid_plus(WORDS), 25, 4, second=False),
    "faceid-plusv2": Case("faceid-plus", states.faceid_plus(WORDS), 25, 4),
    "instantid": Case("instantid", states.resampler(160, 512, WORDS, heads=2), 26, 16, width=160, heads=2, taken=512),
}


def inputs(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A raw vector (1, 512) of length about 20, hidden states of a photo and of nothing (1, 257, 1280), float32."""
    random = np.random.RandomState(100 + case.seed)
    vector, photo, blank = (random.standard_normal(shape) for shape in ((1, 512), (1, 257, 1280), (1, 257, 1280)))
    return (vector * 0.9).astype(np.float32), photo.astype(np.float32), blank.astype(np.float32)


def looked_at(tokens: np.ndarray) -> Looked:
    """Nine numbers of (1, tokens, words): three of the first token, three of a middle one, three of the last."""
    middle = tokens.shape[1] // 2
    places = [(token, word) for token in (0, middle, -1) for word in (0, 31, -1)]
    return tuple(round(float(tokens[0, token, word]), 6) for token, word in places)
