"""Opens, stores and removes pictures; `gate.open_image` is the only place that decodes one.

`containers` reads the structure of a file before it is decoded; `profiles` and `colours` turn its
pixels into sRGB. `stored` has the model field, `storage` and `s3` keep its files, `references`
removes unused ones.
"""

__all__ = ["colours", "containers", "gate", "profiles", "references", "s3", "storage", "stored"]
