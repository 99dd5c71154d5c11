import pytest

from support.agents import Agent, Controller


@pytest.fixture
def controller(tmp_path):
    one = Controller(tmp_path)
    yield one
    one.close()


@pytest.fixture
def agent(tmp_path, controller):
    one = Agent(tmp_path, controller)
    yield one
    one.stop()
    one.clear()


@pytest.fixture
def session(agent, controller):
    return controller.meet()
