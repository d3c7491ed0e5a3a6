"""Simplified Chinese: what is said about the files and jobs of those who visit a page."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, str] = {
    "Other people's jobs in the queue: {count}": "队列中其他人的任务：{count}",
    "Choose a ZIP file.": "请选择 ZIP 文件。",
}
HEARD_VISITORS: Mapping[str, str] = {
    "{name} did not come in through this page.": "{name} 不是通过此页面上传的。",
    "Choose or drop the file again.": "请重新选择或拖入文件。",
    "These are {count} files.": "共有 {count} 个文件。",
    "Give at most {count} at once.": "一次最多 {count} 个。",
    "{name} is too large.": "{name} 太大。",
    "{name} is no folder on this machine.": "{name} 不是本机上的文件夹。",
    "Give its whole path.": "请填写完整路径。",
    "{path} is no file of this folder.": "{path} 不是此文件夹中的文件。",
    "Copy what you want into a folder.": "请把需要的内容复制到一个文件夹中。",
    "{name} holds too much.": "{name} 中的内容太多。",
    "Name the folder of the person.": "请填写此人的文件夹。",
    "There is no run {name} of yours.": "您没有名为 {name} 的训练。",
    "Who began it can resume it.": "只有开始它的人可以继续。",
}
