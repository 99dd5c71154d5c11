import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from support.clients import client  # noqa: E402
from support.croft import Croft, Farm  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; runs with ./test.sh --long")


@pytest.fixture
def croft():
    one = Croft()
    yield one
    one.close()


@pytest.fixture(scope="module")
def farm():
    one = Farm()
    yield one
    one.close()


@pytest.fixture(scope="module")
def account(farm):
    return farm.account("test")


@pytest.fixture(scope="module")
def s3(farm, account):
    return client("s3", farm.url, account["accessKey"], account["secretKey"])


@pytest.fixture(scope="module")
def ec2(farm, account):
    return client("ec2", farm.url, account["accessKey"], account["secretKey"])
