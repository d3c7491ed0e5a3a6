"""Simplified Chinese of every setting's label, help and choices, as declared in `easyphoto.settings`."""

from __future__ import annotations

from collections.abc import Mapping

SETTINGS: Mapping[str, str] = {
    # Weights and networks.
    "Licences": "许可",
    "commercial-safe: only weights whose licence allows commercial use. research: all.": (
        "可商用：仅使用许可允许商业用途的权重。研究：全部。"
    ),
    "commercial-safe": "可商用",
    "research": "研究",
    "Offline": "离线",
    "Fetches nothing; what is missing is said.": "不下载任何内容；缺少什么会说明。",
    "Web UI folder": "Web UI 文件夹",
    "Its models are used where they lie, and its checkpoints by their names.": (
        "直接使用其中的模型，并可按名称选用其基础模型。"
    ),
    "Face detector": "人脸检测",
    "auto: YuNet.": "自动：YuNet。",
    "Face embedder": "人脸特征",
    "Tells persons apart. auto: AuraFace or SFace, where at hand.": "用于区分人物。自动：AuraFace 或 SFace（如有）。",
    "none": "无",
    "Face parser": "人脸解析",
    "Finds skin, eyes, hair. auto: BiSeNet, where at hand and allowed, else landmarks.": (
        "识别皮肤、眼睛、头发。自动：有 BiSeNet 且许可允许时用它，否则用关键点。"
    ),
    "landmarks": "关键点",
    "Cut-out": "抠图",
    "Person from background.": "将人物与背景分离。",
    # Photos.
    "Photos to keep": "保留照片数",
    "The best by identity × quality are kept.": "按“身份 × 质量”保留最好的。",
    "Background": "背景",
    "keep: stays, and counts little in the loss. white: erased.": (
        "保留：背景不变，在损失中权重很小。白色：去除背景。"
    ),
    "keep": "保留",
    "white": "白色",
    "Enhance small faces": "增强小脸",
    "At most half of the photos, worst first.": "最多一半照片，从最差的开始。",
    "Retouch skin": "磨皮",
    "Evens the skin before training.": "训练前使皮肤更均匀。",
    "Sharpness needed": "清晰度要求",
    "Photos whose face is less sharp are set aside.": "人脸不够清晰的照片不会采用。",
    "Same-person limit": "同一人阈值",
    "Cosine; empty takes the embedder's own.": "余弦值；留空则用特征网络自身的阈值。",
    "Keep covered faces": "保留被遮挡的脸",
    "Photos with sunglasses, mask, hand or hair over the face.": "脸上有墨镜、口罩、手或头发遮挡的照片。",
    "Attribute captions": "属性描述",
    "Adds what is visible to the trigger words.": "在触发词后加入画面可见的内容。",
    # Training.
    "Steps": "步数",
    "Empty: 200 for each photo, at most the family's.": "留空：200 × 照片数，不超过模型系列的默认值。",
    "Batch": "批大小",
    "Photos in one step, in one pass.": "每步一次处理的照片数。",
    "Learning rate": "学习率",
    "Of the UNet. Empty: the family's.": "UNet 的学习率。留空：模型系列的默认值。",
    "Text learning rate": "文本学习率",
    "Of the text encoder; 0 leaves it. Empty: half.": "文本编码器的学习率；0 表示不训练。留空：一半。",
    "Rank": "秩",
    "Empty: the family's.": "留空：模型系列的默认值。",
    "Alpha": "Alpha",
    "Validations": "验证次数",
    "Checkpoints judged along the run.": "训练过程中评估的检查点数。",
    "Validation strength": "验证重绘强度",
    "Validation steps": "验证步数",
    "Validation guidance": "验证引导系数",
    "Voting pictures": "投票图片数",
    "What gained most; its checkpoints merge.": "提升最大的图片；合并它们所属的检查点。",
    "Resolution": "分辨率",
    "Side in pixels. Empty: the family's.": "边长（像素）。留空：模型系列的默认值。",
    "Photos at a time": "同时处理的照片数",
    "Of a batch. Empty: as many as the memory holds.": "一批之中。留空：显存能容纳多少就多少。",
    "Gradient checkpointing": "梯度检查点",
    "Less memory, more time.": "更省显存，更费时间。",
    "on": "开",
    "off": "关",
    "Precision": "精度",
    "auto: bf16 on a GPU that has it, else fp32.": "自动：显卡支持则用 bf16，否则 fp32。",
    "Min-SNR gamma": "Min-SNR gamma",
    "0 switches it off.": "0 为关闭。",
    "Mirror photos": "镜像照片",
    "Off: faces are not symmetric.": "默认关闭：人脸并不对称。",
    "Seed": "随机种子",
    "The same seed gives the same LoRA.": "相同的种子得到相同的 LoRA。",
    # Photographing.
    "First pass strength": "第一遍强度",
    "Higher repaints more of the face. Empty: the family's.": "越高，人脸重绘越多。留空：模型系列的默认值。",
    "Second pass strength": "第二遍强度",
    "Repaints the face along its border. 0: no second pass. Empty: the family's.": (
        "沿人脸边缘重绘。0：不做第二遍。留空：模型系列的默认值。"
    ),
    "First pass steps": "第一遍步数",
    "Second pass steps": "第二遍步数",
    "Guidance": "引导系数",
    "LoRA weight": "LoRA 权重",
    "Fusion": "人脸融合",
    "Lays the reference photo on the face. Off: the LoRA's portrait.": (
        "将参考照片融合到脸上。关闭：使用 LoRA 的肖像。"
    ),
    "Fusion before the first pass": "第一遍前的融合",
    "Fusion after the first pass": "第一遍后的融合",
    "Skin colour": "肤色",
    "Whose skin face, ears and neck have. The light is always the template's.": (
        "脸、耳和颈部用谁的肤色。光线始终是模板的。"
    ),
    "person": "人物",
    "template": "模板",
    "Outline": "脸部轮廓",
    "Jaw and chin take the person's shape. Off: the template's.": "下颌和下巴采用人物的形状。关闭：保持模板的。",
    "Colour transfer": "色彩迁移",
    "The face takes the template's light.": "人脸采用模板的光线。",
    "Second pass repaints eyes and mouth": "第二遍重绘眼睛和嘴",
    "Paint covered faces": "绘制被遮挡的脸",
    "Off: a template's face behind sunglasses or a mask stays as it is, unless it is given to somebody.": (
        "关闭：模板上被墨镜或口罩遮挡的脸保持原样，除非指定给某人。"
    ),
    "Fusion by": "融合方式",
    "inswapper: research licence only.": "inswapper：仅限研究许可。",
    "warp": "形变",
    "Retouch": "修饰",
    "Evens the skin of the result; pores stay.": "使结果的皮肤更均匀，保留毛孔。",
    "Retouch strength": "修饰强度",
    "Face restoration": "面部修复",
    "After the passes; needs spandrel. In a web UI: one of its restorers.": (
        "在两遍重绘之后；需要 spandrel。在 Web UI 中：使用其面部修复。"
    ),
    "Restoration strength": "修复强度",
    "Upscaler": "放大算法",
    "Enlarges the whole result. In a web UI: one of its upscalers.": "放大整张结果。在 Web UI 中：使用其放大算法。",
    "Enlargement": "放大倍数",
    "Of the whole result.": "针对整张结果。",
    "Upscaler strength": "放大算法强度",
    "Mixed with plain enlargement.": "与普通放大混合。",
    "Few steps": "少步加速",
    "A LoRA that paints in 8 steps.": "用 8 步即可出图的 LoRA。",
    "Side of a face's crop. Empty: the family's.": "人脸裁剪的边长。留空：模型系列的默认值。",
    "Pictures": "图片数",
    "Made with consecutive seeds, ranked by likeness.": "使用连续的种子，按相似度排序。",
    "Prompt": "提示词",
    "Added to the trigger words.": "附加在触发词之后。",
    "Negative prompt": "反向提示词",
}

NAMES = frozenset(
    {
        "yunet", "scrfd", "retinaface", "insightface", "auraface", "sface", "buffalo_l", "antelopev2", "curricularface",
        "bisenet", "grabcut", "u2net", "birefnet", "fp32", "bf16", "fp16", "inswapper", "gfpgan", "restoreformer",
        "realesrgan-x4plus", "realesrgan-x2plus", "lcm", "hyper", "lightning",
    }
)  # fmt: skip
"""Choices that are proper names and stay as they are."""
