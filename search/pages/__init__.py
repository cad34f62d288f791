"""The shop's pages: the search, the products, one product, and the map.

They take the same input as the API, through its serializers, and show the same answers.
"""

__all__ = ["contexts", "demo_photos", "forms", "language", "posted", "variants", "views"]
