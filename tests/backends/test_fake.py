"""The fake keeps the laws too, so that a test over it means something."""

import pytest

from tests.backends.contract import BackendContract
from tests.fakes import FakeBackend


class TestFakeBackend(BackendContract):
    @pytest.fixture
    def backend(self) -> FakeBackend:
        return FakeBackend()
