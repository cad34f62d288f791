"""Opens, stores and removes pictures; `gate.open_image` is the only place that decodes one.

`containers` reads the structure of a file before it is decoded. `stored` has the model field,
`storage` and `s3` keep its files, `references` removes unused ones.
"""

__all__ = ["colours", "containers", "gate", "references", "s3", "storage", "stored"]
