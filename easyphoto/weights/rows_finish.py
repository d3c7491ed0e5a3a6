"""Catalogue rows: networks that restore, enlarge and swap faces of finished pictures."""

from easyphoto.weights.entries import Commercial, HubFile, ModelScopeFile, WeightFile

_YES, _NO = Commercial.YES, Commercial.NO
_GFPGAN = "https://github.com/TencentARC/GFPGAN/releases/download"
_REALESRGAN = "https://github.com/xinntao/Real-ESRGAN/releases/download"

FINISH_FILES = (
    WeightFile(
        id="gfpgan-1.4",
        path="restoration/GFPGANv1.4.pth",
        sources=(f"{_GFPGAN}/v1.3.0/GFPGANv1.4.pth", f"{_GFPGAN}/v1.3.4/GFPGANv1.4.pth"),
        sha256="e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
        bytes=348_632_874,
        licence="Apache-2.0",
        commercial=_YES,
        origin="TencentARC/GFPGAN, release v1.3.0",
        needed_by="restoration (setting `restore`)",
    ),
    WeightFile(
        id="restoreformer",
        path="restoration/RestoreFormer.pth",
        sources=(f"{_GFPGAN}/v1.3.4/RestoreFormer.pth", f"{_GFPGAN}/v1.3.0/RestoreFormer.pth"),
        sha256="07404d446d62ca3d5ed38b1de09a947a1e77d46dbccec961a74d713a8f24ace0",
        bytes=290_785_322,
        licence="Apache-2.0",
        commercial=_YES,
        origin="TencentARC/GFPGAN, release v1.3.4",
        needed_by="restoration (setting `restore`)",
    ),
    WeightFile(
        id="realesrgan-x4plus",
        path="restoration/RealESRGAN_x4plus.pth",
        sources=(
            f"{_REALESRGAN}/v0.1.0/RealESRGAN_x4plus.pth",
            ModelScopeFile("muse/RealESRGAN_x4plus", "RealESRGAN_x4plus.pth"),
        ),
        sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        bytes=67_040_989,
        licence="BSD-3-Clause",
        commercial=_YES,
        origin="xinntao/Real-ESRGAN, release v0.1.0",
        needed_by="restoration (setting `upscale`)",
    ),
    WeightFile(
        id="realesrgan-x2plus",
        path="restoration/RealESRGAN_x2plus.pth",
        sources=(
            f"{_REALESRGAN}/v0.2.1/RealESRGAN_x2plus.pth",
            ModelScopeFile("muse/RealESRGAN_x2plus", "RealESRGAN_x2plus.pth"),
        ),
        sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        bytes=67_061_725,
        licence="BSD-3-Clause",
        commercial=_YES,
        origin="xinntao/Real-ESRGAN, release v0.2.1",
        needed_by="restoration (setting `upscale`)",
    ),
    WeightFile(
        id="inswapper-128",
        path="restoration/inswapper_128.onnx",
        sources=(
            HubFile("ezioruan/inswapper_128.onnx", "inswapper_128.onnx"),
            HubFile("Aitrepreneur/insightface", "inswapper_128.onnx"),
        ),
        sha256="e4a3f08c753cb72d04e10aa0f7dbe3deebbf39567d4ead6dce08e98aa49e16af",
        bytes=554_253_681,
        licence="InsightFace model licence (non-commercial research)",
        commercial=_NO,
        origin="InsightFace, which no longer offers it; mirrors",
        needed_by="faces.inswapper (setting `fusion_engine`; without it `warp` does)",
    ),
)
