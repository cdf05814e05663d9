"""Alerts: rules that are judged while a daemon runs, and messages about what they find.

- ``judges``, ``rule_book``: the rules, pure; ``standard_rules``: those that are always there.
- ``metrics``: the figures that rules can name; ``order_tallies``: those that are counted from events.
- ``record``: the alerts of a log, folded from its events.
- ``notices``: when who is told what, pure.
- ``channel``, ``sending``: the edges that deliver messages.
- ``alerting``: puts them together for one daemon.

To add a metric, add a line to ``metrics.METRICS``. To add a kind of rule, add its settings to
``replay.alert_settings`` and a judge here.
"""
