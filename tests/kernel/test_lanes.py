"""Lanes: order within a symbol, independence of symbols, and what a full lane does."""

import asyncio
from decimal import Decimal

import pytest

from kernel.edge import Overflow
from kernel.events import (
    ApprovedOrder,
    Bar,
    CancelSubmitted,
    Event,
    HaltTrading,
    OrderSubmitted,
    OrderType,
    Quote,
    Side,
    Trade,
)
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.lanes import IDLE_WORKERS
from tests.kernel.listeners import bar, quote
from tests.kernel.live import Edge, Gate, gate_for, idle, lanes_of, quotes, trade, until

MARKET = (Quote, Trade, Bar)


# --- order ----------------------------------------------------------------------------------------


async def test_events_of_a_symbol_are_handled_in_order() -> None:
    async def dawdle(seq: int, _event: Event) -> None:
        for _ in range(seq * 7 % 5):
            await asyncio.sleep(0)

    edge = Edge(event_types=MARKET, act=dawdle)
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1), trade(1), bar(2), quote(3), trade(3)])
        await delivered.release([quote(4), quote(5)])
        await delivered.lanes.drain()

    assert edge.seqs == [1, 2, 3, 4, 5, 6, 7]


async def test_a_slow_symbol_does_not_hold_up_another() -> None:
    edge = Edge(act=gate_for("SLOW", Gate()))
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1, "SLOW"), quote(2, "FAST"), quote(3, "SLOW"), quote(4, "FAST")])
        await until(lambda: edge.seqs == [2, 4])

    assert [seq for seq, _ in edge.begun] == [1, 2, 4]


async def test_a_cancellation_waits_behind_the_order_it_cancels() -> None:
    client_order_id, strategy = ClientOrderId("c-1"), StrategyId("s")
    order = ApprovedOrder(client_order_id, strategy, "A", Side.BUY, OrderType.MARKET, Decimal(1))
    cancel = CancelSubmitted(2, client_order_id, strategy, "A")
    gate = Gate()
    edge = Edge(event_types=(OrderSubmitted, CancelSubmitted), act=gate)
    async with lanes_of(edge) as delivered:
        await delivered.release([OrderSubmitted(1, order), cancel])
        await idle()

        assert [seq for seq, _ in edge.begun] == [1]


async def test_events_without_a_symbol_are_handled_in_order() -> None:
    edge = Edge(event_types=(HaltTrading,))
    async with lanes_of(edge) as delivered:
        await delivered.release([HaltTrading(ts, "me") for ts in (1, 2, 3)])
        await delivered.lanes.drain()

    assert edge.seqs == [1, 2, 3]


async def test_an_edge_gets_only_the_types_it_asked_for() -> None:
    edge = Edge(event_types=(Trade,))
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1), trade(2), quote(3)])
        await delivered.release([quote(4)])
        await delivered.lanes.drain()

    assert edge.handled == [(2, trade(2))]


# --- lanes that come and go -----------------------------------------------------------------------


@pytest.mark.parametrize(("symbols", "turns"), [(10_000, 0), (1_000, 3)])
async def test_what_is_kept_does_not_grow_with_the_symbols_there_have_been(symbols: int, turns: int) -> None:
    async def dawdle(_seq: int, _event: Event) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    edge = Edge(act=dawdle)
    lanes_at_most = tasks_at_most = 0
    async with lanes_of(edge) as delivered:
        for number in range(0, symbols, 20):
            await delivered.release([quote(1, f"S{number + place}") for place in range(20)])
            await delivered.lanes.drain()
            lanes_at_most = max(lanes_at_most, delivered.lanes.lane_count)
            tasks_at_most = max(tasks_at_most, delivered.lanes.task_count)

    assert len(edge.handled) == symbols
    assert lanes_at_most <= 20
    assert tasks_at_most <= 20 + 2


async def test_symbols_that_are_busy_at_once_are_handled_at_once_and_leave_few_workers_behind() -> None:
    gate = Gate()
    edge = Edge(act=gate)
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1, f"S{number}") for number in range(1_000)])
        await until(lambda: len(edge.begun) == 1_000)
        lanes_while_busy = delivered.lanes.lane_count
        gate.open()
        await delivered.lanes.drain()
        await idle()
        left = delivered.lanes.lane_count, delivered.lanes.task_count
        await delivered.release([quote(2, f"S{number}") for number in range(1_000)])
        await delivered.lanes.drain()

    assert lanes_while_busy == 1_000
    assert left == (0, IDLE_WORKERS)
    assert len(edge.handled) == 2_000


async def test_a_symbol_that_comes_back_while_its_last_event_is_handled_waits_for_that() -> None:
    gate = Gate()
    edge = Edge(act=gate)
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1)])
        await idle()
        await delivered.release([quote(2)])
        await idle()
        begun_meanwhile = [seq for seq, _ in edge.begun]
        gate.open()
        await delivered.lanes.drain()

    assert begun_meanwhile == [1]
    assert edge.seqs == [1, 2]


async def test_a_producer_that_waited_for_room_finds_it_though_the_lane_has_gone() -> None:
    edge = Edge(lane_capacity=1)
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 50))
        await delivered.lanes.drain()

    assert edge.seqs == list(range(1, 51))


# --- a full lane ----------------------------------------------------------------------------------


async def test_a_full_blocking_lane_holds_up_the_producer() -> None:
    gate = Gate()
    edge = Edge(act=gate, lane_capacity=2)
    async with lanes_of(edge) as delivered, asyncio.TaskGroup() as group:
        release = group.create_task(delivered.release(quotes(1, 9)))
        await idle()
        was_held_up = not release.done()
        depth = delivered.lanes.depth
        gate.open()
        await release
        await delivered.lanes.drain()

    assert was_held_up
    assert depth == 2
    assert edge.seqs == list(range(1, 10))


async def test_no_more_than_the_capacity_ever_waits_in_a_blocking_lane() -> None:
    edge = Edge(lane_capacity=3)
    async with lanes_of(edge) as delivered:
        for first_ts in range(1, 100, 10):
            await delivered.release(quotes(first_ts, first_ts + 9))
        await delivered.lanes.drain()

    assert delivered.lanes.peak == 3
    assert edge.seqs == list(range(1, 101))


async def test_the_latest_quote_wins_in_a_full_conflating_lane() -> None:
    gate = Gate()
    edge = Edge(act=gate, overflow=Overflow.CONFLATE, lane_capacity=1)
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1)])
        await idle()
        await delivered.release([quote(2), quote(2, "B"), quote(3), quote(4)])
        gate.open()
        await delivered.lanes.drain()

    assert [seq for seq, event in edge.handled if event == quote(event.ts, "A")] == [1, 5]
    assert delivered.lanes.conflated == 2
    assert delivered.lanes.peak == 1
    assert delivered.lanes.handled_seq == 5


async def test_what_waits_in_a_conflating_lane_is_the_latest() -> None:
    gate = Gate()
    edge = Edge(act=gate, overflow=Overflow.CONFLATE, lane_capacity=2)
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1)])
        await idle()
        await delivered.release(quotes(2, 9))
        gate.open()
        await delivered.lanes.drain()

    assert edge.seqs == [1, 8, 9]


async def test_a_quote_does_not_replace_an_event_of_another_type() -> None:
    gate = Gate()
    edge = Edge(event_types=MARKET, act=gate, overflow=Overflow.CONFLATE, lane_capacity=3)
    async with lanes_of(edge) as delivered:
        await delivered.release([trade(1)])
        await idle()
        await delivered.release([trade(2), quote(3), trade(4), quote(5), quote(6)])
        gate.open()
        await delivered.lanes.drain()

    assert [event for _, event in edge.handled] == [trade(1), trade(2), trade(4), quote(6)]


async def test_what_cannot_be_conflated_waits_for_room() -> None:
    gate = Gate()
    edge = Edge(event_types=MARKET, act=gate, overflow=Overflow.CONFLATE, lane_capacity=2)
    async with lanes_of(edge) as delivered, asyncio.TaskGroup() as group:
        group.create_task(delivered.release([trade(ts) for ts in range(1, 8)]))
        await idle()
        depth = delivered.lanes.depth
        gate.open()
        await until(lambda: len(edge.handled) == 7)

    assert depth == 2
    assert edge.seqs == list(range(1, 8))
    assert delivered.lanes.conflated == 0


async def test_a_full_catch_up_lane_does_not_hold_up_the_producer() -> None:
    edge = Edge(act=Gate(), overflow=Overflow.CATCH_UP, lane_capacity=2)
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 50))
        await delivered.release(quotes(51, 99))

        assert delivered.lanes.is_behind
        assert delivered.lanes.depth <= 2


async def test_a_subscriber_that_fell_behind_rejoins_without_gap_or_repeat() -> None:
    gate = Gate()
    edge = Edge(act=gate, overflow=Overflow.CATCH_UP, lane_capacity=2)
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 50))
        gate.open()
        await delivered.lanes.drain()
        was_level = not delivered.lanes.is_behind
        await delivered.release(quotes(51, 52))
        await delivered.lanes.drain()

    assert was_level
    assert edge.seqs == list(range(1, 53))


async def test_what_was_read_from_the_tape_before_its_release_is_not_repeated() -> None:
    """The tape holds an append before its release has reached every subscriber."""
    gate = Gate()
    edge = Edge(act=gate, overflow=Overflow.CATCH_UP, lane_capacity=2)
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 9))
        first_seq = await delivered.append(quotes(10, 15))
        gate.open()
        await delivered.lanes.drain()
        read_ahead = list(edge.seqs)
        await delivered.lanes.release(first_seq, quotes(10, 15), types=frozenset({Quote}))
        await delivered.release(quotes(16, 17))
        await delivered.lanes.drain()

    assert read_ahead[-1] == 15
    assert edge.seqs == list(range(1, 18))
