"""Stable Diffusion 1.5."""

from __future__ import annotations

from types import MappingProxyType

from easyphoto.architectures.base import (
    CLIP_L,
    FACEID_ALONE,
    FACEID_BESIDE,
    PICTURES_ALONE,
    PICTURES_BESIDE,
    Activations,
    Family,
    FewSteps,
    IdentityModels,
    LearningDefaults,
    PictureActivations,
)

SD15 = Family(
    id="sd15",
    label="Stable Diffusion 1.5",
    short="SD 1.5",
    words_width=768,
    text_encoders=(CLIP_L,),
    activations=Activations(556_032, 128_544, 388_948, 90_096),
    painting=PictureActivations(10_680, 49_156),
    resolution=512,
    crop_factor=3.0,
    latent_multiple=8,
    smallest_face=128,
    training_steps=800,
    learning_rate=1e-4,
    rank=128,
    alpha=64,
    first_steps=50,
    second_steps=20,
    first_cfg=7.0,
    controls=MappingProxyType(
        {
            "canny": "control_v11p_sd15_canny",
            "tile": "control_v11f1e_sd15_tile",
            "color": "control_sd15_random_color",
            "openpose": "control_v11p_sd15_openpose",
        }
    ),
    first_controls=(("canny", 0.50), ("openpose", 0.50), ("color", 0.85)),
    second_controls=(("canny", 1.0), ("tile", 1.0)),
    # A room has more to learn than a face, at a finer grain: the numbers of the 2023 extension.
    kinds=MappingProxyType({"scene": LearningDefaults(resolution=768, rank=256, alpha=128)}),
    few_steps=MappingProxyType(
        {
            "lcm": FewSteps("lcm-lora-sd15", steps=8, cfg=1.5, sampler="LCM"),
            "hyper": FewSteps("hyper-sd15-8step", steps=8, cfg=1.0, sampler="DDIM trailing"),
        }
    ),
    identities=MappingProxyType(
        {
            "ip-adapter": IdentityModels(
                "ip-adapter-plus-face-sd15", encoder="clip-vit-h", alone=PICTURES_ALONE, beside=PICTURES_BESIDE
            ),
            "ip-adapter-full": IdentityModels(
                "ip-adapter-full-face-sd15", encoder="clip-vit-h", alone=PICTURES_ALONE, beside=PICTURES_BESIDE
            ),
            "faceid": IdentityModels(
                "ip-adapter-faceid-sd15",
                embedder="buffalo_l",
                lora="ip-adapter-faceid-sd15-lora",
                alone=FACEID_ALONE,
                beside=FACEID_BESIDE,
            ),
            "faceid-plus": IdentityModels(
                "ip-adapter-faceid-plusv2-sd15",
                embedder="buffalo_l",
                encoder="clip-vit-h",
                lora="ip-adapter-faceid-plusv2-sd15-lora",
                alone=FACEID_ALONE,
                beside=FACEID_BESIDE,
            ),
        }
    ),
    vae="vae-ft-mse",
    files=(
        "clip-merges",
        "vae-ft-mse",
        "control_v11p_sd15_canny",
        "control_v11f1e_sd15_tile",
        "control_sd15_random_color",
        "control_v11p_sd15_openpose",
    ),
    positive="best quality, masterpiece, realistic, detailed face",
    positive_thing="best quality, masterpiece, realistic",
    negative="worst quality, low quality, blurry, deformed, extra limbs",
    artwork=("best quality, masterpiece, detailed face", "worst quality, low quality, deformed, extra limbs"),
)
