"""The versions of the rules by which the core derives events.

A log is played again by the rules under which it was made: ``RunStarted.rules`` names their version. New logs
use ``RULES``. Version 2 changed:

- The last nanosecond of a session counts as its end: a DAY or on-close order that is given then belongs to
  the next session (``deciding_ts``).
- A quote without a bid or an ask leaves the last price as it was.
- Equity contains dividends from their ex-date on, before they are paid.
- A dividend counts the shares from before a split of the same moment.
- Cash for a fraction of a lot, and the cash of a merger, is realised P&L and not income.
- Account marks name the trading day that they belong to.
- Orders need cash and margin with their own costs, fills are checked again, short options need the margin of
  their underlying, and flat rates are of the notional.
- Quantities that are not in whole lots are recorded as asked: of orders, replacements, icebergs and parts. A
  target weight, or the parts of a worked order, below one lot are refused.
- A bar without an open time fills only orders that were there when it can have opened at the earliest. Of
  such a bar, emulated orders that came later take the close alone.
- A bar without an open time that cannot have opened before an order's time was over does not fill the order.
- An emulated order whose time ends inside a bar that has not arrived sees that bar, as orders at the
  simulated venue do. On bars of whole days without a calendar the day of an emulated DAY order is the next
  bar.
- An emulated DAY order that is reached has the day of an order that is given then.
- A strategy reads as much history as it asks for, and not only ``bars_needed()``. A session ends with a
  ``HistoryFellShort`` where there were never so many bars.
- A delisting's amount in another currency than the instrument's is converted.
- A share that takes a symbol in which nothing is held is booked by its own terms.
- Of a buy, what the account is short of needs no cash, and not what its strategy is short of.
- Exits that a strategy attaches to an order are reduce-only. At the simulated venue reduce-only orders end
  with the position that they could reduce.
- An order that only closes is reduce-only too where the strategy's reduce-only orders offer the position
  already. Risk counts a strategy's reduce-only orders of one side up to its position.
- An emulated reduce-only order ends with the position that it could reduce.
- A spin-off adjusts total-adjusted prices of the old share by its value.
- Units that a merger or spin-off gives to the plan of signals have a plan of their own, which keeps them. The
  target of joined plans is in whole lots.
- Units of that plan that risk closes are not bought again, and their exits end. Its exits are in whole lots.
- The denial of a short sale names the working orders that offer the position already.
- The denial of an order for cash, margin or capital names what it needs and what is available.
"""

FIRST_RULES = 1
"""The rules of logs that name no version."""

RULES = 2
"""The present version."""


def deciding_ts(ts: int, *, rules: int = RULES) -> int:
    """The moment whose session an order belongs to that is given at ``ts``.

    A bar of whole days ends in the last nanosecond of its session. A decision on it is for the next session.
    """
    return ts + 1 if rules > FIRST_RULES else ts
