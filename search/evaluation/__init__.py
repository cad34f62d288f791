"""Measures how good the search is on the shop's own catalog, as shoppers meet it.

`questions` asks for products, `tables` and `report` sum up the answers, `orders` keeps the tuned
order honest, `text` and `views` show the report.
"""

__all__ = ["models", "orders", "questions", "report", "tables", "text", "views"]
