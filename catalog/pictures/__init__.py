"""Opens, stores and removes pictures; `gate.open_image` is the only place that decodes one.

`fields` has the model field, `storage` and `s3` keep its files, `references` removes unused ones.
"""

__all__ = ["colours", "gate", "references", "s3", "storage", "stored"]
