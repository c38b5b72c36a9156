"""A founded gateway for each test, and its log checked afterwards."""

from tests.exchange.conftest import gateway

__all__ = ["gateway"]
