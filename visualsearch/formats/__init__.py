"""How numbers are written where Django differs from CLDR, whose rules prices follow."""

__all__ = ["ar"]
