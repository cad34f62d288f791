"""Turns what a shopper gave (a photo, a product, a query's id) into a unit vector.

Photos and their vectors are kept for an hour, so that a search can be repeated without an upload.
"""

__all__ = ["photo_cache", "query", "steering"]
