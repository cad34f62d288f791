"""The only HTTP requests to other servers: pictures and feeds, also from strangers' addresses.

`fetcher` refuses addresses that are not public, and can ask a server only for what has changed;
`remote` applies the settings to it.
"""

__all__ = ["addresses", "fetcher", "hosts", "remote"]
