"""The identity of a drawn person: everything that is the same in all of a person's pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

Colour = tuple[float, float, float]

# Lengths are in face units: half a standard face width is 1, the eye line is v = 0, v grows downwards.
GEOMETRY_RANGES: dict[str, tuple[float, float]] = {
    "eye_spacing": (0.40, 0.56),  # middle of the face to the eye centre
    "eye_size": (0.21, 0.30),  # half of the eye width
    "eye_open": (0.46, 0.88),  # upper lid height / half eye width
    "eye_tilt": (-0.26, 0.26),  # radians, positive lifts the outer corner
    "lid_fold": (0.0, 1.0),  # heaviness of the upper lid
    "iris_size": (0.46, 0.66),  # iris radius / half eye width
    "brow_thickness": (0.05, 0.18),
    "brow_angle": (-0.30, 0.30),  # radians, positive lifts the outer end
    "brow_height": (0.38, 0.56),  # above the eye centre
    "brow_arch": (0.0, 0.11),
    "brow_length": (0.24, 0.36),  # half length
    "nose_length": (0.42, 0.76),
    "nose_width": (0.14, 0.36),  # half width at the wings
    "nose_bridge": (0.04, 0.13),
    "nose_tip": (-1.0, 1.0),  # -1 drooping and pointed, 1 upturned and round
    "mouth_width": (0.27, 0.54),  # half width
    "lip_upper": (0.05, 0.17),
    "lip_lower": (0.07, 0.23),
    "mouth_curve": (-0.05, 0.09),  # positive lifts the corners at rest
    "mouth_place": (0.40, 0.54),  # between nose (0) and chin (1)
    "jaw_width": (0.58, 0.93),
    "chin_length": (1.42, 1.75),
    "chin_point": (0.14, 0.50),  # half width of the chin
    "cheek_width": (0.88, 1.03),
    "blush": (0.0, 1.0),
    "freckles": (0.0, 1.0),
    "beard": (0.0, 1.0),
}
_COLOURS = ("skin", "iris", "lips")
IDENTITY_PARAMETERS: tuple[str, ...] = (
    *(f"{name}_{channel}" for name in _COLOURS for channel in "rgb"),
    *GEOMETRY_RANGES,
    "moles",
    "scar",
)

HAIR_FORMS: tuple[str, ...] = (
    "bald", "buzz", "short", "side", "spiky", "curly", "afro", "bob", "long", "bun", "fringe", "ponytail",
)  # fmt: skip
IRIS_COLOURS: dict[str, Colour] = {
    "brown": (0.42, 0.24, 0.10),
    "dark": (0.20, 0.12, 0.08),
    "amber": (0.76, 0.48, 0.12),
    "green": (0.28, 0.58, 0.28),
    "blue": (0.22, 0.48, 0.82),
    "grey": (0.52, 0.60, 0.66),
    "violet": (0.48, 0.34, 0.72),
}
HAIR_COLOURS: dict[str, Colour] = {
    "black": (0.09, 0.08, 0.10),
    "dark brown": (0.24, 0.15, 0.10),
    "brown": (0.43, 0.27, 0.16),
    "red": (0.68, 0.28, 0.12),
    "blond": (0.88, 0.70, 0.38),
    "grey": (0.58, 0.58, 0.60),
    "white": (0.88, 0.87, 0.85),
}
LIP_COLOURS: dict[str, Colour] = {
    "rose": (0.84, 0.40, 0.44),
    "red": (0.80, 0.14, 0.20),
    "plum": (0.48, 0.15, 0.30),
    "brown": (0.52, 0.26, 0.20),
    "coral": (0.94, 0.46, 0.36),
}
AGE_WORDS: dict[str, float] = {"child": 13.0, "young": 25.0, "adult": 45.0, "middle aged": 60.0, "old": float("inf")}
"""Each word of an age, and the years before which it holds."""
_SKIN_STOPS = np.array(
    [(0.98, 0.84, 0.74), (0.95, 0.75, 0.60), (0.84, 0.62, 0.45), (0.62, 0.42, 0.29), (0.40, 0.26, 0.19)]
)
_SKIN_WORDS = ("pale", "light", "tan", "brown", "dark")


@dataclass(frozen=True)
class DrawnIdentity:
    """A drawn person. Colours are RGB in 0..1, lengths are face units (see ``GEOMETRY_RANGES``).

    ``moles`` holds (u, v, radius) in face units; ``scar`` is (u, v, angle, length), the angle in radians, or empty.
    ``freckle_seed`` determines the positions of freckles. ``age`` is in years (``ageing.aged`` gives one): nobody has
    one unless it is asked for, so that a seed's person stays who they were.
    """

    seed: int
    skin: Colour
    iris: Colour
    lips: Colour
    hair: Colour
    hair_form: str
    eye_spacing: float
    eye_size: float
    eye_open: float
    eye_tilt: float
    lid_fold: float
    iris_size: float
    brow_thickness: float
    brow_angle: float
    brow_height: float
    brow_arch: float
    brow_length: float
    nose_length: float
    nose_width: float
    nose_bridge: float
    nose_tip: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    mouth_curve: float
    mouth_place: float
    jaw_width: float
    chin_length: float
    chin_point: float
    cheek_width: float
    blush: float
    freckles: float
    beard: float
    freckle_seed: int
    moles: tuple[tuple[float, float, float], ...]
    scar: tuple[float, ...]
    age: float | None = None

    def vector(self) -> np.ndarray:
        """The identity as (len(IDENTITY_PARAMETERS),) float32, each entry about -1..1."""
        colours = [2.0 * channel - 1.0 for name in _COLOURS for channel in getattr(self, name)]
        geometry = [2.0 * (getattr(self, k) - lo) / (hi - lo) - 1.0 for k, (lo, hi) in GEOMETRY_RANGES.items()]
        marks = [len(self.moles) - 1.0, 1.0 if self.scar else -1.0]
        return np.array(colours + geometry + marks, dtype=np.float32)

    def words(self) -> str:
        """Caption attributes from a small fixed vocabulary, comma separated."""
        said = [f"{_nearest(self.iris, IRIS_COLOURS)} eyes"]
        said += self._extreme("eye_size", "small eyes", "large eyes")
        said += self._extreme("eye_spacing", "close eyes", "wide-set eyes")
        said += self._extreme("brow_thickness", "thin brows", "thick brows")
        said += self._extreme("nose_width", "narrow nose", "wide nose")
        said += self._extreme("nose_length", "short nose", "long nose")
        said += self._extreme("mouth_width", "small mouth", "wide mouth")
        said += self._extreme("jaw_width", "narrow jaw", "broad jaw")
        said.append(f"{_nearest(self.lips, LIP_COLOURS)} lips")
        said.append(f"{_skin_word(self.skin)} skin")
        said += ["freckles"] if self.freckles > 0.4 else []
        said += ["beard shadow"] if self.beard > 0.4 else []
        said += [age_word(self.age)] if self.age is not None else []
        return ", ".join(said)

    def _extreme(self, name: str, low: str, high: str) -> list[str]:
        lo, hi = GEOMETRY_RANGES[name]
        part = (getattr(self, name) - lo) / (hi - lo)
        return [low] if part < 0.3 else [high] if part > 0.7 else []


def age_word(age: float) -> str:
    """The word of an age in years."""
    return next(word for word, until in AGE_WORDS.items() if age < until)


def sample_identity(seed: int) -> DrawnIdentity:
    """The person of a seed; geometry is sampled uniformly from wide ranges, so that people differ by shape."""
    rng = np.random.default_rng([101, seed])
    geometry = {name: round(float(rng.uniform(lo, hi)), 5) for name, (lo, hi) in GEOMETRY_RANGES.items()}
    # Marks that most people lack: they are absent or clearly visible, never faint.
    for name, share in (("freckles", 0.3), ("beard", 0.3), ("blush", 0.6)):
        geometry[name] = round(float(rng.uniform(0.45, 1.0)) if rng.random() < share else 0.0, 5)
    # A wider mouth would extend beyond a narrow lower face.
    geometry["mouth_width"] = round(min(geometry["mouth_width"], 0.72 * geometry["jaw_width"]), 5)
    skin = _sample_skin(rng)
    return DrawnIdentity(
        seed=int(seed),
        skin=skin,
        iris=_jitter(rng, _choose(rng, IRIS_COLOURS), 0.05),
        lips=_sample_lips(rng, skin),
        hair=_jitter(rng, _choose(rng, HAIR_COLOURS), 0.03),
        hair_form=str(HAIR_FORMS[int(rng.integers(len(HAIR_FORMS)))]),
        freckle_seed=int(rng.integers(1 << 30)),
        moles=_sample_moles(rng, geometry),
        scar=_sample_scar(rng),
        **geometry,
    )


def with_colours_of(identity: DrawnIdentity, other: DrawnIdentity) -> DrawnIdentity:
    """``identity`` with the skin, hair, lip and iris colours of ``other``: an impostor differing only in geometry."""
    return replace(identity, skin=other.skin, hair=other.hair, lips=other.lips, iris=other.iris)


def _sample_skin(rng: np.random.Generator) -> Colour:
    tone = float(rng.uniform(0.0, len(_SKIN_STOPS) - 1.0))
    base = np.array([np.interp(tone, np.arange(len(_SKIN_STOPS)), _SKIN_STOPS[:, c]) for c in range(3)])
    return _clip(base + rng.uniform(-0.03, 0.03, 3))


def _sample_lips(rng: np.random.Generator, skin: Colour) -> Colour:
    paint = np.array(_choose(rng, LIP_COLOURS))
    natural = np.array(skin) * (0.86, 0.62, 0.64)
    share = float(rng.uniform(0.35, 1.0))
    return _clip(natural * (1.0 - share) + paint * share)


def _sample_moles(rng: np.random.Generator, geometry: dict[str, float]) -> tuple[tuple[float, float, float], ...]:
    spots = []
    for _ in range(int(rng.choice(3, p=(0.5, 0.35, 0.15)))):
        side = 1.0 if rng.random() < 0.5 else -1.0
        u = side * float(rng.uniform(0.36, 0.68))
        v = float(rng.uniform(0.38, 0.85)) * geometry["chin_length"] / 1.5
        spots.append((round(u, 5), round(v, 5), round(float(rng.uniform(0.030, 0.050)), 5)))
    return tuple(spots)


def _sample_scar(rng: np.random.Generator) -> tuple[float, ...]:
    u, v = float(rng.uniform(0.45, 0.66)), float(rng.uniform(0.35, 0.7))
    angle, length = float(rng.uniform(-0.7, 0.7)), float(rng.uniform(0.3, 0.5))
    side = 1.0 if rng.random() < 0.5 else -1.0
    return (round(side * u, 5), round(v, 5), round(angle, 5), round(length, 5)) if rng.random() < 0.15 else ()


def _choose(rng: np.random.Generator, named: dict[str, Colour]) -> Colour:
    return list(named.values())[int(rng.integers(len(named)))]


def _jitter(rng: np.random.Generator, colour: Colour, reach: float) -> Colour:
    return _clip(np.array(colour) + rng.uniform(-reach, reach, 3))


def _clip(colour: np.ndarray) -> Colour:
    r, g, b = (round(float(c), 5) for c in np.clip(colour, 0.02, 1.0))
    return r, g, b


def _nearest(colour: Colour, named: dict[str, Colour]) -> str:
    return min(named, key=lambda name: sum((a - b) ** 2 for a, b in zip(colour, named[name], strict=True)))


def _skin_word(skin: Colour) -> str:
    return _SKIN_WORDS[int(np.argmin(((_SKIN_STOPS - np.array(skin)) ** 2).sum(axis=1)))]
