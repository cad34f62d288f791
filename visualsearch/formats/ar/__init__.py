"""Arabic: the decimal point and the comma of CLDR, where Django has them the other way round."""

__all__ = ["formats"]
