"""The REST API of the catalog: everybody may read products, staff may write them.

`search.api` shares its errors and the parts of its OpenAPI schema.
"""

__all__ = ["errors", "exceptions", "parsers", "schema", "serializers", "views"]
