"""The miniature's tokenizer: CLIP's own class with a small vocabulary in which every caption word is one token.

Any other text still works: it falls back to bytes.
"""

from __future__ import annotations

import itertools
from collections import Counter

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

MAX_TOKENS = 32
VOCAB_SIZE = 2048
START, END = "<|startoftext|>", "<|endoftext|>"

# A fixed list rather than one gathered from the captions, so that the tokenizer never depends on the data at hand.
WORDS = """
easyphoto face person people man woman boy girl child adult young old middle aged elderly a an the of with and in on
at no not very photo portrait picture drawing close wide up shot head shoulders hair black brown blond blonde red
auburn ginger grey gray white dark light short long medium bald shaved cropped buzz cut curly wavy straight afro bob
bun ponytail braid braids fringe bangs parting side part left right centre center swept back spiky locks receding tied
loose shoulder length full thick thin eyes eye eyebrows brows brow blue green hazel amber narrow round large small
almond big wideset closeset set hooded nose broad flat pointed hooked button snub mouth lips lip smile smiling serious
neutral open closed laughing happy sad skin pale fair tan tanned olive deep warm cool rosy freckles mole moles scar
dimples wrinkles blush makeup lipstick beard moustache mustache stubble goatee sideburns clean shaven glasses
sunglasses earrings hat cap scarf oval square heart jaw chin cheeks cheekbones strong soft shirt tshirt t jumper
sweater hoodie jacket coat dress suit blouse collar tie turtleneck top vest striped checked plain dotted polo crew v
neck clothes wearing yellow orange pink purple violet teal turquoise cyan navy beige cream maroon gold silver khaki
lime mint magenta peach background wall gradient indoors outdoors room studio sky sea beach park forest mountain city
street window sunset night day snow garden field hills sunny cloudy dusk dawn lamp lit shadow hard bright dim lighting
facing looking turned tilted away front frontal profile style painted ink pencil crayon sketch watercolor watercolour
comic cartoon poster oil pastel grain photographic landscape lights calm stripes shapes painting photograph kid
teenager senior lady gentleman grinning frown surprised angry expression bokeh house tree trees cloud clouds hill
bridge building one two three 0 1 2 3 4 5 6 7 8 9 plum rose coral blurry ugly bad low high best quality worst
masterpiece realistic beautiful detailed deformed
"""


def build_tokenizer() -> CLIPTokenizer:
    merges = _learn_merges(sorted(set(WORDS.split())))
    alphabet = sorted(ByteLevel.alphabet())
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    tokens += [*dict.fromkeys(left + right for left, right in merges), START, END]
    tokens = list(dict.fromkeys(tokens))
    assert len(tokens) <= VOCAB_SIZE, len(tokens)
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,
        model_max_length=MAX_TOKENS,
    )


def _learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Plain byte-pair learning until every word is whole; ties go to the alphabetically first pair."""
    pieces = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while True:
        counts = Counter(pair for word in pieces for pair in itertools.pairwise(word))
        if not counts:
            return merges
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        pieces = [_merge(word, best) for word in pieces]


def _merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for piece in word:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged
