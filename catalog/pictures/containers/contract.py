"""What the reader of a format returns and raises."""

from dataclasses import dataclass

from catalog.messages import Sentence, sentence

DAMAGED = sentence("The picture is damaged or incomplete. Save or copy it again.")


class Malformed(Exception):
    """The file breaks the rules of its format; the message is a sentence for a person."""

    def __init__(self, message: Sentence = DAMAGED) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Container:
    """The first picture of a file, and what its structure says about it."""

    format: str  # as Pillow names it
    data: bytes  # the file without metadata, profile and further pictures
    size: tuple[int, int]  # width and height as stored; nothing larger is coded inside
    memory: float  # bytes a pixel that decoding takes at most
    time: float  # nanoseconds a pixel
    exif: bytes = b""  # unchecked, as is the profile; b"" if there is none
    profile: bytes = b""  # ICC
    # False for a JPEG that lacks its end marker. `data` has one, but whether the pixels are
    # complete shows only in decoding.
    complete: bool = True


def too_many_parts(kind: str) -> Malformed:
    """The error for a file, such as a "PNG", that would take long to read."""
    return Malformed(
        sentence("This %(format)s is made of too many parts. Save it again.", format=kind)
    )
