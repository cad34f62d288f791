"""Reads numbers of any width from bytes, the first bit first."""


class Bits:
    """A reader; behind the end, it reads zeros."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data), 8 * len(data)

    def number(self, width: int) -> int:
        """The next unsigned number of that many bits."""
        self.left -= width
        shifted = self.value >> self.left if self.left >= 0 else self.value << -self.left
        return shifted & ((1 << width) - 1)

    def golomb(self) -> int:
        """The next number in exponential Golomb code, which HEVC calls ue(v)."""
        zeros = 0
        while self.left > 0 and not self.number(1):
            zeros += 1
        return (1 << zeros) - 1 + self.number(zeros)
