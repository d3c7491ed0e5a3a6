"""What hides a face's eyes or mouth: sunglasses, a mask, a hand, hair."""

from __future__ import annotations

from dataclasses import dataclass

from easyphoto.messages import Text, text


@dataclass(frozen=True)
class Covering:
    """Which parts of a face are hidden. Left and right are the viewer's."""

    left_eye: bool = False
    right_eye: bool = False
    mouth: bool = False

    @property
    def words(self) -> Text:
        """What is hidden, and by what, most likely: a clause for people to read."""
        eyes = self.left_eye + self.right_eye
        if self.mouth:
            return text("most of the face is covered") if eyes else text("the mouth is covered (a mask or a hand?)")
        return text("the eyes are covered (sunglasses?)") if eyes == 2 else text("an eye is covered (hair or a hand?)")

    @property
    def sentence(self) -> Text:
        """The same as a sentence of its own."""
        eyes = self.left_eye + self.right_eye
        if self.mouth:
            return text("Most of the face is covered.") if eyes else text("The mouth is covered (a mask or a hand?).")
        return (
            text("The eyes are covered (sunglasses?).") if eyes == 2 else text("An eye is covered (hair or a hand?).")
        )


def covering_of(left_eye: bool, right_eye: bool, mouth: bool) -> Covering | None:
    """None where nothing is hidden."""
    return Covering(left_eye, right_eye, mouth) if left_eye or right_eye or mouth else None
