"""Catalogue rows: identity adapters, through which networks paint a person without a training, and what they need."""

from easyphoto.weights.entries import Commercial, HubFile, Variant, WeightFile

_YES, _NO = Commercial.YES, Commercial.NO
_IP_ADAPTER, _FACEID, _INSTANTID = "h94/IP-Adapter", "h94/IP-Adapter-FaceID", "InstantX/InstantID"
_FACEID_LICENCE = "non-commercial research (its authors, because of InsightFace's embedder)"
_INSTANTID_LICENCE = "research only (its README; the hub's tag says Apache-2.0) and InsightFace's embedder"
_PLUS_FACE, _PLUS_FACE_XL = "ip-adapter-plus-face-sd15", "ip-adapter-plus-face-sdxl"
_ENCODER = "clip-vit-h"


def _ip_adapter(id: str, file: str, *, sha256: str, bytes: int, needed_by: str) -> WeightFile:
    return WeightFile(
        id=id,
        path=f"identity/{file.rpartition('/')[2]}",
        sources=(HubFile(_IP_ADAPTER, file),),
        sha256=sha256,
        bytes=bytes,
        licence="Apache-2.0",
        commercial=_YES,
        origin=f"{_IP_ADAPTER} (tencent-ailab); trained on pictures, no face recognition takes part",
        needed_by=needed_by,
    )


def _faceid(
    id: str, file: str, *, sha256: str, bytes: int, needed_by: str, alternative: str, variants: tuple[Variant, ...] = ()
) -> WeightFile:
    return WeightFile(
        id=id,
        path=f"{'lora' if file.endswith('_lora.safetensors') else 'identity'}/{file}",
        sources=(HubFile(_FACEID, file),),
        sha256=sha256,
        bytes=bytes,
        licence=_FACEID_LICENCE,
        commercial=_NO,
        origin=f"{_FACEID} (tencent-ailab)",
        needed_by=needed_by,
        alternative=alternative,
        variants=variants,
    )


IDENTITY_FILES = (
    _ip_adapter(
        _PLUS_FACE,
        "models/ip-adapter-plus-face_sd15.safetensors",
        sha256="1c9edc21af6f737dc1d6e0e734190e976cfacf802d6b024b77aa3be922f7569b",
        bytes=98_183_288,
        needed_by="identity `ip-adapter` (SD 1.5)",
    ),
    _ip_adapter(
        _PLUS_FACE_XL,
        "sdxl_models/ip-adapter-plus-face_sdxl_vit-h.safetensors",
        sha256="677ad8860204f7d0bfba12d29e6c31ded9beefdf3e4bbd102518357d31a292c1",
        bytes=847_517_512,
        needed_by="identity `ip-adapter` (SDXL)",
    ),
    _ip_adapter(
        "ip-adapter-full-face-sd15",
        "models/ip-adapter-full-face_sd15.safetensors",
        sha256="f4a17fb643bf876235a45a0e87a49da2855be6584b28ca04c62a97ab5ff1c6f3",
        bytes=43_592_352,
        needed_by="identity `ip-adapter-full` (SD 1.5)",
    ),
    WeightFile(
        id=_ENCODER,
        path="identity/CLIP-ViT-H-14.safetensors",
        sources=(HubFile(_IP_ADAPTER, "models/image_encoder/model.safetensors"),),
        sha256="6ca9667da1ca9e0b0f75e46bb030f7e011f44f86cbfb8d5a36590fcd7507b030",
        bytes=2_528_373_448,
        licence="MIT (OpenCLIP); the card of IP-Adapter says Apache-2.0",
        commercial=_YES,
        origin="laion/CLIP-ViT-H-14-laion2B-s32B-b79K, the vision half, as h94/IP-Adapter offers it",
        needed_by="backends.picture_encoder (identities `ip-adapter`, `ip-adapter-full`, `faceid-plus`)",
        other_names=("CLIP-ViT-H-14-laion2B-s32B-b79K.safetensors",),
        variants=(
            # The same network pickled, under the name that sd-webui-controlnet gives it.
            Variant("clip_h.pth", sources=(HubFile(_IP_ADAPTER, "models/image_encoder/pytorch_model.bin"),)),
        ),
    ),
    _faceid(
        "ip-adapter-faceid-sd15",
        "ip-adapter-faceid_sd15.bin",
        sha256="201344e2",
        bytes=96_740_574,
        needed_by="identity `faceid` (SD 1.5)",
        alternative=_PLUS_FACE,
    ),
    _faceid(
        "ip-adapter-faceid-sd15-lora",
        "ip-adapter-faceid_sd15_lora.safetensors",
        sha256="70699f0dbfadd47de1f81d263cf4c86bd4b7271d841304af9b340b3a7f38e86a",
        bytes=51_059_544,
        needed_by="identity `faceid` (SD 1.5)",
        alternative=_PLUS_FACE,
    ),
    _faceid(
        "ip-adapter-faceid-sdxl",
        "ip-adapter-faceid_sdxl.bin",
        sha256="f455fed24e207c878ec1e0466b34a969d37bab857c5faa4e8d259a0b4ff63d7e",
        bytes=1_071_149_741,
        needed_by="identity `faceid` (SDXL)",
        alternative=_PLUS_FACE_XL,
    ),
    _faceid(
        "ip-adapter-faceid-sdxl-lora",
        "ip-adapter-faceid_sdxl_lora.safetensors",
        sha256="4fcf93d6e8dc8dd18f5f9e51c8306f369486ed0aa0780ade9961308aff7f0d64",
        bytes=371_842_896,
        needed_by="identity `faceid` (SDXL)",
        alternative=_PLUS_FACE_XL,
        variants=(
            # It was uploaded twice under one name, and both are in use.
            Variant(
                "ip-adapter-faceid_sdxl_lora-2055a7a.safetensors",
                sha256="2ade2b53dddff5e96139400f68525c38f286d0597db6f891ba08629a6ade5b20",
                sources=(HubFile(_FACEID, "ip-adapter-faceid_sdxl_lora.safetensors"),),
                other_names=("ip-adapter-faceid_sdxl_lora.safetensors",),
            ),
        ),
    ),
    _faceid(
        "ip-adapter-faceid-plusv2-sd15",
        "ip-adapter-faceid-plusv2_sd15.bin",
        sha256="26d0d86a1d60d6cc811d3b8862178b461e1eeb651e6fe2b72ba17aa95411e313",
        bytes=156_558_509,
        needed_by="identity `faceid-plus` (SD 1.5)",
        alternative=_PLUS_FACE,
    ),
    _faceid(
        "ip-adapter-faceid-plusv2-sd15-lora",
        "ip-adapter-faceid-plusv2_sd15_lora.safetensors",
        sha256="8abff87a15a049f3e0186c2e82c1c8e77783baf2cfb63f34c412656052eb57b0",
        bytes=51_059_544,
        needed_by="identity `faceid-plus` (SD 1.5)",
        alternative=_PLUS_FACE,
    ),
    _faceid(
        "ip-adapter-faceid-plusv2-sdxl",
        "ip-adapter-faceid-plusv2_sdxl.bin",
        sha256="c6945d82b543700cc3ccbb98d363b837e9c596281607857c74b713a876daf5fb",
        bytes=1_487_555_181,
        needed_by="identity `faceid-plus` (SDXL)",
        alternative=_PLUS_FACE_XL,
    ),
    _faceid(
        "ip-adapter-faceid-plusv2-sdxl-lora",
        "ip-adapter-faceid-plusv2_sdxl_lora.safetensors",
        sha256="f24b4bb2dad6638a09c00f151cde84991baf374409385bcbab53c1871a30cb7b",
        bytes=371_842_896,
        needed_by="identity `faceid-plus` (SDXL)",
        alternative=_PLUS_FACE_XL,
    ),
    WeightFile(
        id="instantid-adapter",
        path="identity/ip-adapter_instant_id_sdxl.bin",
        sources=(HubFile(_INSTANTID, "ip-adapter.bin"),),
        sha256="02b3618e36d803784166660520098089a81388e61a93ef8002aa79a5b1c546e1",
        bytes=1_691_134_141,
        licence=_INSTANTID_LICENCE,
        commercial=_NO,
        origin=f"{_INSTANTID}, ip-adapter.bin under the name that web UIs want",
        needed_by="identity `instantid` (SDXL)",
        alternative=_PLUS_FACE_XL,
        other_names=("ip-adapter.bin", "ip_adapter_instant_id_sdxl.bin"),
    ),
    WeightFile(
        id="instantid-controlnet",
        path="controlnet/control_instant_id_sdxl.safetensors",
        sources=(HubFile(_INSTANTID, "ControlNetModel/diffusion_pytorch_model.safetensors"),),
        sha256="c8127be9f174101ebdafee9964d856b49b634435cf6daa396d3f593cf0bbbb05",
        bytes=2_502_139_136,
        licence=_INSTANTID_LICENCE,
        commercial=_NO,
        origin=f"{_INSTANTID}, ControlNetModel under the name that web UIs want",
        needed_by="identity `instantid` (SDXL)",
        alternative=_PLUS_FACE_XL,
    ),
)
