"""How good the search is on the shop's own catalog: measured as shoppers meet it."""
