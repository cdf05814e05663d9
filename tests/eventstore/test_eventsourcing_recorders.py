"""The recorder test cases that the ``eventsourcing`` package ships, run on our store: an outside judge.

Left out, by name: ``ProcessRecorderTestCase``, which wants events and tracking in one transaction, where
we promise at-least-once with idempotent subscribers; ``InfrastructureFactoryTestCase`` and
``TranscoderTestCase``, which test that package's own configuration and JSON.
"""

import tempfile
from pathlib import Path
from unittest import TestCase

from eventsourcing.tests import persistence

from tests.eventstore.recorder_adapter import AggregateStoreRecorder, StoreRecorder


def fresh_path(test: TestCase) -> Path:
    """A path for a store, in a folder that goes when the test is over."""
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    return Path(folder.name) / "store.db"


class TestAggregateRecorder(persistence.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateStoreRecorder:
        recorder = AggregateStoreRecorder(fresh_path(self))
        self.addCleanup(recorder.close)
        return recorder


class TestApplicationRecorder(persistence.ApplicationRecorderTestCase[StoreRecorder]):
    def create_recorder(self) -> StoreRecorder:
        recorder = StoreRecorder(fresh_path(self))
        self.addCleanup(recorder.close)
        return recorder

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTrackingRecorder(persistence.TrackingRecorderTestCase):
    def create_recorder(self) -> StoreRecorder:
        recorder = StoreRecorder(fresh_path(self))
        self.addCleanup(recorder.close)
        return recorder


class TestNotificationIdsDoNotInterleave(persistence.NonInterleavingNotificationIDsBaseCase):
    insert_num = 200

    def create_recorder(self) -> StoreRecorder:
        recorder = StoreRecorder(fresh_path(self))
        self.addCleanup(recorder.close)
        return recorder
