"""Finds what is wrong with the catalog's pictures, in the background, and shows it to staff.

`examination` measures pictures (`measuring`) and looks up `neighbours`, once, and keeps both in a
file. `judging` derives suspicions from all measurements each time; `findings` keeps them in
the database, where staff dismiss or fix them (`views`, `merging`). Findings go with their causes.
"""

__all__ = [
    "examination",
    "findings",
    "gallery",
    "judging",
    "measuring",
    "merging",
    "models",
    "neighbours",
    "notices",
    "views",
]
