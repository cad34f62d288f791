"""Where Django writes numbers otherwise than CLDR, by which prices are written, too."""

__all__ = ["ar"]
