"""Learns a better order of the results from the shop's own categories, and proves it.

`learning` fits the classifier, `validation` measures orders on products and photos held out, and
`choice` decides which order, if any, is worth using.
"""

__all__ = ["choice", "learning", "validation"]
