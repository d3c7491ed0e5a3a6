"""Simplified Chinese: what the page says itself (TEXTS), and what verdicts, phases and errors say (HEARD).

A text with {places} also recognises what was made from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from easyphoto.ui.words_zh_kinds import HEARD_KINDS
from easyphoto.ui.words_zh_settings import SETTINGS
from easyphoto.ui.words_zh_tabs import HEARD_TABS
from easyphoto.ui.words_zh_tabs import TEXTS as TABS
from easyphoto.ui.words_zh_visitors import HEARD_VISITORS
from easyphoto.ui.words_zh_visitors import TEXTS as VISITORS

_PAGE: Mapping[str, str] = {
    "A few photos of a person become portraits of them.": "几张照片，就能生成此人的写真。",
    "Train": "训练",
    "Photograph": "拍摄",
    "Persons": "人物",
    "Templates": "模板",
    "Cancel": "取消",
    "Remove": "移除",
    "Log": "日志",
    "Notes": "备注",
    "Progress": "进度",
    "Advanced": "高级设置",
    "Preset": "预设",
    "Fast": "快速",
    "Balanced": "均衡",
    "Thorough": "精细",
    "Name": "名称",
    "Refresh": "刷新",
    "auto": "自动",
    # The card of a job.
    "Waiting": "等待中",
    "Running": "进行中",
    "Done": "已完成",
    "Failed": "失败",
    "Cancelled": "已取消",
    "Interrupted": "已中断",
    "Stopping …": "正在停止…",
    "Waiting for its turn": "排队等待中",
    "Beginning": "正在开始",
    "less than a minute left": "剩余不到 1 分钟",
    "about {minutes} min left": "剩余约 {minutes} 分钟",
    "about {hours} h {minutes} min left": "剩余约 {hours} 小时 {minutes} 分钟",
    "{title}: {phase}, {percent} percent": "{title}：{phase}，{percent}%",
    "Something went wrong.": "出错了。",
    "It can be resumed from its last checkpoint.": "可以从最近的检查点继续。",
    "step {step}": "第 {step} 步",
    "likeness {score}": "相似度 {score}",
    "Validation pictures": "验证图",
    # Numbers that were typed in.
    "a number": "数字",
    "a whole number": "整数",
    "{label}: cannot be {value}.": "{label}：不能是 {value}。",
    "It wants {wanted}.": "需要填写{wanted}。",
    # The Train tab.
    "1 · Photos": "1 · 照片",
    "2 · Training": "2 · 训练",
    "5 to 20 photos of one person": "同一人物的 5 至 20 张照片",
    "Sharp, the face well seen, at best alone in the picture.": "清晰、能看清脸，最好单人。",
    "A name and a base are enough; the rest has good values.": "填写名称、选择基础模型即可；其余均有合适的默认值。",
    "Check again": "重新检查",
    "Remove all photos": "移除全部照片",
    "Letters a-z, digits, _ and -.": "字母 a-z、数字、_ 和 -。",
    "Base checkpoint": "基础模型",
    "What the LoRA is trained on, and later used with.": "LoRA 在此模型上训练，之后也与它配合使用。",
    "Learning": "学习",
    "Photos": "照片",
    "Networks": "网络",
    "Kind of pictures": "图片类型",
    "drawings": "绘画",
    "photographs": "照片",
    "A new person: {id}": "新人物：{id}",
    "{id} is there already; this training replaces their LoRA once it has succeeded.": (
        "{id} 已存在；本次训练成功后将替换其 LoRA。"
    ),
    "Start training": "开始训练",
    "Set up training": "准备训练环境",
    "It is made by itself before the first training, or now:": "首次训练前会自动准备，也可以现在就准备：",
    "Unfinished trainings": "未完成的训练",
    "They go on from their last checkpoint.": "将从最近的检查点继续。",
    "Resume": "继续训练",
    "The trainer's own log": "训练程序日志",
    "{name} can be photographed now.": "现在可以为 {name} 拍摄了。",
    "Portrait of {name}": "{name} 的肖像",
    "{name} cannot be shown. {reason}": "无法显示 {name}。{reason}",
    "Likeness of the portrait: {cosine}": "肖像相似度：{cosine}",
    "The LoRA is listed as {name}.": "LoRA 在列表中的名称：{name}。",
    # The verdicts.
    "{kept} of {count} photos kept": "{count} 张照片中保留 {kept} 张",
    "Set aside: {count}": "未采用：{count} 张",
    "Kept: {count}": "已保留：{count} 张",
    "Kept": "已保留",
    "Kept, reference photo": "已保留，参考照片",
    "Is this {name}?": "这是 {name} 吗？",
    "Is this the person you mean?": "这是您要的人吗？",
    "{name} is the reference photo. Nobody could check who it shows.": "{name} 是参考照片，无法核实照片上是谁。",
    "If it is somebody else, press “Reference photo” under another one that is kept.": (
        "如果是其他人，请在另一张已保留的照片下点击“参考照片”。"
    ),
    "Yes": "是",
    "{name} shows them": "{name} 就是此人",
    "Reference photo": "参考照片",
    "Take {name} as the reference photo": "将 {name} 作为参考照片",
    "Choose it for me": "自动选择",
    "Which face?": "选哪张脸？",
    "Take face {number}": "选择第 {number} 张脸",
    "Remove {name}": "移除 {name}",
}

TEXTS: Mapping[str, str] = {**SETTINGS, **_PAGE, **TABS, **VISITORS}

_VERDICTS: Mapping[str, str] = {
    "no face": "没有人脸",
    "too small": "人脸太小",
    "several faces": "多张人脸",
    "someone else": "其他人",
    "near-duplicate": "近似重复",
    "blurred": "模糊",
    "unreadable": "无法读取",
    "not among the best": "未入选",
    "partial face": "人脸不完整",
    "covered": "人脸被遮挡",
    "The eyes are covered (sunglasses?).": "眼睛被遮住（墨镜？）。",
    "An eye is covered (hair or a hand?).": "一只眼睛被遮住（头发或手？）。",
    "The mouth is covered (a mask or a hand?).": "嘴被遮住（口罩或手？）。",
    "Most of the face is covered.": "脸的大部分被遮住。",
    "Use a photo where eyes and mouth are seen; to learn what covers them too, keep covered faces.": (
        "请使用能看到眼睛和嘴的照片；若遮挡物也要学习，请打开“保留被遮挡的脸”。"
    ),
    "Kept: sharpness {sharpness}, light {light}, likeness {likeness}.": (
        "已保留：清晰度 {sharpness}，光照 {light}，相似度 {likeness}。"
    ),
    "Kept: sharpness {sharpness}, light {light}.": "已保留：清晰度 {sharpness}，光照 {light}。",
    "The face is blurred (sharpness {sharpness}, needed {limit}).": "人脸模糊（清晰度 {sharpness}，需要 {limit}）。",
    "Use a sharper photo: steady camera, more light, the focus on the face.": (
        "请换一张更清晰的照片：拿稳相机、光线充足、对焦在脸上。"
    ),
    # Of earlier records.
    "It is nearly the same picture as {name}, which is the better one.": "与 {name} 几乎是同一张，而后者更好。",
    "It is nearly the same picture as {name}, which {because}.": "与 {name} 几乎是同一张，而后者{because}。",
    "It is nearly the same picture as {name}.": "与 {name} 几乎是同一张。",
    "is sharper": "更清晰",
    "shows the face larger": "人脸更大",
    "is less compressed": "压缩更少",
    "shows more around the face": "人脸周围更完整",
    "still has the date on which it was taken": "仍保留拍摄日期",
    "was taken earlier": "拍摄更早",
    "comes first": "排在前面",
    "{name} is not among the {count} photos.": "{count} 张照片中没有 {name}。",
    "The reference photo is one of the photos: give its file name.": "参考照片须是这些照片之一：请给出其文件名。",
    "{name} cannot be the reference photo: {why}": "{name} 不能作为参考照片：{why}",
    "Choose one of the photos that are kept.": "请选择一张已保留的照片。",
    "Whether {name}, the reference photo, shows the person who is meant was not checked. "
    "Look at it, and choose another one where it does not.": "未核实参考照片 {name} 是否为此人。如果不是，请另选一张。",
    "Remove it, or use a photo from another moment.": "请移除，或换一张其他时刻的照片。",
    "No face was found, upright or turned.": "正向和旋转后都没有找到人脸。",
    "Use a photo where the face is seen from the front, uncovered and in good light.": (
        "请使用正面、无遮挡、光线良好的照片。"
    ),
    "It seems to show another person than most photos (likeness {likeness}, needed {limit}).": (
        "似乎与大多数照片不是同一人（相似度 {likeness}，需要 {limit}）。"
    ),
    "Remove it; if it is the same person, lower the same-person limit or use a clearer photo.": (
        "请移除；如果是同一人，请降低“同一人阈值”，或换一张更清楚的照片。"
    ),
    "Good, but {keep} others are better.": "不错，但有 {keep} 张更好。",
    "Nothing to do; to use it, keep more than {keep} photos.": "无需处理；若要使用，请保留多于 {keep} 张照片。",
    "The picture has more pixels than can be read safely.": "图片像素过多，无法安全读取。",
    "Reduce it first, to 12,000 × 9,000 or less.": "请先缩小到 12,000 × 9,000 以内。",
    "The file is cut off: part of the picture is missing.": "文件不完整：图片缺了一部分。",
    "The file is no readable picture.": "文件不是可读取的图片。",
    "Copy it anew from where it came.": "请从来源重新复制。",
    "Save it again as JPEG or PNG, or remove it.": "请另存为 JPEG 或 PNG，或移除。",
    "The picture has only {size} pixels.": "图片只有 {size} 像素。",
    "Use the original photo.": "请使用原始照片。",
    "Face {number} was chosen, but {count} were found.": "选择了第 {number} 张脸，但只找到 {count} 张。",
    "Choose a number from 1 to {count}, as they stand on the sheet.": "请按图上编号选择 1 到 {count}。",
    "{count} faces are about equally large.": "有 {count} 张大小相近的人脸。",
    "Say which one is meant (a number from 1 to {count}, as on the sheet), or crop the photo to it.": (
        "请指明是哪一张（按图上编号 1 到 {count}），或将照片裁剪到此人。"
    ),
    "face {number} was chosen": "已选择第 {number} 张脸",
    "turned by {angle}° to stand upright": "已旋转 {angle}° 摆正",
    "Only part of the face is in the picture: it is cut off at the {side} edge.": (
        "人脸只有一部分在画面内：{side}边缘被截断。"
    ),
    "left": "左",
    "right": "右",
    "top": "上",
    "bottom": "下",
    "Use the uncropped photo, or another one that shows the whole face.": (
        "请使用未裁剪的照片，或另一张露出整张脸的照片。"
    ),
    "The face is {width} pixels wide; at least {least} are needed.": "人脸宽 {width} 像素；至少需要 {least} 像素。",
    "Use the photo at its full size, or one taken from nearer.": "请使用原尺寸照片，或拍得更近的照片。",
    "The face is hard to make out: part of it is hidden, turned away or in shadow.": (
        "人脸难以辨认：部分被遮挡、转开或处于阴影中。"
    ),
    "Use a photo where both eyes, nose and mouth are seen.": "请使用能看到双眼、鼻子和嘴的照片。",
    "identity checked by {embedder}": "身份已由 {embedder} 核对",
    "compared by {embedder}, without agreement": "已由 {embedder} 比较，但照片不一致",
    "ranked by {embedder}, identity not checked": "按 {embedder} 排序，未核对身份",
    "identity not checked": "未核对身份",
    "The photos do not agree on one person; none was set aside for it. Add photos, or sort them.": (
        "照片看起来不是同一人，但没有因此剔除任何一张。请添加照片，或自行整理。"
    ),
    "No photo can be used; the verdicts say why.": "没有可用的照片；原因见各张的判定。",
    "Only one photo is kept: the result will look like that photo. 5 to 20 are better.": (
        "只保留了一张照片：结果会很像这张照片。最好有 5 至 20 张。"
    ),
    "Only {kept} photos are kept; 5 to 20 give a better likeness.": (
        "只保留了 {kept} 张照片；5 至 20 张的相似度更好。"
    ),
}

_JOBS: Mapping[str, str] = {
    "check {count} photos": "检查 {count} 张照片",
    "train {name}": "训练 {name}",
    "resume {name}": "继续训练 {name}",
    "set up the trainer": "准备训练环境",
    "looking at {name}": "正在查看 {name}",
    "photos looked at": "照片已查看",
    "cropping {name}": "正在裁剪 {name}",
    "dataset ready": "数据集已就绪",
    "loading the model": "正在加载模型",
    "loading the networks": "正在加载网络",
    "encoding photos": "正在编码照片",
    "training": "训练中",
    "loss {loss}": "损失 {loss}",
    "drawing validation pictures": "正在绘制验证图",
    "merging the best checkpoints": "正在合并最佳检查点",
    "saving": "正在保存",
    "fetching {name}": "正在下载 {name}",
    "reading {name}": "正在读取 {name}",
    "another process fetches {name}": "另一个进程正在下载 {name}",
    "training environment": "训练环境",
    "ready": "已就绪",
    "step {step}: likeness {score}": "第 {step} 步：相似度 {score}",
    "Loss": "损失",
    "Likeness": "相似度",
    "Likeness ({embedder})": "相似度（{embedder}）",
    "each step": "每一步",
    "smoothed": "平滑后",
    "template {number}": "模板 {number}",
    "merged": "合并后",
    "step": "步数",
    "cosine": "余弦",
    "The environment that trains was made first; the next training starts at once.": (
        "已先准备好训练环境；下次训练可立即开始。"
    ),
}

_ERRORS: Mapping[str, str] = {
    "There are no photos yet.": "还没有照片。",
    "Drop 5 to 20 photos of the person first.": "请先拖入此人的 5 至 20 张照片。",
    "The person has no name yet.": "人物还没有名称。",
    "Give a name; the LoRA is called by it.": "请填写名称；LoRA 会以它命名。",
    "{name} cannot be a person's id.": "{name} 不能作为人物标识。",
    "Use 1 to 64 letters a-z, digits, _ and -, beginning with a letter or digit.": (
        "请使用 1 至 64 个字母 a-z、数字、_ 和 -，并以字母或数字开头。"
    ),
    "This photo is no longer in the list.": "这张照片已不在列表中。",
    "Drop it again.": "请重新拖入。",
    "This training cannot be resumed any more.": "此训练已无法继续。",
    "Choose another one.": "请选择另一个。",
    "{name} is no picture that can be read.": "{name} 不是可读取的图片。",
    "Give a JPEG, PNG or WebP.": "请提供 JPEG、PNG 或 WebP。",
    "{name} has {size} MB.": "{name} 有 {size} MB。",
    "At most {size} MB are taken.": "最多接受 {size} MB。",
    "{name} claims {size} pixels.": "{name} 声称有 {size} 像素。",
    "At most {count} million pixels are read; reduce it first.": "最多读取 {count} 百万像素；请先缩小。",
    "There is no upload {name}.": "没有上传过 {name}。",
    "Upload the picture first.": "请先上传图片。",
    "None of the {count} photos can be used: {reasons}.": "{count} 张照片都无法使用：{reasons}。",
    "Add sharp photos that show one face well, then train again.": "请添加清晰、能看清一张脸的照片，然后重新训练。",
    "cannot be {value}.": "不能是 {value}。",
    "It lies between {low} and {high}.": "取值范围为 {low} 到 {high}。",
    "Choose one of: {choices}.": "请选择其一：{choices}。",
    "It wants {wanted}.": "需要填写{wanted}。",
    "There is no job {id}.": "没有任务 {id}。",
    "It may have been cleared away; list the jobs.": "可能已被清除；请查看任务列表。",
    "The environment that trains is not made yet ({folder}).": "训练环境尚未准备（{folder}）。",
    "EasyPhoto is closing.": "EasyPhoto 正在关闭。",
    "Ask again when it has started anew.": "请在重新启动后再试。",
    "This is a fault of EasyPhoto. The job's folder holds traceback.txt; please send it.": (
        "这是 EasyPhoto 的故障。任务文件夹中有 traceback.txt，请发给我们。"
    ),
}

# What a web UI's host says of where the workspace lies.
_PLACES: Mapping[str, str] = {
    "Your persons were moved from {earlier} to {place}, where no page of the web UI reaches them.": (
        "人物数据已从 {earlier} 移至 {place}，网页界面的任何页面都无法访问该处。"
    ),
    "Your persons could not be moved out of the web UI's folder yet. {error}": (
        "人物数据暂时未能移出网页界面的文件夹。{error}"
    ),
    "The workspace {root} lies in a folder that the web UI hands out to everybody who sees one of its pages, photos "
    "included. Choose a folder outside of the web UI's in Settings > EasyPhoto, and move it there.": (
        "工作区 {root} 所在的文件夹会被网页界面提供给所有能看到其页面的人，包括照片。"
        "请在“设置 > EasyPhoto”中选择网页界面之外的文件夹，并将其移到那里。"
    ),
}
HEARD: Mapping[str, str] = {**HEARD_TABS, **HEARD_KINDS, **_VERDICTS, **_JOBS, **_ERRORS, **_PLACES, **HEARD_VISITORS}
