"""Exceptions to the house rules. Each has a reason; one that is no longer needed fails its test.

A place is a path from the root (the whole file) or ``path::Class.function``.
"""

from collections.abc import Mapping

Place = str
Reason = str

_OF_A_PEER = "runs in an environment of its own, which has none of our packages"
_FOR_OPERATORS = "not in use yet: for operators of the daemon, who end one order"
_FOR_RELOADS = "not in use yet: for strategies that are replaced while the daemon runs"
_NO_AWAIT = "synchronous code cannot be cancelled: a CancelledError in it was raised by the component itself"

ALLOWED: Mapping[str, Mapping[Place, Reason]] = {
    "names": {},
    "file length": {},
    "function length": {},
    "determinism": {
        "strategies/sdk/own_modules.py::_read": (
            "loading is an input: the files are recorded in StrategyLoaded and replayed from there"
        ),
        "strategies/sdk/loading.py::load_strategy": (
            "loading is an input: the source it reads is recorded in StrategyLoaded and replayed from there"
        ),
        "components/assembly/core_sources.py::core_hash": (
            "the version of the core, which is recorded in SessionStarted as that of Python is"
        ),
        "components/assembly/user_models.py::source_of": (
            "so is loading a rule or model: its source is recorded in ModelLoaded"
        ),
    },
    "set order": {},
    "owned tasks": {
        "eventstore/sqlite_writer.py::SqliteWriter.__init__": (
            "lives from the store's open to its close, which awaits it; no caller's group spans that"
        ),
        "eventstore/sqlite.py::SqliteEventStore.close": (
            "a close that is cancelled goes on, and every caller of close waits for its end"
        ),
        "eventstore/segmented.py::SegmentedEventStore.close": "as that of a store in one file",
        "eventstore/segmented.py::SegmentedEventStore._begin_roll": (
            "a roll goes on if the append that began it is cancelled; the next append and close wait for it"
        ),
        "eventstore/segment_files.py::SegmentFiles.__init__": (
            "lives from the store's open to its close, which awaits it: it closes files that readers gave up"
        ),
        "eventstore/reading.py::_pages": (
            "a task group may not span a yield; the generator ends its one task in `finally`"
        ),
    },
    "broad except": {
        "kernel/bus.py::EventBus._dispatch_until": "isolation: whatever a component raises becomes an event",
        "kernel/bus.py::EventBus._call": "isolation: whatever a component raises becomes an event",
        "components/strategy_host/captured.py::CapturedHost._captured.handle": (
            "isolation: so does what a hook raises that runs for another core"
        ),
        "kernel/bus.py::EventBus._cascade": "isolation: whatever a component raises becomes an event",
        "kernel/loggable.py::_text_of": "isolation: an exception's text is code of whoever raised it",
        "kernel/admission.py::_read_back": "isolation: whatever a strange value raises, one input is refused",
        "kernel/admission.py::admitted_together": "isolation: whatever one raises, each is looked at alone",
        "kernel/admission.py::_wrong_field": "isolation: so does the value that is looked for",
        "kernel/admission.py::_shown": "isolation: and when it is to be shown",
        "ops/daemon/shadow.py::Shadow.run": "isolation: what a twin raises ends it alone; trading goes on",
        "ops/alerts/sending.py::AppriseSender._sent": (
            "isolation: whatever a service's plugin raises, the message is not delivered, and is tried again"
        ),
        "kernel/lanes.py::Lanes._call": "isolation: whatever a subscriber raises is retried, then recorded",
        "ops/control/problems.py::problems_as_json": (
            "isolation: a defect in an answer becomes a problem, and the daemon trades on"
        ),
        "kernel/supervision.py::Supervised.run": "isolation: what an edge raises is recorded, then restarted",
        "kernel/bus.py::EventBus._events_from": "isolation: so does what its answer raises when read",
        "strategies/sdk/loading.py::_refusing_failures": (
            "isolation: a strategy's own code may raise anything; it becomes its refusal"
        ),
        "components/strategy_host/host.py::StrategyHost._migrated": (
            "isolation: a strategy's own code may raise anything; it becomes the refusal of a change"
        ),
        "components/risk/own_rules.py::OwnRule.check": (
            "isolation: a user's own rule may raise anything; it becomes a denial and a failure on record"
        ),
        "brokers/simulated/cost_estimate.py::CostEstimate.estimate": (
            "isolation: so may a user's own model; an estimate of nothing does not stop the order"
        ),
        "components/assembly/user_models.py::running": (
            "isolation: a user's own model may raise anything; it becomes a refusal to start"
        ),
        "replay/past/attaching.py::_Listener._hear": (
            "isolation: an attached subscriber may raise anything; it ends the replay with a sentence"
        ),
        "replay/past/attaching.py::_Listener.result": "isolation: so may its hook at the end",
        "replay/past/attaching.py::_Rule.check": "isolation: so may an attached risk rule",
    },
    "cancellation": {
        "kernel/bus.py::EventBus._dispatch_until": _NO_AWAIT,
        "kernel/bus.py::EventBus._cascade": _NO_AWAIT,
        "kernel/bus.py::EventBus._call": _NO_AWAIT,
        "components/strategy_host/captured.py::CapturedHost._captured.handle": _NO_AWAIT,
        "kernel/bus.py::EventBus._events_from": _NO_AWAIT,
        "kernel/loggable.py::_text_of": _NO_AWAIT,
        "replay/past/attaching.py::_Listener._hear": _NO_AWAIT,
        "replay/past/attaching.py::_Rule.check": _NO_AWAIT,
    },
    "local imports": {},
    "constants once": {
        "ops/bench/risk_check.py": "limits of money that no order reaches",
        "ops/bench/peers/backtrader_bars.py": _OF_A_PEER,
        "ops/bench/peers/quotes.py": _OF_A_PEER,
    },
    "dead names": {
        "tests/eventstore/test_eventsourcing_recorders.py": "names cases of a library that are left out",
    },
    "event use": {
        "kernel/events/time.py::ClockTicked": "the bus takes the time from every input, whatever its type",
        "kernel/events/system.py::StrategyUnloaded": _FOR_RELOADS,
        "kernel/events/system.py::StrategyStateMigrated": _FOR_RELOADS,
    },
    "ignores": {},
    "texts": {
        "kernel/configuration.py": "a border: turns the sentences of a library into our own",
        "kernel/events/upcasting.py": "the one place that reads what older formats said in texts",
        "brokers/simulated/models.py::is_reference": (
            "a border: a configuration names a model of ours, or where a user's is"
        ),
    },
    "machine paths": {},
}
