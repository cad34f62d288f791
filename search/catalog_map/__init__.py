"""The map of the catalog, on which products that look alike are close to each other.

`projection` computes the places, `maps` draws and stores the map.
"""

__all__ = ["maps", "projection"]
