"""The catalog's endpoints: everybody reads, staff write."""
