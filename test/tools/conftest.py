import pytest

from support.croft import Croft


@pytest.fixture(scope="module")
def tool():
    """croft under a home of its own, for commands that start nothing."""
    one = Croft()
    yield one
    one.close()
