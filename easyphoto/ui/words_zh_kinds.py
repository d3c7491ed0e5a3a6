"""Simplified Chinese: what is said about photographs and drawings."""

from __future__ import annotations

from collections.abc import Mapping

HEARD_KINDS: Mapping[str, str] = {
    "Taken for drawings, because {faces}. If they are photographs, {how}.": (
        "按绘画处理，因为{faces}。如果它们是照片，请{how}。"
    ),
    "Taken for photographs, because {faces}. If they are drawings, {how}.": (
        "按照片处理，因为{faces}。如果它们是绘画，请{how}。"
    ),
    "{count} of {faces} faces look drawn": "{faces} 张人脸中有 {count} 张像是画的",
    "{count} of {faces} faces look photographed": "{faces} 张人脸中有 {count} 张像是拍摄的",
    "say so: --engine {kind} (in the tab: Kind of pictures; in the API: options.engine)": (
        "指明：--engine {kind}（在选项卡中：图片类型；在 API 中：options.engine）"
    ),
    "The base miniature knows drawn people only: what it learns of a photographed face is a drawn one, without a "
    "likeness, and a picture shows little of the person but the reference photo, laid on the template's face. For a "
    "likeness take a checkpoint of Stable Diffusion 1.5 or SDXL: --base FILE (in the tab: Base checkpoint; in the API: "
    "options.base).": (
        "基础模型 miniature 只认识画的人物：它从拍摄的人脸学到的是画的人脸，并不相像；成片中能看出此人的，"
        "几乎只有贴到模板人脸上的参考照片。要相像，请选用 Stable Diffusion 1.5 或 SDXL 模型："
        "--base FILE（在选项卡中：基础模型；在 API 中：options.base）。"
    ),
    "No face looks drawn, although the photos are taken for drawings. If they are photographs, {how}.": (
        "图片按绘画处理，却没有像是画的人脸。如果它们是照片，请{how}。"
    ),
    "No face looks photographed, although the photos are taken for photographs. If they are drawings, {how}.": (
        "图片按照片处理，却没有像是拍摄的人脸。如果它们是绘画，请{how}。"
    ),
    "If the person's photos are drawings, {how}.": "如果此人的图片是绘画，请{how}。",
    "If the person's photos are photographs, {how}.": "如果此人的图片是照片，请{how}。",
    "These look drawn, so they come last and are not compared with the other photos: {photos}.": (
        "这些像是画的，因此排在最后，也不与其他照片比较：{photos}。"
    ),
    "These look photographed, so they come last and are not compared with the other photos: {photos}.": (
        "这些像是拍摄的，因此排在最后，也不与其他照片比较：{photos}。"
    ),
    "the face looks {words}": "人脸{words}",
    "Face {number} from the left on the template looks {words}.": "模板上左起第 {number} 张人脸{words}。",
    "Face {number} from the left on the result looks {words}.": "结果上左起第 {number} 张人脸{words}。",
    "drawn, while the person's photos are taken for photographs": "像是画的，而此人的图片按照片处理",
    "photographed, while the person's photos are taken for drawings": "像是拍摄的，而此人的图片按绘画处理",
    "drawn, while the person's photos are taken for photographs: how like them it is cannot be told": (
        "像是画的，而此人的图片按照片处理：无法判断相似度"
    ),
    "photographed, while the person's photos are taken for drawings: how like them it is cannot be told": (
        "像是拍摄的，而此人的图片按绘画处理：无法判断相似度"
    ),
    "checkpoints were not judged (no embedder, or no face of the person's kind on the validation pictures): the last "
    "one is taken": "未评估检查点（没有嵌入网络，或验证图片上没有此人图片类型的人脸）：采用最后一个",
    "Pictures without a drawn face were not looked at as photographs, because YuNet is not at hand. Run: easyphoto "
    "weights get yunet": "没有画的人脸的图片未按照片再查看，因为缺少 YuNet。请运行：easyphoto weights get yunet",
    "Everybody who can reach this page sees and changes every person: the web UI is open to others and asks for no "
    "account. Start it with --gradio-auth user:password.": (
        "任何能打开此页面的人都可以查看和更改所有人物：Web UI 对外开放，且不要求帐号。"
        "请用 --gradio-auth user:password 启动。"
    ),
    "The web UI's own API answers everybody who can reach it, and tells even the accounts of this page. Start it with "
    "--api-auth user:password, or without --api.": (
        "Web UI 自己的 API 对任何能访问它的人开放，甚至会给出此页面的帐号。"
        "请加上 --api-auth user:password，或不用 --api 启动。"
    ),
}
