"""A request's id goes with the tasks that it asks for."""

import json

from tests.pipeline import clerk
from tests.pipeline.processes import Worker
from tests.pipeline.shop import Shop
from tests.waiting import until

ID = "7f3a9c2e-request"


def test_worker_logs_under_the_id_of_the_request(shop: Shop) -> None:
    shop.ask(clerk.stock, [1])
    shop.ask(clerk.path, 1).unlink()
    shop.broker.clear()
    shop.ask(clerk.request, ID)
    worker = Worker(shop.environment | {"LOG_FORMAT": "json"}, shop.log, concurrency=1)
    shop.closing.callback(worker.kill)

    def complaints() -> list[str]:
        return [line for line in shop.log.read_text().splitlines() if "has no vector" in line]

    complaint = json.loads(until(complaints)[0])
    assert complaint["message"].endswith("The picture's file is missing from the storage.")
    assert complaint["request_id"] == ID
