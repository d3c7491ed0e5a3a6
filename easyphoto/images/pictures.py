"""Reads pictures safely, writes them atomically, resizes, warps and blends them.

Pictures are PIL RGB at the borders and arrays inside functions. A mask is (height, width) float32 in 0..1.
"""

from __future__ import annotations

import json
import math
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFont, PngImagePlugin

from easyphoto import __version__
from easyphoto.geometry import Box, Size, lying_at, scale_of
from easyphoto.images.decoding import Decoded, Place, decoded, places, put_together, turned
from easyphoto.images.formats import SUFFIXES
from easyphoto.images.opening import open_picture
from easyphoto.images.profiles import Conversion, Profile, UnusableProfile, profile_for
from easyphoto.messages import Text, note
from easyphoto.storage.files import atomic_path

MADE_BY = f"EasyPhoto {__version__}"
# A warp to a smaller scale than this would skip pixels; averaging first preserves thin lines (brows, lids).
LEAST_WARP = 0.7
_SMALL = 4_000_000
# zlib's fastest level. Photographs take 55 ms a megapixel instead of 200 at Pillow's 6, and an eighth more bytes (1.29
# instead of 1.14 a pixel); drawings 16 instead of 25 ms. At 4 it would be 90 ms and 4 % more bytes.
_COMPRESSION = 1


def read_picture(source: Path, *, longest: int | None = None) -> Image.Image:
    """An RGB picture in sRGB, upright by its EXIF tag, reduced so that no side exceeds `longest` pixels, if given.

    Raises BadPicture for a file that is not a picture, is truncated, or would take too much memory.
    """
    return read_with_notes(source, longest=longest)[0]


def read_with_notes(source: Path, *, longest: int | None = None) -> tuple[Image.Image, tuple[Text, ...]]:
    """As `read_picture`, with notes on what could not be respected in the file."""
    with decoded(source, longest=longest) as held:
        factor = 1 if longest is None else max(1, max(held.raw.size) // (2 * longest))
        return _converted(held, factor, longest)


def read_at_least(source: Path, long: int) -> tuple[Image.Image, tuple[Text, ...]]:
    """As `read_with_notes`, with a longer side of at least `long` pixels (or the file's own) and less than twice that.

    Pixels are averaged over whole squares, by the decoder where it can; Lanczos would take longer than all the rest.
    """
    with decoded(source, longest=long) as held:
        return _converted(held, max(1, max(held.raw.size) // long), None)


def shrunk(picture: Image.Image, longest: int) -> Image.Image:
    """The picture averaged to a longer side of at most `longest` pixels, with the exact share of every pixel."""
    import cv2

    scale = longest / max(picture.size)
    if scale >= 1:
        return picture
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return as_picture(cv2.resize(np.asarray(picture), size, interpolation=cv2.INTER_AREA))


def _converted(held: Decoded, factor: int, longest: int | None) -> tuple[Image.Image, tuple[Text, ...]]:
    """The upright RGB picture, averaged by `factor`, then reduced to `longest`, and the notes on it."""
    profile, notes = usable_profile(held)
    converted = way_to_srgb(profile)
    # Reduce first, to convert fewer pixels; but transparent pixels must be put on white before reducing.
    is_late = (longest is not None or factor > 1) and not held.has_alpha

    def part(place: Place) -> Image.Image:
        colours, alpha = held.parts(place)
        colours = in_8_bits(colours)
        if is_late:
            return colours
        return converted(colours) if alpha is None else on_white(converted(colours), alpha)

    mode = "RGB" if not is_late else "L" if held.mode == "I;16" else held.mode
    picture = put_together(held.raw.size, mode, part, factor=factor)
    picture = turned(picture, held.turn)
    if longest is not None:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return (converted(picture) if is_late else picture), notes


def usable_profile(held: Decoded) -> tuple[Profile | None, tuple[Text, ...]]:
    """The profile embedded in the file; None, with a note, where it does not fit the picture."""
    if held.profile is None:
        return None, ()
    try:
        return profile_for(held.profile, "L" if held.mode == "I;16" else held.mode), ()
    except UnusableProfile as error:
        return None, (note("profile-ignored", "its colour profile was ignored, because {why}", why=error.why),)


def in_8_bits(colours: Image.Image) -> Image.Image:
    """16-bit greys scaled to 8 bits; other pictures unchanged."""
    if colours.mode != "I;16":
        return colours
    scaled = ((np.arange(65536, dtype=np.uint32) + 128) // 257).astype(np.uint8)
    return Image.fromarray(scaled[np.asarray(colours)])


def way_to_srgb(profile: Profile | None) -> Conversion:
    """The conversion from L, RGB or CMYK to RGB in sRGB."""
    if profile is None or profile.is_srgb:
        return lambda colours: colours.convert("RGB")
    through = profile.to_srgb()

    def converted(colours: Image.Image) -> Image.Image:
        picture = through(colours)
        # Rounding makes the channels of some greys differ by one step.
        return Image.merge("RGB", (picture.getchannel("G"),) * 3) if colours.mode == "L" else picture

    return converted


def on_white(picture: Image.Image, alpha: Image.Image) -> Image.Image:
    """The picture on white: transparent pixels become white, as in a viewer."""
    layered = picture.convert("RGBA")
    layered.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")


def reduced_to(picture: Image.Image, longest: int) -> Image.Image:
    """A copy by Lanczos with a longer side of at most `longest` pixels; the picture itself where it is no larger."""
    if max(picture.size) <= longest:
        return picture
    made = picture.copy()
    made.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return made


def picture_files(folder: Path, *, only_files: bool = True) -> tuple[Path, ...]:
    """The files of a folder with a picture's suffix, sorted by name; without `only_files` other entries too.

    Hidden files are skipped: files that are being written, and those that some systems add to each picture.
    """
    seen = (path for path in folder.iterdir() if not path.name.startswith("."))
    named = sorted(path for path in seen if path.suffix.lower() in SUFFIXES)
    return tuple(path for path in named if not only_files or path.is_file())


class DigitalSource(Enum):
    """What IPTC's DigitalSourceType says of a picture: the sign of AI that other programs and sites read."""

    DRAWN = "trainedAlgorithmicMedia"
    COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
    """A picture that was there before, with parts that a model painted."""


XMP = "XML:com.adobe.xmp"
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{tool}"
 Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{source}"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def write_picture(
    target: Path,
    picture: Image.Image,
    record: dict[str, Any] | None = None,
    *,
    profile: bytes | None = None,
    source: DigitalSource | None = None,
) -> Path:
    """Write a PNG atomically; `record` says what made the picture, and `picture_record` reads it back.

    `profile` is the ICC profile of the picture's values; None means sRGB. `source` is written as XMP.
    """
    note = PngImagePlugin.PngInfo()
    note.add_text("Software", MADE_BY)
    if record is not None:
        note.add_text("Comment", "made with AI")
        note.add_text("easyphoto", json.dumps(record, ensure_ascii=True))
    if source is not None:
        note.add_itxt(XMP, _PACKET.format(tool=MADE_BY, source=source.value))
    with atomic_path(target) as temporary:
        # Always passed, because Pillow would otherwise embed the profile in the picture's `info`.
        picture.save(temporary, format="PNG", pnginfo=note, icc_profile=profile, compress_level=_COMPRESSION)
    return target


def picture_record(source: Path) -> dict[str, Any] | None:
    """The record that `write_picture` wrote into a PNG; None where there is none."""
    with open_picture(source) as picture:
        note = picture.info.get("easyphoto")
    return json.loads(note) if note else None


Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def built_in_font(size: int) -> Font:
    """Pillow's built-in font. Before Pillow 10.1, and web UIs pin such versions, it has a single size."""
    try:
        return ImageFont.load_default(size)
    except TypeError:
        return ImageFont.load_default()


def drawable(text: str, font: Font) -> str:
    """The text with question marks for what the font cannot draw; the single-size font covers Latin 1 only."""
    return text if isinstance(font, ImageFont.FreeTypeFont) else text.encode("latin-1", "replace").decode("latin-1")


def as_array(picture: Image.Image) -> np.ndarray:
    """The picture as a writable copy, (height, width, 3) uint8 RGB."""
    return numbers_of(picture if picture.mode == "RGB" else picture.convert("RGB"))


def numbers_of(picture: Image.Image) -> np.ndarray:
    """A copy of the picture's own values: (height, width) or (height, width, channels), uint8 or uint16 by its mode.

    Large pictures are copied in blocks, because numpy makes two more copies on the way.
    """
    if picture.width * picture.height <= _SMALL:
        return np.array(picture)
    like = np.asarray(picture.crop((0, 0, 1, 1)))
    numbers = np.empty((picture.height, picture.width, *like.shape[2:]), like.dtype)
    for left, top, right, bottom in places(picture.size):
        numbers[top:bottom, left:right] = np.asarray(picture.crop((left, top, right, bottom)))
    return numbers


def as_picture(array: np.ndarray) -> Image.Image:
    """A PIL RGB picture of a (height, width, 3) uint8 array."""
    return Image.fromarray(np.ascontiguousarray(array, np.uint8))


def resized(picture: Image.Image, size: Size) -> Image.Image:
    """The picture at another size: by area averaging where it shrinks, Lanczos where it grows."""
    shrinks = size.width <= picture.width and size.height <= picture.height
    way = Image.Resampling.BOX if shrinks else Image.Resampling.LANCZOS
    return picture if picture.size == (size.width, size.height) else picture.resize((size.width, size.height), way)


def resized_mask(mask: np.ndarray, size: Size) -> np.ndarray:
    """A mask at another size, float32 in 0..1: by area averaging where it shrinks, bilinear where it grows."""
    import cv2

    shrinks = size.width <= mask.shape[1] and size.height <= mask.shape[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.clip(cv2.resize(mask.astype(np.float32), (size.width, size.height), interpolation=way), 0, 1)


def resized_labels(labels: np.ndarray, size: Size) -> np.ndarray:
    """A part map, (height, width) uint8, at another size by nearest neighbour, which makes no new labels."""
    import cv2

    return cv2.resize(labels, (size.width, size.height), interpolation=cv2.INTER_NEAREST_EXACT)


def reduced(image: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The array averaged to about `scale` (0..1) of its size, and the exact ratio (x, y).

    `image`: (height, width) or (height, width, 3), uint8 or float32; the result has its type. The ratio, (2,) float64,
    is in pixels of the image per pixel of the result.
    """
    import cv2

    height, width = image.shape[:2]
    # With a factor instead of a size, OpenCV drops the last partial pixel, and all positions shift.
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.array([width / size[0], height / size[1]])


def warped(
    image: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...], *, outside: float | None = None
) -> np.ndarray:
    """An array of one or three channels warped by a (2, 3) affine matrix to an array of `shape` (height, width).

    Only the needed part is read; it is averaged first where it shrinks below `LEAST_WARP`. Beyond the image its edge is
    repeated, or filled with `outside` if given. The result has the image's type (uint8 or float32).
    """
    import cv2

    image, matrix = needed(image, matrix, shape)
    scale = scale_of(matrix)
    if scale < LEAST_WARP:
        image, ratio = reduced(image, scale)
        # The centre of pixel 0 is half a pixel from the edge at either size, hence the halves.
        shift = matrix[:, :2] @ (0.5 * ratio - 0.5) + matrix[:, 2]
        matrix = np.column_stack([matrix[:, :2] * ratio, shift])
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    size, value = (shape[1], shape[0]), (outside or 0.0,) * 3
    laid = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border, borderValue=value)
    return np.asarray(laid)


def needed(image: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image that the result shows, and the matrix for that part.

    A face needs a hundredth of a large photo, and OpenCV 4 cannot warp pictures of 32,767 pixels or more on a side.
    """
    import cv2

    size, scale = Size.of(image), max(scale_of(matrix), 1e-3)
    margin = 2.0 * max(1.0, 1.0 / scale) + 1.0
    box = lying_at(cv2.invertAffineTransform(matrix), Size(shape[1], shape[0])).grown(*(math.ceil(margin),) * 4)
    left = int(np.clip(box.left, 0, size.width - 1))
    top = int(np.clip(box.top, 0, size.height - 1))
    right = int(np.clip(box.right, left + 1, size.width))
    bottom = int(np.clip(box.bottom, top + 1, size.height))
    shift = matrix[:, 2] + matrix[:, :2] @ np.array([left, top], np.float64)
    return image[top:bottom, left:right], np.column_stack([matrix[:, :2], shift])


def blended(base: np.ndarray, over: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`over` on `base` through `alpha`; where `alpha` is 0, the bytes of `base` are unchanged.

    `base` and `over`: (height, width, 3) uint8; `alpha`: (height, width) float32 in 0..1.
    """
    import cv2

    result = base.copy()
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if len(rows):
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        weight = alpha[part][..., None].astype(np.float32)
        mixed = base[part] * (1 - weight)
        mixed += over[part] * weight
        mixed = np.rint(mixed, out=mixed).astype(np.uint8)
        cv2.copyTo(mixed, (alpha[part] > 0).view(np.uint8), result[part])
    return result


def pasted_back(picture: np.ndarray, crop: np.ndarray, box: Box, alpha: np.ndarray) -> np.ndarray:
    """A copy of `picture` with `crop` blended into `box` through `alpha`.

    `picture` and `crop`: (height, width, 3) uint8; `alpha`: (height, width) float32 in 0..1; crop and alpha have the
    size of `box`.
    """
    left, top, right, bottom = box.as_ints()
    result = picture.copy()
    result[top:bottom, left:right] = blended(picture[top:bottom, left:right], crop, alpha)
    return result
