"""Catalogue rows: networks that detect, embed and segment faces and persons."""

from easyphoto.weights.entries import Commercial, HubFile, ModelScopeFile, Variant, WeightFile

_YES, _NO, _UNKNOWN = Commercial.YES, Commercial.NO, Commercial.UNKNOWN
_INSIGHTFACE = "InsightFace model licence (non-commercial research)"
_UNIFACE = "https://github.com/yakhyo/uniface/releases/download/weights"
_REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
_FACEXLIB = "https://github.com/xinntao/facexlib/releases/download/v0.1.0"
_OPENCV_ZOO = "https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/models"

YUNET = WeightFile(
    id="yunet",
    path="faces/yunet_n_640_640.onnx",
    sources=(
        "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/"
        "0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/yunet_n_640_640.onnx",
    ),
    sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    bytes=317_466,
    licence="Apache-2.0",
    commercial=_YES,
    origin="ShiqiYu/libfacedetection.train, commit 0047ac24",
    needed_by="faces.yunet (finds faces in photographs)",
)

FACE_FILES = (
    YUNET,
    WeightFile(
        id="scrfd-10g",
        path="faces/scrfd_10g_bnkps.onnx",
        sources=(
            HubFile("DIAMONIK7777/antelopev2", "scrfd_10g_bnkps.onnx"),
            HubFile("fal/AuraFace-v1", "scrfd_10g_bnkps.onnx"),
            f"{_UNIFACE}/scrfd_10g_kps.onnx",
        ),
        sha256="5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
        bytes=16_923_827,
        licence=_INSIGHTFACE,
        commercial=_NO,
        origin="InsightFace; AuraFace's repository holds the same bytes, and they are no freer there",
        needed_by="faces.scrfd (finds faces in photographs)",
        alternative="yunet",
        other_names=("det_10g.onnx", "scrfd_10g_kps.onnx"),
    ),
    WeightFile(
        id="retinaface-r50",
        path="faces/detection_Resnet50_Final.pth",
        sources=(f"{_FACEXLIB}/detection_Resnet50_Final.pth",),
        sha256="6d1de9c2944f2ccddca5f5e010ea5ae64a39845a86311af6fdf30841b0a5a16d",
        bytes=109_497_761,
        licence="MIT (code); the weights' own is not stated",
        commercial=_UNKNOWN,
        origin="biubug6/Pytorch_Retinaface, as facexlib releases it",
        needed_by="faces.retinaface (finds faces in photographs)",
        alternative="yunet",
        other_names=("Resnet50_Final.pth", "retinaface-resnet-50.pth"),
        variants=(
            Variant(
                "cv_resnet50_face-detection_retinaface.pt",
                sources=(ModelScopeFile("damo/cv_resnet50_face-detection_retinaface", "pytorch_model.pt"),),
            ),
        ),
    ),
    WeightFile(
        id="auraface",
        path="faces/auraface_glintr100.onnx",
        sources=(HubFile("fal/AuraFace-v1", "glintr100.onnx"),),
        sha256="a7933ea5330113b01c9b60351d8f4c33003f145d8470ac5f0e52ee2effe25c60",
        bytes=260_694_151,
        licence="Apache-2.0",
        commercial=_YES,
        origin=(
            "fal/AuraFace-v1; named like antelopev2's glintr100.onnx, which has other bytes (4ab1d643…); of that "
            "repository only this file is free"
        ),
        needed_by="faces.embedders (tells persons apart)",
        other_names=("glintr100.onnx", "auraface.onnx"),
    ),
    WeightFile(
        id="sface",
        path="faces/face_recognition_sface_2021dec.onnx",
        sources=(
            f"{_OPENCV_ZOO}/face_recognition_sface/face_recognition_sface_2021dec.onnx",
            HubFile("opencv/face_recognition_sface", "face_recognition_sface_2021dec.onnx"),
        ),
        sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        bytes=38_696_353,
        licence="Apache-2.0",
        commercial=_YES,
        origin="opencv/opencv_zoo, models/face_recognition_sface",
        needed_by="faces.sface (tells persons apart, small)",
    ),
    WeightFile(
        id="buffalo_l",
        path="faces/w600k_r50.onnx",
        sources=(HubFile("public-data/insightface", "models/buffalo_l/w600k_r50.onnx"), f"{_UNIFACE}/w600k_r50.onnx"),
        sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
        bytes=174_383_860,
        licence=_INSIGHTFACE,
        commercial=_NO,
        origin="InsightFace, pack buffalo_l",
        needed_by="faces.embedders, faces.inswapper",
        alternative="auraface",
    ),
    WeightFile(
        id="antelopev2",
        path="faces/glintr100.onnx",
        sources=(HubFile("DIAMONIK7777/antelopev2", "glintr100.onnx"),),
        sha256="4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
        bytes=260_665_334,
        licence=_INSIGHTFACE,
        commercial=_NO,
        origin="InsightFace, pack antelopev2",
        needed_by="faces.embedders (tells persons apart)",
        alternative="auraface",
    ),
    WeightFile(
        id="curricularface",
        path="faces/cv_ir101_facerecognition_cfglint.bin",
        sources=(
            ModelScopeFile("iic/cv_ir101_facerecognition_cfglint", "pytorch_model.bin"),
            ModelScopeFile("damo/cv_ir101_facerecognition_cfglint", "pytorch_model.bin"),
        ),
        licence="unclear (card: Apache-2.0; trained on Glint360K, whose terms are for research)",
        commercial=_UNKNOWN,
        origin="ModelScope iic/cv_ir101_facerecognition_cfglint",
        needed_by="faces.curricular (tells persons apart; the measure of published tables)",
        alternative="auraface",
    ),
    WeightFile(
        id="bisenet",
        path="faces/face_parsing_resnet18.onnx",
        sources=("https://github.com/yakhyo/face-parsing/releases/download/weights/resnet18.onnx",),
        sha256="0d9bd318e46987c3bdbfacae9e2c0f461cae1c6ac6ea6d43bbe541a91727e33f",
        bytes=53_205_364,
        licence="MIT (code); trained on CelebAMask-HQ (non-commercial)",
        commercial=_NO,
        origin="yakhyo/face-parsing, release weights",
        needed_by="faces.bisenet (skin, eyes, hair; without it the parser `landmarks` does)",
        other_names=("resnet18.onnx", "face-parsing-resnet18.onnx"),
    ),
    WeightFile(
        id="u2net-human",
        path="faces/u2net_human_seg.onnx",
        sources=(f"{_REMBG}/u2net_human_seg.onnx", HubFile("jellybox/u2net-human-seg", "u2net_human_seg.onnx")),
        sha256="01eb6a29a5c4d8edb30b56adad9bb3a2a0535338e480724a213e0acfd2d1c73c",
        bytes=175_997_641,
        licence="Apache-2.0",
        commercial=_YES,
        origin="xuebinqin/U-2-Net, converted by danielgatis/rembg",
        needed_by="faces.saliency (person from background)",
    ),
    WeightFile(
        id="birefnet-lite",
        path="faces/BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
        sources=(
            "https://github.com/ZhengPeng7/BiRefNet/releases/download/v1/BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
            f"{_REMBG}/BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
        ),
        sha256="5600024376f572a557870a5eb0afb1e5961636bef4e1e22132025467d0f03333",
        bytes=224_005_088,
        licence="MIT",
        commercial=_YES,
        origin="ZhengPeng7/BiRefNet, release v1",
        needed_by="faces.saliency (person from background, finer)",
        other_names=("birefnet-general-lite.onnx", "birefnet-v1-lite.onnx"),
    ),
)
