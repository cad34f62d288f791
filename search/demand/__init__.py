"""What shoppers look for and the catalog does not have. Off unless DEMAND_DAYS says how long."""
