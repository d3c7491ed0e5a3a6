"""The shapes of answers about what a picture can be made with: templates, poses, styles."""

from pydantic import Field

from easyphoto.api.models import AnswerModel


class TemplateAnswer(AnswerModel):
    id: str
    title: str
    own: bool


class TemplatesAnswer(AnswerModel):
    templates: list[TemplateAnswer]


class PoseAnswer(AnswerModel):
    id: str
    name: str
    name_zh: str = Field(..., description="The name in Chinese.")
    width: int = Field(..., description="Of the picture that suits it, for a model that draws 512 by 512 pixels.")
    height: int
    people: int = Field(..., description="How many people it shows.")
    author: str
    licence: str


class PosesAnswer(AnswerModel):
    poses: list[PoseAnswer]


class StyleLoraAnswer(AnswerModel):
    name: str
    weight: float


class StyleAnswer(AnswerModel):
    id: str
    name: str
    name_zh: str
    group: str
    medium: str = Field(..., description="photo, or artwork: a painting or a drawing.")
    positive: str
    negative: str
    loras: list[StyleLoraAnswer]
    sizes: dict[str, list[int]] = Field(..., description="Width and height in pixels that suit it, by type of model.")
    families: list[str] = Field(..., description="Types of model that know its words; empty: every one.")
    licence: str
    author: str
    own: bool
    favourite: bool
    drawn_with: str | None = Field(
        None, description="The checkpoint that drew the preview; empty: not known. Null: none was drawn yet."
    )


class DamagedStyleAnswer(AnswerModel):
    file: str
    reason: str


class StylesAnswer(AnswerModel):
    styles: list[StyleAnswer]
    damaged: list[DamagedStyleAnswer] = Field([], description="Files that cannot be used.")
