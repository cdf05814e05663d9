"""The order desk fills orders against the market that it shows, and keeps accounts."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from brokers.feeds.config import Channel
from brokers.feeds.dialect import QuoteMessage
from brokers.orders.exchange_protocol import Report, Submit
from brokers.orders.port import VenueOrderState
from kernel.events import ExecutionKind, Liquidity, OrderType, Side, TimeInForce
from kernel.identifiers import ClientOrderId
from ops.exchange.accounts import AccountConfig, DeskAccount
from ops.exchange.desk import OrderDesk
from ops.exchange.market import SyntheticMarket
from ops.exchange.order_faults import OrderFaults

SYMBOLS = frozenset({"AAA", "AAB"})
CASH = Decimal(100_000)


class Desk:
    """A desk with one account, and what it told."""

    def __init__(self, faults: OrderFaults | None = None) -> None:
        self.told: list[Report] = []
        self.desk = OrderDesk(
            (AccountConfig(name="demo", key="key", cash=CASH),),
            SYMBOLS,
            faults=faults or OrderFaults(),
            tell=lambda _, report: self.told.append(report),
            now=lambda: 7,
        )
        self.account: DeskAccount = self.desk.accounts["demo"]
        self.quote(99.0, 100.0)

    def quote(self, bid: float, ask: float, size: float = 100.0) -> None:
        self.desk.on_market([QuoteMessage("AAA", bid, size, ask, size, 7)])

    def give(
        self,
        quantity: int,
        *,
        side: Side = Side.BUY,
        limit: str = "",
        tif: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
        key: str = "a",
        symbol: str = "AAA",
    ) -> str:
        return self.desk.submit(
            self.account,
            Submit(
                n=1,
                client_order_id=ClientOrderId(key),
                symbol=symbol,
                side=side,
                type=OrderType.LIMIT if limit else OrderType.MARKET,
                quantity=Decimal(quantity),
                limit_price=Decimal(limit) if limit else None,
                time_in_force=tif,
                post_only=post_only,
            ),
        )

    @property
    def kinds(self) -> list[ExecutionKind]:
        return [one.kind for one in self.told]

    @property
    def fills(self) -> list[tuple[Decimal | None, Decimal | None, Liquidity]]:
        return [(one.quantity, one.price, one.liquidity) for one in self.told if one.fill_id]


def test_market_order_takes_what_is_shown_and_the_rest_at_the_next_price() -> None:
    desk = Desk()

    desk.give(150)
    desk.quote(100.0, 101.0)

    assert desk.fills == [
        (Decimal(100), Decimal(100), Liquidity.TAKER),
        (Decimal(50), Decimal(101), Liquidity.TAKER),
    ]
    (position,) = desk.account.held()
    assert (position.quantity, position.average_price) == (Decimal(150), Decimal(15_050) / 150)
    assert desk.account.cash == CASH - 15_050 - Decimal("0.75")


def test_size_that_one_order_took_is_not_there_for_the_next() -> None:
    desk = Desk()

    desk.give(80)
    desk.give(80, key="b")

    assert [quantity for quantity, _, _ in desk.fills] == [80, 20]


def test_limit_order_rests_and_fills_at_its_limit() -> None:
    desk = Desk()

    desk.give(10, limit="98.5")
    desk.quote(97.0, 98.0)

    assert desk.fills == [(Decimal(10), Decimal("98.5"), Liquidity.MAKER)]


def test_limit_order_that_reaches_the_market_fills_at_the_markets_price() -> None:
    desk = Desk()

    desk.give(10, limit="105")

    assert desk.fills == [(Decimal(10), Decimal(100), Liquidity.TAKER)]


def test_rest_of_an_ioc_order_expires() -> None:
    desk = Desk()

    desk.give(150, tif=TimeInForce.IOC)

    assert desk.kinds == [ExecutionKind.ACCEPTED, ExecutionKind.FILL, ExecutionKind.EXPIRED]


def test_fok_order_fills_as_a_whole_or_not_at_all() -> None:
    desk = Desk()

    desk.give(150, tif=TimeInForce.FOK)
    desk.give(100, tif=TimeInForce.FOK, key="b")

    assert [quantity for quantity, _, _ in desk.fills] == [100]


def test_id_is_taken_once_for_ever() -> None:
    desk = Desk()
    desk.give(10)

    assert desk.give(10) == "client_order_id must be unique"
    assert desk.account.repeated == ["a"]
    assert len(desk.fills) == 1


REFUSED: Sequence[tuple[Callable[[Desk], str], str]] = (
    (lambda desk: desk.give(10, symbol="XXX"), "there is no XXX here"),
    (lambda desk: desk.give(10, symbol="AAB"), "AAB has no price yet"),
    (lambda desk: desk.give(10, limit="99.999"), "limit_price 99.999 is not in cents above 0"),
    (lambda desk: desk.give(10, limit="100", post_only=True), "it would take liquidity"),
    (lambda desk: desk.give(10, tif=TimeInForce.DAY), "market day orders are not taken"),
)


@pytest.mark.parametrize(("give", "reason"), REFUSED)
def test_order_that_makes_no_sense_is_rejected(give: Callable[[Desk], str], reason: str) -> None:
    desk = Desk()

    assert give(desk) == reason
    assert desk.kinds == [ExecutionKind.REJECTED]
    assert desk.account.orders[ClientOrderId("a")].state is VenueOrderState.REJECTED


def test_replaced_order_fills_at_its_new_terms() -> None:
    desk = Desk()
    desk.give(10, limit="90")

    desk.desk.replace(desk.account, ClientOrderId("a"), quantity=Decimal(20), limit_price=Decimal(100))

    assert desk.kinds == [ExecutionKind.ACCEPTED, ExecutionKind.REPLACED, ExecutionKind.FILL]
    assert desk.fills == [(Decimal(20), Decimal(100), Liquidity.TAKER)]


def test_replacement_below_what_is_filled_is_refused() -> None:
    desk = Desk()
    desk.give(150)

    reason = desk.desk.replace(desk.account, ClientOrderId("a"), quantity=Decimal(100), limit_price=None)

    assert reason == "100 are filled already"
    assert desk.kinds[-1] is ExecutionKind.REPLACE_REJECTED


def test_cancel_of_an_order_that_is_over_is_refused() -> None:
    desk = Desk()
    desk.give(10)

    assert desk.desk.cancel(desk.account, ClientOrderId("a")) == "the order is filled"
    assert desk.desk.cancel(desk.account, ClientOrderId("b")) == "no such order"


def test_cancel_all_ends_every_order() -> None:
    desk = Desk()
    desk.give(10, limit="90")
    desk.give(10, limit="91", key="b")

    assert desk.desk.cancel_all(desk.account) == 2
    assert desk.account.open_orders == []


def test_position_that_turns_has_the_price_of_its_turn() -> None:
    desk = Desk()

    desk.give(10)
    desk.give(30, side=Side.SELL, key="b")

    (position,) = desk.account.held()
    assert (position.quantity, position.average_price) == (Decimal(-20), Decimal(99))


def test_same_prices_and_requests_give_the_same_reports() -> None:
    def run() -> Sequence[Report]:
        desk, market = Desk(), SyntheticMarket(sorted(SYMBOLS), (Channel.QUOTES,), seed=3)
        for number in range(200):
            desk.desk.on_market(market.next(2, ts=number))
            desk.give(300 + number, key=f"k{number}", side=(Side.BUY, Side.SELL)[number % 2])
        return desk.told

    assert run() == run()
    assert len(run()) > 400
