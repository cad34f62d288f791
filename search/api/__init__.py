"""The HTTP API of the search: views, serializers, and limits on how often it is used.

`intake` turns a request into a query and errors into HTTP errors; the pages use it, too.
"""

__all__ = [
    "explain",
    "intake",
    "map",
    "photo",
    "search",
    "serializers",
    "throttles",
    "widget_words",
]
