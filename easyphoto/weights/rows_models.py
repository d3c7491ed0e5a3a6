"""Catalogue rows: files that Stable Diffusion checkpoints need beside them."""

from easyphoto.weights.entries import Commercial, HubFile, ModelScopeFile, Variant, WeightFile

_YES, _NO, _UNKNOWN = Commercial.YES, Commercial.NO, Commercial.UNKNOWN
_CONTROLNET = "ControlNet 1.1 (lllyasviel), in half precision by comfyanonymous"
_CONTROLNET_HALF = "comfyanonymous/ControlNet-v1-1_fp16_safetensors"
_CONTROLNET_FULL = "lllyasviel/ControlNet-v1-1"
_COLLECTION = "lllyasviel/sd_control_collection"
_EASYPHOTO = "https://pai-aigc-photog.oss-cn-hangzhou.aliyuncs.com/webui"
_POSE_NOTE = "the usual landmarkers that draw its picture are non-commercial and not in this catalogue"


def _controlnet(id: str, *, sha256: str = "", bytes: int | None = None, note: str = "") -> WeightFile:
    """A ControlNet 1.1 for SD 1.5; web UIs keep it pickled in full precision, in half precision, or both."""
    half = f"{id}_fp16.safetensors"
    return WeightFile(
        id=id,
        path=f"controlnet/{half}",
        sources=(HubFile(_CONTROLNET_HALF, half), ModelScopeFile("licyks/controlnet_v1.1", half)),
        sha256=sha256,
        bytes=bytes,
        licence="OpenRAIL",
        commercial=_YES,
        origin=f"{_CONTROLNET}; {note}" if note else _CONTROLNET,
        needed_by="backends.controls (SD 1.5)",
        variants=(
            Variant(f"{id}.safetensors"),
            Variant(
                f"{id}.pth",
                sources=(HubFile(_CONTROLNET_FULL, f"{id}.pth"), ModelScopeFile(_CONTROLNET_FULL, f"{id}.pth")),
            ),
        ),
    )


CHECKPOINT_FILES = (
    WeightFile(
        id="clip-merges",
        path="tokenizer/clip_merges.txt.gz",
        sources=(),
        sha256="86520639f52873da4d61d697fb99b2db34afb2fc43b31ad6462c0cbc02567d7c",
        bytes=208_284,
        licence="MIT",
        commercial=_YES,
        origin="the merge table of OpenAI's CLIP; offered on hubs only as merges.txt, not packed",
        needed_by="backends.tokenizer (prompts of single-file checkpoints)",
        variants=(
            # The unpacked content; its git blob id, 76e821f1, is that of the hub's file.
            Variant(
                "merges.txt",
                sha256="9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a",
                bytes=524_619,
                sources=(
                    HubFile("openai/clip-vit-large-patch14", "merges.txt"),
                    HubFile("stable-diffusion-v1-5/stable-diffusion-v1-5", "tokenizer/merges.txt"),
                    ModelScopeFile("AI-ModelScope/clip-vit-large-patch14", "merges.txt"),
                ),
            ),
        ),
    ),
    WeightFile(
        id="vae-ft-mse",
        path="vae/vae-ft-mse-840000-ema-pruned.safetensors",
        sources=(HubFile("stabilityai/sd-vae-ft-mse-original", "vae-ft-mse-840000-ema-pruned.safetensors"),),
        sha256="735e4c3a447a3255760d7f86845f09f937809baa529c17370d83e4c3758f3c75",
        bytes=334_641_190,
        licence="MIT",
        commercial=_YES,
        origin="stabilityai/sd-vae-ft-mse-original",
        needed_by="backends (SD 1.5; better eyes than most checkpoints' own)",
        variants=(
            Variant(
                "vae-ft-mse-840000-ema-pruned.ckpt",
                sha256="c6a580b13a5bc05a5e16e4dbb80608ff2ec251a162311590c1f34c013d7f3dab",
            ),
        ),
    ),
    WeightFile(
        id="sdxl-vae-fp16-fix",
        path="vae/sdxl_vae_fp16_fix.safetensors",
        sources=(HubFile("madebyollin/sdxl-vae-fp16-fix", "sdxl_vae.safetensors"),),
        sha256="235745af8d86bf4a4c1b5b4f529868b37019a10f7c0b2e79ad0abca3a22bc6e1",
        bytes=334_641_162,
        licence="MIT",
        commercial=_YES,
        origin="madebyollin/sdxl-vae-fp16-fix",
        needed_by="backends (SDXL in half precision)",
        other_names=("sdxl_vae.safetensors", "sdxl.vae.safetensors", "madebyollin-sdxl-vae-fp16-fix.safetensors"),
    ),
    _controlnet("control_v11p_sd15_canny", sha256="8932b66e15aae835b3490dbf989f56c253104cee08a88bf21283762f557c9f10"),
    _controlnet(
        "control_v11f1e_sd15_tile",
        sha256="2f31868eedb243a77932e3c63907a6ba0a2058b6d65b5c27b89ee1b7f618ea33",
        bytes=722_601_104,
    ),
    WeightFile(
        id="control_sd15_random_color",
        path="controlnet/control_sd15_random_color.pth",
        sources=(
            f"{_EASYPHOTO}/control_sd15_random_color.pth",
            HubFile("ll00292007/easyphoto", "control_sd15_random_color.pth"),
        ),
        licence="not stated",
        commercial=_UNKNOWN,
        origin="EasyPhoto (PAI) of 2023; who trained it on what is not stated",
        needed_by="backends.controls (SD 1.5, kind color)",
        alternative="control_v11f1e_sd15_tile",
    ),
    _controlnet("control_v11p_sd15_openpose", note=_POSE_NOTE),
    WeightFile(
        id="diffusers_xl_canny_mid",
        path="controlnet/diffusers_xl_canny_mid.safetensors",
        sources=(HubFile(_COLLECTION, "diffusers_xl_canny_mid.safetensors"),),
        licence="OpenRAIL++",
        commercial=_YES,
        origin="diffusers/controlnet-canny-sdxl-1.0-mid, in half precision by lllyasviel",
        needed_by="backends.controls (SDXL)",
    ),
    WeightFile(
        id="thibaud_xl_openpose_256lora",
        path="controlnet/thibaud_xl_openpose_256lora.safetensors",
        sources=(
            HubFile(_COLLECTION, "thibaud_xl_openpose_256lora.safetensors"),
            HubFile("thibaud/controlnet-openpose-sdxl-1.0", "control-lora-openposeXL2-rank256.safetensors"),
        ),
        licence="OpenPose's (academic, non-commercial), says its card",
        commercial=_NO,
        origin=f"thibaud/controlnet-openpose-sdxl-1.0; {_POSE_NOTE}",
        needed_by="backends.controls (SDXL, kind openpose; without it the edges hold the pose)",
        alternative="diffusers_xl_canny_mid",
        other_names=("control-lora-openposeXL2-rank256.safetensors",),
    ),
)

FEW_STEP_FILES = (
    WeightFile(
        id="lcm-lora-sd15",
        path="lora/lcm-lora-sdv1-5.safetensors",
        sources=(HubFile("latent-consistency/lcm-lora-sdv1-5", "pytorch_lora_weights.safetensors"),),
        sha256="8f90d840e075ff588a58e22c6586e2ae9a6f7922996ee6649a7f01072333afe4",
        bytes=134_621_556,
        licence="OpenRAIL++",
        commercial=_YES,
        origin="latent-consistency/lcm-lora-sdv1-5",
        needed_by="setting `few_steps` lcm (SD 1.5)",
        other_names=("lcm_lora_sd15.safetensors", "lcm-lora-sd15.safetensors", "pytorch_lora_weights.safetensors"),
    ),
    WeightFile(
        id="lcm-lora-sdxl",
        path="lora/lcm-lora-sdxl.safetensors",
        sources=(HubFile("latent-consistency/lcm-lora-sdxl", "pytorch_lora_weights.safetensors"),),
        sha256="a764e6859b6e04047cd761c08ff0cee96413a8e004c9f07707530cd776b19141",
        bytes=393_855_224,
        licence="OpenRAIL++",
        commercial=_YES,
        origin="latent-consistency/lcm-lora-sdxl",
        needed_by="setting `few_steps` lcm (SDXL)",
        other_names=("lcm_lora_sdxl.safetensors", "pytorch_lora_weights.safetensors"),
    ),
    WeightFile(
        id="hyper-sd15-8step",
        path="lora/Hyper-SD15-8steps-lora.safetensors",
        sources=(HubFile("ByteDance/Hyper-SD", "Hyper-SD15-8steps-lora.safetensors"),),
        licence="OpenRAIL++",
        commercial=_YES,
        origin="ByteDance/Hyper-SD",
        needed_by="setting `few_steps` hyper (SD 1.5)",
    ),
    WeightFile(
        id="hyper-sdxl-8step",
        path="lora/Hyper-SDXL-8steps-lora.safetensors",
        sources=(HubFile("ByteDance/Hyper-SD", "Hyper-SDXL-8steps-lora.safetensors"),),
        licence="OpenRAIL++",
        commercial=_YES,
        origin="ByteDance/Hyper-SD",
        needed_by="setting `few_steps` hyper (SDXL)",
    ),
    WeightFile(
        id="lightning-sdxl-8step",
        path="lora/sdxl_lightning_8step_lora.safetensors",
        sources=(
            HubFile("ByteDance/SDXL-Lightning", "sdxl_lightning_8step_lora.safetensors"),
            ModelScopeFile("AI-ModelScope/SDXL-Lightning", "sdxl_lightning_8step_lora.safetensors"),
        ),
        licence="OpenRAIL++",
        commercial=_YES,
        origin="ByteDance/SDXL-Lightning",
        needed_by="setting `few_steps` lightning (SDXL)",
    ),
)
