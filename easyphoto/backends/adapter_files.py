"""Identity adapters (IP-Adapter, FaceID, InstantID): what a file is, told by the names and shapes in its header.

File names say nothing certain: users rename files, and web UIs want other names than the publishers gave.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from easyphoto.architectures.header import UNET, Header
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.strangers import is_lora
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.weights.catalog import CATALOG

PROJECTION, LAYERS = "image_proj.", "ip_adapter."
"""Prefixes of the tensors that make tokens of a face, and of those that make keys and values of the tokens."""
EMBEDDER_NOTE = "easyphoto.embedder"
"""Metadata of an adapter that was not trained on its kind's usual embedder: the id of its own."""
_LAYER = re.compile(r"ip_adapter\.(\d+)\.to_k_ip\.weight")
_PERCEIVER = f"{PROJECTION}perceiver_resampler."
PICTURE_WIDTH = 1280
"""Width of the hidden states of CLIP ViT-H/14, the picture encoder of all kinds that need one."""
_OTHER_ENCODERS = {1024: "CLIP ViT-L/14", 1664: "CLIP ViT-bigG/14"}
_INSTANTID_VECTOR = 512
_SECOND_VERSIONS = ("ip-adapter-faceid-plusv2-sd15", "ip-adapter-faceid-plusv2-sdxl")


class AdapterKind(str, Enum):
    PLUS = "ip-adapter-plus"
    FULL = "ip-adapter-full"
    FACEID = "faceid"
    FACEID_PLUS = "faceid-plus"
    """Also its second version, which has the same layout: see `adds_plain_tokens`."""
    FACEID_PORTRAIT = "faceid-portrait"
    INSTANTID = "instantid"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def takes_unit_vectors(self) -> bool:
        """Whether it was trained on vectors of unit length; InstantID was trained on raw ones."""
        return self in (AdapterKind.FACEID, AdapterKind.FACEID_PLUS, AdapterKind.FACEID_PORTRAIT)


_LABELS = {
    AdapterKind.PLUS: "IP-Adapter Plus",
    AdapterKind.FULL: "IP-Adapter Full-Face",
    AdapterKind.FACEID: "FaceID",
    AdapterKind.FACEID_PLUS: "FaceID-Plus",
    AdapterKind.FACEID_PORTRAIT: "FaceID-Portrait",
    AdapterKind.INSTANTID: "InstantID",
}
_FACEID_TOKENS = {4: AdapterKind.FACEID, 16: AdapterKind.FACEID_PORTRAIT}
_EMBEDDERS = {
    AdapterKind.FACEID: "buffalo_l",
    AdapterKind.FACEID_PLUS: "buffalo_l",
    AdapterKind.FACEID_PORTRAIT: "buffalo_l",
    AdapterKind.INSTANTID: "antelopev2",
}


@dataclass(frozen=True)
class AdapterLayout:
    """What the header of an identity adapter says."""

    name: str
    """The file's name, for messages."""
    kind: AdapterKind
    words_width: int
    """Width of the text embeddings beside which its tokens stand; identifies the family."""
    vector_width: int | None
    """Length of the face vector it takes; None: none."""
    picture_width: int | None
    """Width of the picture encoder's hidden states it takes; None: none."""
    tokens: int
    layers: tuple[int, ...]
    """Numbers of the cross-attention layers it has keys and values for: their positions in `unet.attn_processors`."""
    embedder: str | None
    """Id of the embedder whose vectors it was trained on."""

    def require_words(self, width: int) -> None:
        """Raise InputError if the base model's text embeddings are not of the adapter's width."""
        if width != self.words_width:
            raise InputError(
                text(
                    "{name} is made for {family}; this base checkpoint is {base}.",
                    name=self.name,
                    family=_family_words(self.words_width),
                    base=_family_words(width),
                ),
                advice=text("Use the adapter of the same kind for {base}.", base=_family_words(width)),
            )

    def require_vectors(self, embedder: str, width: int) -> None:
        """Raise InputError if the vectors are of another embedder, or of another length than the adapter takes.

        Vectors of another embedder cause no error by themselves: the face is just somebody else's.
        """
        if self.embedder is not None and embedder != self.embedder:
            raise InputError(
                text(
                    "{name} ({kind}) needs faces measured with {wanted}; this one was measured with {given}.",
                    name=self.name,
                    kind=self.kind.label,
                    wanted=self.embedder,
                    given=embedder,
                ),
                advice=text(
                    "Faces measured in two ways cannot be compared: choose {wanted} for face recognition.",
                    wanted=self.embedder,
                ),
            )
        if self.vector_width is not None and width != self.vector_width:
            raise InputError(
                text(
                    "{name} needs {wanted} numbers for each face; {embedder} gives {given}.",
                    name=self.name,
                    wanted=self.vector_width,
                    embedder=embedder,
                    given=width,
                ),
                advice=text("Check the files of the adapter and of face recognition: easyphoto weights check"),
            )


def layout_of(header: Header) -> AdapterLayout:
    """The layout that these names and shapes have. Raises InputError that says what the file is instead."""
    for what, fits, advice in _REFUSED:
        if fits(header):
            raise InputError(text("{source} is {what}.", source=header.name, what=what), advice=advice)
    layers = tuple(sorted(int(match[1]) for match in map(_LAYER.fullmatch, header.shapes) if match))
    widths = {header.size(f"{LAYERS}{number}.to_k_ip.weight", 1) for number in layers}
    width = widths.pop() if len(widths) == 1 else None
    if width is None:
        raise _unknown(header)
    kind, vector, picture, tokens = _kind(header, width)
    embedder = header.metadata.get(EMBEDDER_NOTE, _EMBEDDERS.get(kind))
    return AdapterLayout(header.name, kind, width, vector, picture, tokens, layers, embedder)


def adds_plain_tokens(name: str, sha256: str = "") -> bool:
    """Whether a FaceID-Plus file is the second version, whose tokens are the vector's own plus the perceiver's.

    The first version's are the perceiver's alone. Both have the same layout, so the catalogue's hash decides, else the
    file's name as in web UIs (`plus` without `v2` is the first), else it is taken for the second, the usual one.
    """
    if sha256 and sha256 in {CATALOG[id].sha256 for id in _SECOND_VERSIONS}:
        return True
    return "v2" in name.lower() or "plus" not in name.lower()


def _kind(header: Header, width: int) -> tuple[AdapterKind, int | None, int | None, int]:
    """Kind, width of the vector, width of the picture's states, number of tokens. The order of the tests matters."""
    if header.has(_PERCEIVER):
        picture = _known_encoder(header, header.size(f"{_PERCEIVER}proj_in.weight", 1))
        tokens = _rows(header, "proj.2.weight") // width
        return AdapterKind.FACEID_PLUS, _vector_width(header), picture, tokens
    if len(header.shapes.get(f"{PROJECTION}proj.3.weight", ())) == 1:
        return AdapterKind.FULL, None, _known_encoder(header, header.size(f"{PROJECTION}proj.0.weight", 1)), 257
    if f"{PROJECTION}latents" in header.shapes:
        tokens = header.size(f"{PROJECTION}latents", 1) or 0
        taken = header.size(f"{PROJECTION}proj_in.weight", 1)
        if taken == _INSTANTID_VECTOR:
            return AdapterKind.INSTANTID, taken, None, tokens
        return AdapterKind.PLUS, None, _known_encoder(header, taken), tokens
    tokens = _rows(header, "proj.2.weight") // width
    if tokens not in _FACEID_TOKENS:
        raise _unknown(header)
    return _FACEID_TOKENS[tokens], _vector_width(header), None, tokens


def _rows(header: Header, name: str) -> int:
    return header.size(PROJECTION + name, 0) or 0


def _vector_width(header: Header) -> int:
    width = header.size(f"{PROJECTION}proj.0.weight", 1)
    if width is None:
        raise _unknown(header)
    return width


def _known_encoder(header: Header, width: int | None) -> int:
    """The width of the picture encoder's states, if it is ViT-H's. Raises InputError."""
    if width == PICTURE_WIDTH:
        return width
    if width is None:
        raise _unknown(header)
    raise InputError(
        text(
            "{name} is made for the image encoder {encoder}, not for CLIP ViT-H/14.",
            name=header.name,
            encoder=_OTHER_ENCODERS.get(width, str(width)),
        ),
        advice=_TAKE,
    )


def _family_words(width: int) -> str:
    family = FAMILIES.of_words_width(width)
    return family.short if family is not None else text("a model of text width {width}", width=width)


def _unknown(header: Header) -> InputError:
    return InputError(
        text("{source} is {what}.", source=header.name, what=text("not an identity adapter that EasyPhoto knows")),
        advice=_TAKE,
    )


Test = Callable[[Header], bool]


def _begins(*beginnings: str) -> Test:
    return lambda header: header.has(*beginnings)


def _both(first: str, second: str) -> Test:
    return lambda header: header.has(first) and header.has(second)


def _is_adapter(header: Header) -> bool:
    return header.has(LAYERS) or header.has(PROJECTION)


def _is_lora(header: Header) -> bool:
    return not _is_adapter(header) and is_lora(header)


def _is_flux_adapter(header: Header) -> bool:
    # A UNet's cross-attention layers have odd numbers only; a transformer's layers are numbered from 0.
    return header.has("ip_adapter_proj_model.") or f"{LAYERS}0.to_k_ip.weight" in header.shapes


_TAKE = text("`easyphoto weights list` shows the adapters that EasyPhoto knows.")
_NOT_YET = text("It is not supported yet: use one of {kinds}.", kinds=", ".join(kind.label for kind in AdapterKind))
_FOR_TRANSFORMERS = text("Identity adapters work with {families} here.", families=FAMILIES.names_of_files("and"))
_CONTROL = text(
    "InstantID comes with one, and so does EcomID (not supported yet). What is needed here is the "
    "adapter, ip-adapter.bin."
)
# The order matters: files of an earlier kind may also pass a later test.
_REFUSED: tuple[tuple[str, Test, str], ...] = (
    (text("empty"), lambda header: not header.shapes, text("Fetch the file again.")),
    ("PhotoMaker V2", _both("id_encoder.fuse_module.", "id_encoder.qformer_perceiver."), _NOT_YET),
    ("PhotoMaker V1", _begins("id_encoder.fuse_module."), _NOT_YET),
    ("PuLID v1.1", _begins("id_adapter.latents", f"{PROJECTION}id_embedding_mapping."), _NOT_YET),
    ("PuLID v1", _begins("id_adapter.", "id_adapter_attn_layers.", f"{PROJECTION}body."), _NOT_YET),
    ("PuLID for FLUX", _begins("pulid_ca.", "pulid_encoder."), _FOR_TRANSFORMERS),
    (
        text("an IP-Adapter for SD 3"),
        _begins(f"{PROJECTION}time_embedding.", f"{LAYERS}0.norm_ip."),
        _FOR_TRANSFORMERS,
    ),
    (text("an adapter for FLUX"), _is_flux_adapter, _FOR_TRANSFORMERS),
    (
        text("a plain IP-Adapter, which is for pictures in general and not for faces"),
        _begins(f"{PROJECTION}proj.weight"),
        text("Use plus-face or full-face. {list}", list=_TAKE),
    ),
    (text("a LoRA"), _is_lora, text("Give it where a LoRA is asked for. {list}", list=_TAKE)),
    (
        text("a ControlNet"),
        _begins("control_model.", "controlnet_", "input_hint_block.", "lora_controlnet"),
        _CONTROL,
    ),
    (text("a checkpoint"), _begins(UNET), _TAKE),
    (text("an image encoder"), _begins("vision_model.", "visual."), _TAKE),
)
