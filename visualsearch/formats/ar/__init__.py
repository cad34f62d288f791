"""Arabic with Latin digits: a decimal point, and commas between thousands."""

__all__ = ["formats"]
