"""The results of a job as HTML: tiles in order, and details of the chosen one."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from easyphoto.ui.card import notes_html
from easyphoto.ui.language import Translator
from easyphoto.ui.photo_names import known_stem
from easyphoto.ui.ranking import Ranked, StageFile
from easyphoto.ui.thumbnails import Thumbnails

TILE, STEP = 320, 256


@dataclass(frozen=True)
class ResultsView:
    words: Translator
    thumbnails: Thumbnails
    to: str
    """Id of the hidden button that receives the tiles' orders."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Titles of templates, by the stems of their files."""

    def tiles(self, pictures: Sequence[Ranked], files: Sequence[Path], shown: Ranked | None) -> str:
        """Return every picture as a tile, most similar first; a click shows it."""
        tiles = "".join(
            self._tile(picture, file, is_shown=picture is shown)
            for picture, file in zip(pictures, files, strict=True)
            if file.is_file()
        )
        label = escape(self.words("Results, best likeness first"))
        return f'<div class="easyphoto-results" role="group" aria-label="{label}" lang="{self.words.tag}">{tiles}</div>'

    def _tile(self, picture: Ranked, file: Path, *, is_shown: bool) -> str:
        order, about = (
            escape(json.dumps([picture.file])),
            f"{self._title(picture)} · {self.words('Seed {seed}', seed=picture.seed)}",
        )
        return (
            f'<button type="button" class="easyphoto-result" data-easyphoto-order="{order}"'
            f' data-easyphoto-to="{escape(self.to)}" aria-pressed="{str(is_shown).lower()}">'
            f'<img src="{self.thumbnails.link(file, TILE)}" alt="">{self._place(picture)}'
            f"<span>{escape(likeness_words(picture, self.words))}</span>"
            f"<small>{escape(about)}</small></button>"
        )

    def _title(self, picture: Ranked) -> str:
        return self.titles.get(picture.template, known_stem(picture.template))

    def _place(self, picture: Ranked) -> str:
        return f'<b class="easyphoto-rank">{picture.rank}</b>' if picture.rank is not None else ""

    def details(self, picture: Ranked, file: Path) -> str:
        """Return likeness, other facts, and the file itself with its record."""
        words = self.words
        embedder = f" · {picture.embedder}" if picture.embedder else ""
        facts = [
            f'<span class="easyphoto-tag" data-tone="{"good" if picture.rank == 1 else "plain"}">'
            f"{escape(likeness_words(picture, words) + embedder)}</span>",
            f'<span class="easyphoto-tag" data-tone="plain">{escape(self._title(picture))}</span>',
            f'<span class="easyphoto-tag" data-tone="plain">{escape(words("Seed {seed}", seed=picture.seed))}</span>',
            download_html(file, words("Download PNG with its record")),
        ]
        notes = notes_html(picture.notes, words)
        return f'<div class="easyphoto-detail" lang="{words.tag}"><p>{"".join(facts)}</p>{notes}</div>'

    def steps(self, stages: Sequence[StageFile], files: Sequence[Path]) -> str:
        """Return every step's picture, a strip for each face, then one for the whole picture."""
        strips: dict[int | None, list[str]] = {}
        for stage, file in zip(stages, files, strict=True):
            if file.is_file():
                strips.setdefault(stage.face, []).append(self._step(stage, file))
        several = sum(face is not None for face in strips) > 1
        faces = [face for face in (*sorted(face for face in strips if face is not None), None) if face in strips]
        parts = [self._strip(face, strips[face], several=several) for face in faces]
        return f'<div class="easyphoto-steps" lang="{self.words.tag}">{"".join(parts)}</div>'

    def _strip(self, face: int | None, figures: list[str], *, several: bool) -> str:
        words = self.words
        title = words("The whole picture") if face is None else words("Step by step")
        if face is not None and several:
            title = words("Face {number}", number=face + 1)
        return f'<section class="easyphoto-sheet"><h3>{escape(title)}</h3><div>{"".join(figures)}</div></section>'

    def _step(self, stage: StageFile, file: Path) -> str:
        name = escape(self.words.translate(stage.name))
        picture = f'<img src="{self.thumbnails.link(file, STEP)}" alt="{name}" loading="lazy">'
        return f"<figure>{picture}<figcaption>{name}</figcaption></figure>"


def likeness_words(picture: Ranked, words: Translator) -> str:
    """Return the cosine similarity; it is meaningful only with its embedder, which the details name."""
    if picture.rank is None and picture.cosine is None:
        return words("not ranked")
    likeness = words("likeness {score}", score=f"{picture.cosine:.2f}")
    return likeness if picture.rank is not None else f"{likeness} · {words('not ranked')}"


def download_html(file: Path, label: str, *, mime: str = "image/png") -> str:
    """Return a link that embeds the file's bytes, because gradio re-encodes shown pictures and drops the record."""
    content = base64.b64encode(file.read_bytes()).decode("ascii")
    return (
        f'<a class="easyphoto-download" download="{escape(file.name)}" href="data:{mime};base64,{content}">'
        f"{escape(label)}</a>"
    )
