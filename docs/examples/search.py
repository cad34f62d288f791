"""Searches with a photo, then asks again for the cheapest: `python search.py photo.jpg [address]`.

Needs `pip install requests`, and a visualsearch at that address, else on this machine.
"""

import sys

import requests

photo, server = [*sys.argv[1:], "http://127.0.0.1:8000"][:2]

with open(photo, "rb") as file:
    response = requests.post(
        f"{server}/api/search/", files={"file": file}, data={"threshold": 0.5}, timeout=30
    )
answer = response.json()
if not response.ok:  # a sentence as `detail`, or sentences by field
    sys.exit(f"{response.status_code}: {answer}")

for product in answer["results"]:
    print(f"{product['score']:.0%}  {product['name']}  {product['price']} {product['currency']}")

# The same photo with other options: its id will do for an hour.
options = {"query": answer["query"]["id"], "threshold": 0.5, "ordering": "price", "limit": 1}
cheapest = requests.get(f"{server}/api/search/", params=options, timeout=30).json()
for product in cheapest["results"]:
    print(f"The cheapest of {cheapest['count']}: {product['name']}, {product['url']}")
