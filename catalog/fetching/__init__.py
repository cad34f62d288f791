"""The only HTTP requests to other servers: pictures, from addresses that strangers may choose.

`remote` applies the settings to `fetcher`, which refuses addresses that are not public.
"""

__all__ = ["addresses", "fetcher", "remote"]
