"""The one signal of the catalog, through which a search engine learns of new vectors.

A function call would not do: `catalog` must not import `search`, whose pgvector engine stores the
vector in the same transaction.
"""

from django.dispatch import Signal

vector_written = Signal()
"""Sent before commit. Arguments: sender (the model), claim, identity, vector (dim,)."""
