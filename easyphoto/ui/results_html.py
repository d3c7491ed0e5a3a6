"""The results as HTML: the large picture with its template, faces, the session's tiles, and earlier sessions."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from easyphoto.ui.card import capital, notes_html, time_html
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import order_button
from easyphoto.ui.photo_names import known_stem
from easyphoto.ui.ranking import Ranked, StageFile
from easyphoto.ui.result_pictures import Comparison, FacePair
from easyphoto.ui.sessions import Session, SessionPicture
from easyphoto.ui.thumbnails import Thumbnails

TILE, STEP, SMALL = 320, 256, 128
MOST_SMALL = 8
"""Number of pictures that are shown of an earlier session."""
SHOW, STAR, TICK, FAVOURITES, ARCHIVE, SHEET = "show", "star", "tick", "favourites", "zip", "sheet"


@dataclass(frozen=True)
class ResultsView:
    words: Translator
    thumbnails: Thumbnails
    to: str
    """Id of the hidden button that receives the orders."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Titles of templates, by the stems of their files."""

    # --- the picture on show ---

    def comparison(self, found: Comparison) -> str:
        """Return the result over its template; the range moves the edge between them, by mouse, touch and keyboard."""
        words, ratio = self.words, found.size.width / found.size.height
        place = f"--easyphoto-at:0%;aspect-ratio:{ratio:.4f};width:min(100%,calc(76vh*{ratio:.4f}))"
        after = f'<img src="{found.after}" alt="{escape(words("The portrait"))}">'
        said = escape(words("Full screen"))
        whole = f'<button type="button" class="easyphoto-whole" data-easyphoto-whole>{said}</button>'
        if found.before is None:
            return f'<div lang="{words.tag}"><div class="easyphoto-compare" style="{place}">{after}{whole}</div></div>'
        before = f'<img class="easyphoto-before" src="{found.before}" alt="{escape(words("The template"))}">'
        label = escape(words("How much of the template is seen"))
        edge = f'<input type="range" min="0" max="100" step="1" value="0" aria-label="{label}" data-easyphoto-edge>'
        hint = escape(words("Drag across the picture to see the template."))
        return (
            f'<div lang="{words.tag}"><div class="easyphoto-compare" style="{place}">{after}{before}'
            f'<i aria-hidden="true"></i>{edge}{whole}</div><p class="easyphoto-hint">{hint}</p></div>'
        )

    def details(self, picture: SessionPicture) -> str:
        """Return likeness, other facts, the star, and the file itself with its record."""
        words, ranked = self.words, picture.ranked
        embedder = f" · {ranked.embedder}" if ranked.embedder else ""
        tone = "good" if ranked.rank == 1 else "plain"
        facts = [
            _tag(likeness_words(ranked, words) + embedder, tone),
            _tag(self._title(ranked)),
            _tag(words("Seed {seed}", seed=ranked.seed)),
            download_html(picture.path, words("Download PNG with its record")),
        ]
        notes = notes_html(ranked.notes, words)
        if notes:
            said = escape(words("How it was made"))
            notes = self._fold("notes", said, notes)
        return f'<div class="easyphoto-detail" lang="{words.tag}"><p>{"".join(facts)}</p>{notes}</div>'

    def faces(self, pairs: Sequence[FacePair]) -> str:
        """Return each person's own photo beside their face in the result, as large as the column allows."""
        rows = "".join(self._pair(pair) for pair in pairs)
        title = escape(self.words("Beside their own photos"))
        fold = self._fold("faces", title, f'<div class="easyphoto-pairs">{rows}</div>')
        return f'<div lang="{self.words.tag}">{fold}</div>' if rows else ""

    def _fold(self, name: str, title: str, content: str) -> str:
        """Return a fold that the page's script keeps as the reader left it, also for the next picture."""
        return (
            f'<details class="easyphoto-folded" data-easyphoto-fold="{escape(self.to)}_{name}">'
            f"<summary>{title}</summary>{content}</details>"
        )

    def _pair(self, pair: FacePair) -> str:
        own, made = self.words("{name}: a photo", name=pair.name), self.words("{name}: the portrait", name=pair.name)
        figures = [
            f'<figure><button type="button" data-easyphoto-whole aria-label="{escape(said)}">'
            f'<img src="{link}" alt=""></button><figcaption>{escape(said)}</figcaption></figure>'
            for link, said in ((pair.own, own), (pair.made, made))
            if link
        ]
        return f'<div class="easyphoto-pair">{"".join(figures)}</div>'

    # --- pictures to choose from ---

    def session(self, session: Session, shown: tuple[str, str], ticked: Sequence[tuple[str, str]]) -> str:
        """Return every picture of a session as a tile, most similar first; a click shows it."""
        who = f"{time_html(session.job.ended or session.job.created)} <span>{self._about(session)}</span>"
        pictures = session.pictures
        return self._gallery(who, pictures, shown, ticked, archive=self.words("Download all"), is_session=True)

    def favourites(
        self, pictures: Sequence[SessionPicture], shown: tuple[str, str], ticked: Sequence[tuple[str, str]]
    ) -> str:
        """Return the favourites of all sessions."""
        if not pictures:
            said = escape(self.words("No favourites yet. The star on a picture makes it one."))
            none = f'<p class="easyphoto-empty">{said}</p>'
            return f'<section lang="{self.words.tag}">{self._bar("", "", is_session=False)}{none}</section>'
        who, archive = escape(self.words("Favourites")), self.words("Download favourites")
        return self._gallery(who, pictures, shown, ticked, archive=archive, is_session=False)

    def _gallery(
        self,
        title: str,
        pictures: Sequence[SessionPicture],
        shown: tuple[str, str],
        ticked: Sequence[tuple[str, str]],
        *,
        archive: str,
        is_session: bool,
    ) -> str:
        here = sum(picture.key in ticked for picture in pictures)
        archive = self.words("Download {count} chosen", count=here) if here else archive
        tiles = "".join(
            self._tile(one, is_shown=one.key == shown, is_ticked=one.key in ticked)
            for one in pictures
            if one.path.is_file()
        )
        label = escape(self.words("Results, best likeness first"))
        return (
            f'<section lang="{self.words.tag}">{self._bar(title, archive, is_session=is_session)}'
            f'<div class="easyphoto-results" role="group" aria-label="{label}">{tiles}</div></section>'
        )

    def _bar(self, title: str, archive: str, *, is_session: bool) -> str:
        """Return the gallery's title, and what can be done with all of its pictures."""
        words = self.words
        buttons = [self._order(words("★ Favourites"), FAVOURITES, is_on=not is_session)]
        if archive:
            buttons.append(self._order(archive, ARCHIVE, words("As a ZIP, with what each was made with")))
        if is_session:
            buttons.append(self._order(words("Contact sheet"), SHEET, words("The session as one picture")))
        return (
            f'<div class="easyphoto-gallery-head"><h3 class="easyphoto-title">{title}</h3>'
            f'<span class="easyphoto-orders">{"".join(buttons)}</span></div>'
        )

    def _tile(self, picture: SessionPicture, *, is_shown: bool, is_ticked: bool) -> str:
        words, ranked, key = self.words, picture.ranked, list(picture.key)
        seed = words("Seed {seed}", seed=ranked.seed)
        about = f"{self._title(ranked)} · {seed}"
        star = words("Favourite: {picture}", picture=about)
        tick = words("Choose for download: {picture}", picture=about)
        is_star = picture.is_favourite
        return (
            f'<div class="easyphoto-result-tile"><button type="button" class="easyphoto-result"'
            f' data-easyphoto-order="{_order_text(SHOW, *key)}" data-easyphoto-to="{escape(self.to)}"'
            f' aria-pressed="{str(is_shown).lower()}">'
            f'<img src="{self.thumbnails.link(picture.path, TILE)}" alt="">{self._place(ranked)}'
            f"<span>{escape(likeness_words(ranked, words))}</span><small>{escape(about)}</small></button>"
            f"{self._mark('★' if is_star else '☆', STAR, key, star, is_on=is_star)}"
            f"{self._mark('✓' if is_ticked else '', TICK, key, tick, is_on=is_ticked)}</div>"
        )

    def _mark(self, sign: str, verb: str, key: Sequence[str], label: str, *, is_on: bool) -> str:
        order = json.dumps([verb, *key])
        return order_button(sign, order, to=self.to, label=label, style=f"easyphoto-mark easyphoto-{verb}", is_on=is_on)

    def _order(self, label: str, verb: str, about: str = "", *, is_on: bool | None = None) -> str:
        said = f"{label}: {about}" if about else ""
        return order_button(label, json.dumps([verb]), to=self.to, label=said, is_on=is_on)

    # --- earlier sessions ---

    def earlier(self, sessions: Sequence[Session], shown: tuple[str, str]) -> str:
        """Return other sessions as strips of small pictures, newest first."""
        if not sessions:
            return ""
        strips = "".join(self._small_strip(session, shown) for session in sessions)
        title = escape(self.words("Other sessions"))
        return f'<section lang="{self.words.tag}"><h3 class="easyphoto-title">{title}</h3>{strips}</section>'

    def _small_strip(self, session: Session, shown: tuple[str, str]) -> str:
        when, about = time_html(session.job.ended or session.job.created), self._about(session)
        small = "".join(self._small(one, is_shown=one.key == shown) for one in session.pictures[:MOST_SMALL])
        more = len(session.pictures) - MOST_SMALL
        rest = f"<span>+ {more}</span>" if more > 0 else ""
        return f'<div class="easyphoto-strip"><p>{when} <span>{about}</span></p><div>{small}{rest}</div></div>'

    def _small(self, picture: SessionPicture, *, is_shown: bool) -> str:
        about = f"{self._title(picture.ranked)} · {self.words('Seed {seed}', seed=picture.ranked.seed)}"
        return (
            f'<button type="button" class="easyphoto-small" data-easyphoto-order="{_order_text(SHOW, *picture.key)}"'
            f' data-easyphoto-to="{escape(self.to)}" aria-pressed="{str(is_shown).lower()}" title="{escape(about)}">'
            f'<img src="{self.thumbnails.link(picture.path, SMALL)}" alt="{escape(about)}"></button>'
        )

    def _about(self, session: Session) -> str:
        templates = list(dict.fromkeys(self._title(one.ranked) for one in session.pictures))
        few = ", ".join(templates[:2]) + (f" + {len(templates) - 2}" if len(templates) > 2 else "")
        return escape(f"{capital(self.words.translate(session.job.title))} · {few}")

    def _title(self, picture: Ranked) -> str:
        if picture.is_drawn and picture.template not in self.titles:
            return self.words("Drawn from words")
        return self.titles.get(picture.template, known_stem(picture.template))

    def _place(self, picture: Ranked) -> str:
        return f'<b class="easyphoto-rank">{picture.rank}</b>' if picture.rank is not None else ""

    # --- every step ---

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


def read_order(order: str) -> tuple[str, str, str]:
    """Parse a pressed button's order: the verb, and the job and file of its picture, "" where it is about several."""
    verb, job, file = (*json.loads(order), "", "")[:3]
    return str(verb), str(job), str(file)


def _order_text(*parts: str) -> str:
    return escape(json.dumps(parts))


def _tag(text: str, tone: str = "plain") -> str:
    return f'<span class="easyphoto-tag" data-tone="{tone}">{escape(text)}</span>'


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
