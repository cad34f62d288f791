"""Learning from the catalog's categories what shall order the results."""
