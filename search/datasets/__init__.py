"""Data that evaluation, tuning and calibration share, all taken from the shop's own catalog.

`examples` are pictures with known categories; `copies` are photos changed as shoppers' photos are,
by the functions in `changes`.
"""

__all__ = ["changes", "copies", "examples"]
