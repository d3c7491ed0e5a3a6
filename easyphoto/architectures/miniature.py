"""The miniature, a small model that draws people and ships with EasyPhoto."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from easyphoto.architectures.base import (
    CLIP_L,
    Activations,
    Family,
    IdentityModels,
    IdentityWeights,
    PictureActivations,
)

MINIATURE = Family(
    id="miniature",
    label="Miniature (draws people, ships with EasyPhoto)",
    short="the miniature",
    words_width=128,
    # It needs the tokenizer in its folder, so a single file would not be enough.
    text_encoders=(replace(CLIP_L, prefix=None),),
    activations=Activations(43_060, 8_312, 31_292, 6_276),
    painting=PictureActivations(2_463, 6_168),
    resolution=128,
    crop_factor=1.45,
    latent_multiple=8,
    smallest_face=32,
    training_steps=500,
    learning_rate=6e-3,
    # Its tensors are so small that a second thread costs more than it gains: 500 steps took 97 s on two, 45 s on one.
    threads=1,
    rank=16,
    alpha=8,
    first_steps=20,
    second_steps=12,
    first_cfg=3.0,
    # On 24 drawn pairs the likeness is the same from 0.05 to 0.3; from 0.2 on, skin beside the fused face is mottled.
    # Without the photo it is 0.19, 0.40, 0.43 and 0.39 at 0.3, 0.6, 0.75 and 0.9 (8 pairs).
    first_strength=0.15,
    unfused_strength=0.60,
    second_strength=0.0,
    validation_cfg=3.0,
    controls=MappingProxyType({"canny": "canny", "facepoints": "facepoints", "color": "tile", "tile": "tile"}),
    first_controls=(("canny", 0.50), ("facepoints", 0.50), ("color", 0.85)),
    second_controls=(("canny", 1.0), ("tile", 1.0)),
    identities=MappingProxyType(
        {
            "faceid": IdentityModels(
                "faceid",
                embedder="miniature-embedder-1",
                lora="faceid_lora",
                alone=(IdentityWeights(1.0, lora=1.0),) * 2,
                beside=(IdentityWeights(0.5, lora=0.5),) * 2,
            )
        }
    ),
    kohya_version="easyphoto_miniature",
    architecture="easyphoto-miniature/lora",
    embedded="miniature",
    # Those of every version up to 0.12.0.
    first_weights="0660cfa633bf040609c68ce63eb406d8c3a4e85eaee9b63a711ded87cda8acdc",
    # A cup on seven templates with three seeds: of 0.7, 0.8, 0.9 and 1.0 it fills 30, 33, 37 and 44 % of the mask. It
    # is whole at a factor of 1.25, cut off by the mask at 1.5, and not there at 1.8: the miniature knows pictures that
    # one thing fills, and no other backgrounds than those of its people.
    place_strength=1.0,
    place_factor=1.25,
    cuts_out=True,
    only_draws=True,
    # Of 16 drawings at 128×160 about a third had doubled features, at 128×128 few. The guidance was chosen by eye.
    drawing_size=(128, 128),
    drawing_cfg=5.0,
    # It knows neither the word for it nor anybody who looks away; 32 tokens are all that it reads.
    drawing_words="",
    restorer="drawn",
)
