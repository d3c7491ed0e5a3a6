"""Simplified Chinese of the Photograph, Persons and Templates tabs."""

from __future__ import annotations

from collections.abc import Mapping

_PHOTOGRAPH: Mapping[str, str] = {
    "1 · Who and where": "1 · 人物与模板",
    "2 · Settings": "2 · 设置",
    "Who is photographed": "拍谁",
    "Nobody is ready yet. Train a person first.": "还没有可用的人物。请先训练一个人物。",
    "Add pictures as templates …": "添加图片作为模板 …",
    "Faces": "人脸",
    "Choose templates: the faces in them appear here.": "请选择模板：其中的人脸会显示在这里。",
    "Choose who is photographed: they take the largest faces, from the left.": (
        "请选择人物：他们会取用最大的几张脸，从左起依次分配。"
    ),
    "Without a face: {names}.": "没有分到人脸：{names}。",
    "No face was found here: this template is left out.": "这里没有找到人脸：此模板不会使用。",
    "Stays as it is: {reason}.": "保持原样：{reason}。",
    "leave as it is": "保持原样",
    "Face {number}": "第 {number} 张脸",
    "{title}: faces found: {count}": "{title}：找到的人脸数：{count}",
    "Random": "随机",
    "Prompt": "提示词",
    "Negative prompt": "反向提示词",
    "Checkpoint": "检查点模型",
    "as trained": "与训练时相同",
    "What paints. A LoRA is at its best with what it was trained on.": (
        "用来作画的模型。LoRA 与训练时所用的模型搭配效果最好。"
    ),
    "Make portraits": "生成肖像",
    "{count} sessions are in the queue, because the templates have different persons.": (
        "已加入 {count} 组任务，因为各模板上的人物不同。"
    ),
    "Queue": "队列",
    "Nothing has been asked for yet.": "还没有任务。",
    "Show": "查看",
    "As it is painted": "绘制过程",
    "Repeat a picture": "重现一张图片",
    "A PNG made here fills in everything it was made with.": "打开此处生成的 PNG，会填回生成它的全部设置。",
    "Open a PNG …": "打开 PNG …",
    "Everything is filled in as it was.": "已按原样填好全部内容。",
    "Filled in, but for what is gone:": "已填好，但有些内容已不存在：",
    "Results": "结果",
    "Results, most like first": "结果（最像的在前）",
    "Selected result": "所选结果",
    "not ranked": "未排名",
    "Seed {seed}": "种子 {seed}",
    "Download PNG with its record": "下载带记录的 PNG",
    "Use its settings again": "再次使用其设置",
    "Send to img2img": "发送到图生图",
    "Send to inpaint": "发送到局部重绘",
    "Send to extras": "发送到后期处理",
    "Show every step": "显示每一步",
    "Step by step": "逐步过程",
    "The whole picture": "整张图片",
}

_PERSONS: Mapping[str, str] = {
    "Nobody yet. Train a person in the Train tab, or import one below.": (
        "还没有人物。请在“训练”页训练，或在下方导入。"
    ),
    "not trained yet": "尚未训练",
    "likeness not measured": "未测量相似度",
    "Model family": "模型系列",
    "Since": "创建于",
    "Base": "基础模型",
    "Id": "标识",
    "Trained with": "训练设置",
    "Date": "日期",
    "Export": "导出",
    "Exported person": "导出的人物",
    "{name} is ready to be downloaded.": "{name} 已可下载。",
    "Rename": "重命名",
    "Any words; the id stays as it is.": "可以是任意文字；标识保持不变。",
    "Rename {name}:": "重命名 {name}：",
    "New name": "新名称",
    "They are called {name} now.": "现在的名称是 {name}。",
    "Delete": "删除",
    "Delete for good": "永久删除",
    "Keep": "保留",
    "Type the name to confirm": "输入名称以确认",
    "That is not the name.": "名称不符。",
    "Type {name} to delete them.": "输入 {name} 即可删除。",
    "Delete {name}? All of this goes, for good:": "删除 {name}？以下内容将永久删除：",
    "The folder with the portrait, the LoRA and the photos: {count}": "文件夹，含肖像、LoRA 和照片：{count} 张",
    "Trainings with their pictures: {count}": "训练及其图片：{count} 次",
    "Sessions with results: {count}": "结果：{count} 组",
    "Jobs: {count}; uploaded photos: {uploads}": "任务：{count} 个；上传的照片：{uploads} 张",
    "The copy of the LoRA in the web UI's list, where there is one": "WebUI 列表中的 LoRA 副本（如有）",
    "{name} is deleted: {count} folders and files.": "{name} 已删除：共 {count} 个文件夹和文件。",
    "Not gone yet, and deleted later: {what}.": "尚未删除，稍后会自动删除：{what}。",
    "To train somebody again, start a training under the same name; one that was cut off is resumed there.": (
        "要重新训练某人，请用相同名称开始训练；中断的训练也可在那里继续。"
    ),
    "Import": "导入",
    "Imported: {names}": "已导入：{names}",
    "nobody": "无",
    "A ZIP from Export, or what the EasyPhoto extension of 2023 kept in easyphoto-user-id-infos.": (
        "“导出”得到的 ZIP，或 2023 年 EasyPhoto 扩展的 easyphoto-user-id-infos 内容。"
    ),
    "ZIP file": "ZIP 文件",
    "or a folder on this machine": "或本机上的文件夹",
    "as they are called": "沿用原名",
    "Only where one person is imported.": "仅在导入一个人物时有效。",
    "There is nothing to import.": "没有可导入的内容。",
    "Choose a ZIP file, or name a folder.": "请选择 ZIP 文件，或填写文件夹。",
}

_TEMPLATES: Mapping[str, str] = {
    "Add pictures …": "添加图片 …",
    "Yours": "我的模板",
    "With EasyPhoto": "随附模板",
    "None yet. Add pictures above, or make one.": "还没有。请在上方添加图片，或绘制一张。",
    "Faces: {count}": "人脸数：{count}",
    "Delete this template?": "删除这个模板？",
    "{name} is one of your templates now.": "{name} 已加入我的模板。",
    "Make one": "绘制模板",
    "A picture is drawn from words; its face is then replaced.": "根据文字绘制一张图片，之后再替换其中的人脸。",
    "Width": "宽度",
    "Height": "高度",
    "Steps": "步数",
    "Seed": "随机种子",
    "Draw": "绘制",
    "The picture so far": "当前进度",
    "The drawn template": "绘制完成的模板",
}

TEXTS: Mapping[str, str] = {**_PHOTOGRAPH, **_PERSONS, **_TEMPLATES}

_TITLES: Mapping[str, str] = {
    "Evening lights": "夜晚灯光",
    "In the hills": "山丘之间",
    "At home": "在家",
    "Two friends": "两位朋友",
    "Studio": "影棚",
    "Stripes": "条纹",
    "Gradient": "渐变",
    "City": "城市",
    "the EasyPhoto authors (drawn by easyphoto.drawings)": "EasyPhoto 作者（由 easyphoto.drawings 绘制）",
    "Miniature": "微缩模型",
}

_STEPS: Mapping[str, str] = {
    "template": "模板",
    "crop": "裁剪",
    "covered": "遮挡他人",
    "pasted": "贴上肖像",
    "fused": "融合",
    "first mask": "第一遍蒙版",
    "second mask": "第二遍蒙版",
    "canny": "边缘",
    "facepoints": "面部关键点",
    "color": "色块",
    "tile": "平铺",
    "first pass": "第一遍",
    "colour": "调色",
    "fused after": "再次融合",
    "second pass": "第二遍",
    "ground": "调整后的模板",
    "retouched": "美化皮肤",
    "joint pass": "整体边界",
    "restored": "修复",
    "enlargement": "放大",
    "restoration": "修复人脸",
    "result": "结果",
    "seed {seed}: face {face}, {what}": "种子 {seed}：第 {face} 张脸，{what}",
    "seed {seed}: {what}": "种子 {seed}：{what}",
    "photograph {names} and {last}": "拍摄 {names} 和 {last}",
    "photograph {names}": "拍摄 {names}",
    "draw {name}": "绘制 {name}",
    "import {name}": "导入 {name}",
    "importing {name}": "正在导入 {name}",
}

_NOTES: Mapping[str, str] = {
    "it is seen from the side": "这是侧脸",
    "the eyes are covered (sunglasses?)": "眼睛被遮住（墨镜？）",
    "an eye is covered (hair or a hand?)": "一只眼睛被遮住（头发或手？）",
    "the mouth is covered (a mask or a hand?)": "嘴被遮住（口罩或手？）",
    "most of the face is covered": "脸的大部分被遮住",
    "the picture's border cuts it": "被画面边缘截断",
    "it is only {width} pixels wide": "只有 {width} 像素宽",
    "Face {number} from the left stays as it is: {reason}.": "左起第 {number} 张脸保持原样：{reason}。",
    "no subject was given for it": "没有为它指定人物",
    "it is turned, so the likeness may suffer": "脸有转角，相似度可能下降",
    "it is small ({width} pixels wide), so details come from the networks alone": (
        "它很小（宽 {width} 像素），细节全由模型生成"
    ),
    "{family} works at {side} pixels and the crop is {crop}: the face is enlarged {times} times and softer than the "
    "template": "{family} 的工作分辨率是 {side} 像素，而裁剪区为 {crop}：人脸被放大 {times} 倍，会比模板柔和",
    "{family} works at {side} pixels and the crop is {crop}: what it paints is enlarged {times} times, finer detail is "
    "the reference photo's": (
        "{family} 的工作分辨率是 {side} 像素，而裁剪区为 {crop}：绘制内容被放大 {times} 倍，细节来自参考照片"
    ),
    "{name} has another skin than the template: {where} took it, {rest}. To leave the template's: --skin template (in "
    "the tab: Skin colour).": (
        "{name} 的肤色与模板不同：{where}已采用，{rest}。要保留模板的肤色：--skin template（在选项卡中：肤色）。"
    ),
    "face, ears and neck": "脸、耳和颈部",
    "the face": "脸",
    "face and neck": "脸和颈部",
    "face and ears": "脸和耳",
    "other skin keeps the template's colour": "其他皮肤保持模板的颜色",
    "neck and ears were not found and keep the template's": "未找到颈部和耳朵，保持模板的颜色",
    "{name}: fusion was left out ({error}).": "{name}：未做融合（{error}）。",
    "{name}: fused by our warp instead ({error}).": "{name}：改用内置变形融合（{error}）。",
    "the two faces have too little skin in common to be fused": "两张脸的共同皮肤太少，无法融合",
    "one of the two faces is turned much farther than the other; a photo in that pose would do": (
        "两张脸的转角相差太大；需要一张该角度的照片"
    ),
    "The joint pass over the faces' borders was left out: the group fills {width} pixels, {family} would paint it at "
    "{side}.": "未做整体边界处理：合影占 {width} 像素，而 {family} 只能以 {side} 像素绘制。",
    "The results are not ranked: their likeness could not be measured.": "结果未排名：无法测量相似度。",
    "How like the person the result is could not be measured.": "无法测量结果与此人的相似度。",
    "Face restoration was left out. {error}": "未修复人脸。{error}",
    "The enlargement was left out. {error}": "未放大。{error}",
    "Face restoration was left out: {name} was not opened.": "未修复人脸：{name} 未能打开。",
    "The enlargement was left out: {name} was not opened.": "未放大：{name} 未能打开。",
    "Fused by our warp instead: {name} was not opened.": "改用内置变形融合：{name} 未能打开。",
    "Control {kind}: left out, {why}.": "控制 {kind}：未使用，{why}。",
    "Control {kind}: left out. {error}": "控制 {kind}：未使用。{error}",
    "there is no pose guide": "没有姿势参考图",
    "Control color: {why}; tile until half of the steps stands in.": "色块控制：{why}；前一半步数改用平铺控制。",
    "{name}: no face was found on the reference photo, so there is no fusion.": (
        "{name}：参考照片上没有找到人脸，因此不做融合。"
    ),
    "{name}: no face was found on the portrait; the reference photo gives the pose.": (
        "{name}：肖像上没有找到人脸，改用参考照片的姿势。"
    ),
    "{name}: painted without a LoRA, none was given.": "{name}：没有 LoRA，直接绘制。",
    "{count} of {all} subjects found no face that can be done well.": "{all} 人中有 {count} 人没有找到合适的人脸。",
    "Of the LoRA {name} {matched} of {all} layers fit this checkpoint.": (
        "LoRA {name} 的 {all} 层中有 {matched} 层与此检查点模型匹配。"
    ),
    "Skin was not retouched: {error}.": "未美化皮肤：{error}。",
    "its parts were not recognised, an ellipse serves as mask": "无法识别五官，以椭圆作为蒙版",
    # Last, because they would fit the others.
    "{said}; it was painted all the same, as assigned": "{said}；按指定仍然绘制",
    "Face {number} from the left: {said}.": "左起第 {number} 张脸：{said}。",
}

_ERRORS: Mapping[str, str] = {
    "Nobody takes a face.": "没有人物分到人脸。",
    "Choose a person and a template with a face for them.": "请选择人物，以及有人脸可用的模板。",
    "{names} were trained on different bases.": "{names} 是用不同的基础模型训练的。",
    "Photograph them one at a time, or choose a checkpoint for all of them.": (
        "请逐个拍摄，或为他们选择同一个检查点模型。"
    ),
    "No result is shown.": "没有显示任何结果。",
    "Choose one first.": "请先选择一张。",
    "This picture has no record of EasyPhoto.": "这张图片没有 EasyPhoto 的记录。",
    "Take a PNG that EasyPhoto wrote, not a copy of it.": "请使用 EasyPhoto 写出的 PNG，而不是另存的副本。",
    "The template {name} is gone: upload it again.": "模板 {name} 已不存在：请重新上传。",
    "The person {id} is gone.": "人物 {id} 已不存在。",
    "The checkpoint {name} is gone: the person's own is taken.": "检查点模型 {name} 已不存在：改用人物自己的模型。",
    "The setting {name} is not known any more.": "设置项 {name} 已不再支持。",
    "{label}: {value} is not here.": "{label}：这里没有 {value}。",
    "There is already a template {name}.": "已有模板 {name}。",
    "There is already a person {name}.": "已有人物 {name}。",
    "Choose another name.": "请换一个名称。",
    "Give another name (--name on the command line). {rest}": "请换一个名称（命令行中用 --name）。{rest}",
    "Give another name (--name on the command line), or rename or delete the other.": (
        "请换一个名称（命令行中用 --name），或重命名、删除已有的人物。"
    ),
    "They came while this was imported.": "导入期间已出现同名人物。",
    "Nobody was imported. {reason}": "没有导入任何人物。{reason}",
    "Import one person at a time.": "请一次只导入一个人物。",
    "{source} holds {count} persons.": "{source} 中有 {count} 个人物。",
    "Name one person's folder, or no name.": "请指定单个人物的文件夹，或不填名称。",
    "Give a ZIP file made by `persons export`, or a folder of easyphoto-user-id-infos.": (
        "请提供“导出”得到的 ZIP 文件，或 easyphoto-user-id-infos 中的文件夹。"
    ),
    "{name} is not trained yet.": "{name} 尚未训练。",
    "Train them first (easyphoto train {id} --photos DIR).": "请先训练（easyphoto train {id} --photos DIR）。",
    "The archive is packed in an unusual way.": "压缩包的打包方式不常见。",
    "Pack it as an ordinary ZIP file.": "请打包为普通的 ZIP 文件。",
    "The archive is locked with a password.": "压缩包有密码。",
    "Unpack it, and pack it without one.": "请解压后不加密码重新打包。",
    "The archive unpacks to more than 4 GiB.": "压缩包解压后超过 4 GiB。",
    "The archive holds more than one exported person.": "压缩包中有多个导出的人物。",
    "There are no photos in {folder}.": "{folder} 中没有照片。",
    "They lie in {folder}.": "它们应位于 {folder}。",
    "The original photos are gone: the crops of the earlier training stand in for them.": (
        "原始照片已不存在：改用先前训练时的裁剪图。"
    ),
    "Check free space.": "请检查可用空间。",
    "This person is being changed or deleted.": "此人物正在被修改或删除。",
    "Ask again in a moment.": "请稍后再试。",
    "{host} has no checkpoint {name}.": "{host} 没有检查点模型 {name}。",
    "There is no template {name}.": "没有模板 {name}。",
    "A job of this person, or with their photos, is not over.": "此人物或其照片还有未结束的任务。",
    "Cancel it, or wait for it.": "请取消任务，或等它结束。",
    "Cancel it first, then delete them.": "请先取消任务，再删除人物。",
    "The job {id} is not over.": "任务 {id} 还没有结束。",
    "Cancel it first.": "请先取消。",
    "There is no face on the template.": "模板上没有人脸。",
    "No face of the template can be done well ({reasons}).": "模板上没有能处理好的人脸（{reasons}）。",
    "face {number}: {reason}": "第 {number} 张脸：{reason}",
    "Choose another template.": "请换一个模板。",
    "Choose another template, or say --paint-covered (in the tab: Paint covered faces).": (
        "请换一个模板，或使用 --paint-covered（在选项卡中：绘制被遮挡的脸）。"
    ),
    "Choose a template with a visible face.": "请选择有清晰人脸的模板。",
}

_COLOURS: Mapping[str, str] = {
    "its colour profile was ignored, because {why}": "已忽略其色彩配置文件，因为{why}",
    "it is broken": "它已损坏",
    "it is broken, or knows only one way": "它已损坏，或只能单向转换",
    "it is of a kind that no picture has": "它不是用于图片的类型",
    "it is for {kind} pictures": "它用于{kind}图片",
    "colour": "彩色",
    "greyscale": "灰度",
    "CMYK": "CMYK ",
    "this Pillow was built without colour management (littlecms)": "此 Pillow 不含色彩管理（littlecms）",
    "The template: {note}.": "模板：{note}。",
    "The template is in shades of grey, and so is the result.": "模板是灰度图，结果也是灰度图。",
    "The template's transparency was kept.": "已保留模板的透明度。",
    "The template has a palette of at most 256 colours; the result has all colours.": (
        "模板使用不超过 256 色的调色板；结果为全彩。"
    ),
    "The template is in black and white without greys; the result has greys.": "模板只有黑白两色；结果有灰阶。",
    "The template is a Lab picture; the result is in sRGB.": "模板是 Lab 图片；结果为 sRGB。",
    "The template has {bits} bits for each colour; the result has {kept}.": (
        "模板每种颜色 {bits} 位；结果为 {kept} 位。"
    ),
    "The template has 16 bits for each grey and transparency; the result has 8.": (
        "模板是带透明度的 16 位灰度图；结果为 8 位。"
    ),
    "The template is a CMYK picture for print; the result is in sRGB, by a rule of thumb because it has no profile.": (
        "模板是没有色彩配置文件的 CMYK 印刷图片；结果为 sRGB，颜色只能近似。"
    ),
    "The template is a CMYK picture for print ({name}); the result is in sRGB.": (
        "模板是 CMYK 印刷图片（{name}）；结果为 sRGB。"
    ),
    "The template is a CMYK picture for print; the result is in sRGB.": "模板是 CMYK 印刷图片；结果为 sRGB。",
    "The template's colour profile ({name}) knows no way back; the result is in sRGB.": (
        "模板的色彩配置文件（{name}）不能反向转换；结果为 sRGB。"
    ),
    "The picture was enlarged, so all of it was brought back into the template's colours.": (
        "图片已放大，因此整张图都转换回了模板的颜色。"
    ),
    "Part of the new face lies where the template is transparent, and is not seen.": (
        "新人脸有一部分位于模板的透明处，因此看不到。"
    ),
    "{name} holds floating point numbers that are not between 0 and 1.": "{name} 含有不在 0 到 1 之间的浮点数。",
    "Save it with 8 or 16 bits, as JPEG or PNG.": "请另存为 8 或 16 位的 JPEG 或 PNG。",
}

HEARD_TABS: Mapping[str, str] = {**_TITLES, **_STEPS, **_COLOURS, **_NOTES, **_ERRORS}
