"""Stable Diffusion XL."""

from __future__ import annotations

from types import MappingProxyType

from easyphoto.architectures.base import (
    FACEID_ALONE,
    FACEID_BESIDE,
    PICTURES_ALONE,
    PICTURES_BESIDE,
    Activations,
    EncoderNames,
    Family,
    FewSteps,
    IdentityModels,
    IdentityWeights,
    PictureActivations,
    TextEncoder,
)

SDXL = Family(
    id="sdxl",
    label="Stable Diffusion XL",
    short="SDXL",
    words_width=2048,
    text_encoders=(
        TextEncoder(
            "text_encoder",
            "tokenizer",
            "conditioner.embedders.0.transformer.",
            ("lora_te1_", "lora_te_"),
            layer=-2,
        ),
        TextEncoder(
            "text_encoder_2",
            "tokenizer_2",
            "conditioner.embedders.1.model.",
            ("lora_te2_",),
            names=EncoderNames.OPEN_CLIP,
            pad="!",
            layer=-2,
            pools=True,
        ),
    ),
    blank_is_zero=True,
    activations=Activations(920_533, 91_933, 612_034, 53_880),
    painting=PictureActivations(6_920, 49_156),
    resolution=1024,
    crop_factor=3.0,
    latent_multiple=8,
    smallest_face=256,
    training_steps=600,
    learning_rate=1e-4,
    rank=32,
    alpha=16,
    first_steps=40,
    second_steps=20,
    first_cfg=7.0,
    controls=MappingProxyType({"canny": "diffusers_xl_canny_mid", "openpose": "thibaud_xl_openpose_256lora"}),
    # Nobody publishes a tile or colour ControlNet for SDXL under a clear licence, so edges alone hold the border.
    first_controls=(("canny", 0.50), ("openpose", 0.50)),
    second_controls=(("canny", 1.0),),
    joint_controls=(("canny", 1.0),),
    identities=MappingProxyType(
        {
            "ip-adapter": IdentityModels(
                "ip-adapter-plus-face-sdxl", encoder="clip-vit-h", alone=PICTURES_ALONE, beside=PICTURES_BESIDE
            ),
            "faceid": IdentityModels(
                "ip-adapter-faceid-sdxl",
                embedder="buffalo_l",
                lora="ip-adapter-faceid-sdxl-lora",
                alone=FACEID_ALONE,
                beside=FACEID_BESIDE,
            ),
            "faceid-plus": IdentityModels(
                "ip-adapter-faceid-plusv2-sdxl",
                embedder="buffalo_l",
                encoder="clip-vit-h",
                lora="ip-adapter-faceid-plusv2-sdxl-lora",
                alone=FACEID_ALONE,
                beside=FACEID_BESIDE,
            ),
            "instantid": IdentityModels(
                "instantid-adapter",
                embedder="antelopev2",
                control="instantid-controlnet",
                # Its authors take 0.8 and 0.8; the 2023 extension 0.5 and 0.5 beside a LoRA.
                alone=(IdentityWeights(0.8, control=0.5),) * 2,
                beside=(IdentityWeights(0.5, control=0.5),) * 2,
            ),
        }
    ),
    few_steps=MappingProxyType(
        {
            "lcm": FewSteps("lcm-lora-sdxl", steps=8, cfg=1.5, sampler="LCM"),
            "hyper": FewSteps("hyper-sdxl-8step", steps=8, cfg=1.0, sampler="DDIM trailing"),
            "lightning": FewSteps("lightning-sdxl-8step", steps=8, cfg=1.0, sampler="Euler trailing"),
        }
    ),
    drawing_size=(832, 1216),
    vae="sdxl-vae-fp16-fix",
    files=("clip-merges", "sdxl-vae-fp16-fix", "diffusers_xl_canny_mid"),
    positive="photograph, detailed face, natural skin, sharp focus",
    positive_thing="photograph, sharp focus",
    negative="blurry, deformed, painting, drawing, cartoon, plastic skin",
    artwork=("detailed face", "deformed, photograph"),
    kohya_version="sdxl_base_v1-0",
    architecture="stable-diffusion-xl-v1-base/lora",
)
