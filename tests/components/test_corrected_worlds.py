"""Whatever companies did since, a corrected fill leaves the account as if it had been right at once."""

from fractions import Fraction
from math import isclose

import pytest

from components.portfolio.portfolio import LotMethod, PortfolioConfig
from kernel.events import AssetClass
from tests.components.corrected_worlds import MULTIPLIERS, STRATEGIES, World

LENGTH = 60


def check(world: World, *, is_future: bool) -> None:
    """Cash and positions are exact, per strategy; equity is both; each ledger adds up."""
    portfolio, equity = world.account.portfolio, Fraction(0)
    for strategy in STRATEGIES:
        right = world.right(strategy)
        held = portfolio.strategy_positions(strategy)
        assert {symbol: int(quantity) for symbol, quantity in held.items()} == right.held
        positions = portfolio.state.positions.get(strategy, {}).values()
        cost = sum((Fraction(one.cost) for one in positions), Fraction(0))
        assert all(one.quantity or not one.cost for one in positions)
        ledger = portfolio.state.ledgers.get(strategy, {}).get("USD")
        if ledger is not None:
            assert Fraction(ledger.cash) == right.cash + (cost if is_future else 0)
            assert Fraction(ledger.realised_pnl - ledger.commissions) == right.cash + cost
            assert ledger.converted == 0
        equity += right.cash
        for symbol, quantity in right.held.items():
            equity += quantity * Fraction(world.prices[symbol]) * world.multiplier
    assert isclose(float(portfolio.equity), float(equity), rel_tol=1e-9, abs_tol=1e-6)


def play(seed: int) -> None:
    kept, asset_class = (0, 1, 3, 100)[seed % 4], list(MULTIPLIERS)[seed // 4 % 3]
    config = PortfolioConfig(lots=list(LotMethod)[seed // 12 % 3], corrections_kept=kept)
    world = World(seed, config, asset_class)
    for _ in range(LENGTH):
        world.step()
        check(world, is_future=asset_class is AssetClass.FUTURE)
    if kept == 100 and not world.were_put_together:
        right = world.played_right().portfolio
        for strategy in STRATEGIES:
            assert world.account.portfolio.realised_pnl(strategy) == right.realised_pnl(strategy)


@pytest.mark.parametrize("seed", range(48))
def test_an_account_with_corrected_fills_is_what_it_would_have_been(seed: int) -> None:
    play(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_accounts_with_corrected_fills_are_what_they_would_have_been(block: int) -> None:
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        play(seed)
