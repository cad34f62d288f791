"""Whatever goes wrong: soon after, every picture has its own vector, and search just those."""

import os
import signal
from pathlib import Path

from catalog.embedding.claims import MAX_STOPS
from catalog.embedding.columns import STOPPED_WORKER
from tests.pipeline import clerk
from tests.pipeline.shop import Shop
from tests.waiting import until

SEEDS = range(1, 9)
WAITS = 3  # seconds: a save waits half a second for the broker; on its default, kombu takes six


def test_child_is_killed(shop: Shop) -> None:
    shop.start_worker()
    hold = shop.order(3, "hold")
    shop.ask(clerk.stock, SEEDS)
    os.kill(shop.wait_until_opened(3), signal.SIGKILL)
    hold.unlink()
    shop.wait_until_well()


def test_whole_worker_is_killed(shop: Shop) -> None:
    worker = shop.start_worker()
    hold = shop.order(3, "hold")
    shop.ask(clerk.stock, SEEDS)
    shop.wait_until_opened(3)
    worker.kill()
    hold.unlink()
    shop.start_worker()
    shop.wait_until_well()


def test_broker_loses_what_is_queued(shop: Shop) -> None:
    shop.start_worker()
    holds = [shop.order(seed, "hold") for seed in (1, 2)]
    for seed in (1, 2):  # that occupies the worker
        shop.ask(clerk.stock, [seed])
        shop.wait_until_opened(seed)
    shop.ask(clerk.stock, SEEDS[2:])
    assert shop.broker.queued()
    shop.broker.restart_empty()
    for hold in holds:
        hold.unlink()
    shop.wait_until_well()


def test_broker_is_down_on_save(shop: Shop) -> None:
    shop.start_worker()
    usual = shop.ask(clerk.stock, range(11, 19))
    shop.broker.stop()
    assert shop.ask(clerk.stock, SEEDS) < 5 * usual + WAITS
    assert {status for status, _ in shop.ask(clerk.states).values()} == {"pending"}
    shop.broker.start()
    shop.wait_until_well()


def test_broker_is_silent_on_save(shop: Shop) -> None:
    shop.start_worker()
    usual = shop.ask(clerk.stock, range(11, 19))
    shop.broker.freeze()
    first = shop.ask(clerk.stock, SEEDS)
    assert first < 5 * usual + WAITS
    assert shop.ask(clerk.stock, [9]) < first / 2, "who was silent just now is not asked again"
    shop.broker.thaw()
    shop.wait_until_well()


def test_message_is_delivered_three_times(shop: Shop) -> None:
    shop.start_worker(concurrency=3)
    hold = shop.order(3, "hold")
    shop.ask(clerk.stock, SEEDS)
    shop.ask(clerk.deliver_again, 2)
    shop.wait_until_opened(3)
    shop.ask(clerk.keep_claims)
    until(shop.broker.queued, lambda queued: not queued)
    hold.unlink()
    shop.wait_until_well()
    assert [len(shop.opened(seed)) for seed in SEEDS] == [1] * len(SEEDS)


def test_picture_is_replaced_meanwhile(shop: Shop) -> None:
    shop.start_worker()
    hold = shop.order(3, "hold")
    shop.ask(clerk.stock, SEEDS)
    shop.wait_until_opened(3)
    shop.ask(clerk.replace, 3, 33)
    hold.unlink()
    shop.wait_until_well(gone=[3])


def test_product_is_deleted_meanwhile(shop: Shop) -> None:
    shop.start_worker()
    hold = shop.order(3, "hold")
    shop.ask(clerk.stock, SEEDS)
    shop.wait_until_opened(3)
    shop.ask(clerk.delete, 3)
    hold.unlink()
    shop.wait_until_well(gone=[3])


def test_file_is_gone_and_comes_back(shop: Shop, tmp_path: Path) -> None:
    shop.ask(clerk.stock, SEEDS)
    path = shop.ask(clerk.path, 3)
    kept = path.rename(tmp_path / path.name)
    shop.start_worker()
    missing = "failed", "The picture's file is missing from the storage."
    until(lambda: shop.ask(clerk.states)["3"], lambda state: state == missing)
    shop.wait_until_well(gone=[3])
    kept.rename(path)
    until(lambda: shop.ask(clerk.states)["3"], lambda state: state == ("ready", ""))
    shop.wait_until_well()


def test_picture_that_kills_its_worker_is_given_up(shop: Shop) -> None:
    shop.start_worker()
    shop.order(3, "kill")
    shop.ask(clerk.stock, SEEDS)
    for times in range(1, MAX_STOPS + 1):
        shop.wait_until_opened(3, times=times)
        shop.ask(clerk.end_pause, 3)
    shop.wait_until_well(gone=[3])
    states = shop.ask(clerk.states)
    assert states.pop("3") == ("failed", STOPPED_WORKER)
    assert set(states.values()) == {("ready", "")}
    assert len(shop.opened(3)) == MAX_STOPS
