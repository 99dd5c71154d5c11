"""The embedded EC2 through Apache Libcloud: GET requests, names of its own for everything, answers found by namespace."""
import pytest
from libcloud.common.types import InvalidCredsError
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider

from support.croft import wait_until

IMAGE = "ami-0c40f700000000001"


def driver_of(farm, account, **more):
    return get_driver(Provider.EC2)(account["accessKey"], account["secretKey"], region="us-east-1", host="127.0.0.1", port=farm.port,
                                    secure=False, **more)


@pytest.fixture
def driver(farm, account):
    return driver_of(farm, account, signature_version="4")


def test_its_default_signature_is_refused_with_the_way_out(farm, account):
    with pytest.raises(InvalidCredsError) as caught:
        driver_of(farm, account).list_nodes()
    assert "signature_version='4'" in str(caught.value)


def test_a_node_from_creation_to_destruction(driver):
    size = next(s for s in driver.list_sizes() if s.id == "t2.nano")
    (image,) = driver.list_images(ex_image_ids=[IMAGE])
    group = driver.ex_create_security_group("libcloud", "from libcloud", vpc_id=driver.ex_list_networks()[0].id)["group_id"]
    key = driver.import_key_pair_from_string("libcloud", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBCKrMIGH1jlE9ewd3Wl3zFeDxZQwbVwZ7Tpl6gMxQhv me")
    subnet = driver.ex_list_subnets()[0]
    driver.ex_authorize_security_group_ingress(group, 22, 22, cidr_ips=["10.0.0.0/8"])
    node = driver.create_node(name="n1", image=image, size=size, ex_keyname=key.name, ex_security_group_ids=[group], ex_subnet=subnet)
    try:
        def seen():
            return driver.list_nodes(ex_node_ids=[node.id])[0]

        wait_until(lambda: seen().state == NodeState.RUNNING, "it runs")
        assert seen().name == "n1" and seen().private_ips[0].startswith("10.77.")
        assert seen().extra["groups"][0]["group_id"] == group
        address = driver.ex_allocate_address("vpc")
        driver.ex_associate_address_with_node(node, address, domain="vpc")
        assert set(seen().public_ips) == {address.ip}
        volume = driver.create_volume(1, "v1", location=driver.list_locations()[0])
        driver.attach_volume(node, volume, "/dev/sdf")
        wait_until(lambda: next(v for v in driver.list_volumes() if v.id == volume.id).extra["instance_id"] == node.id, "it is attached")
        snapshot = driver.create_volume_snapshot(volume, "s1")
        assert snapshot.id in [s.id for s in driver.list_snapshots(owner="self")]
        driver.detach_volume(volume)
        assert driver.destroy_volume_snapshot(snapshot) and driver.destroy_volume(volume)
        driver.ex_stop_node(node)
        wait_until(lambda: seen().state == NodeState.STOPPED, "it is stopped")
        driver.ex_start_node(node)
        wait_until(lambda: seen().state == NodeState.RUNNING, "it runs again")
        (address,) = driver.ex_describe_all_addresses()  # an address object keeps the association of its birth
        driver.ex_disassociate_address(address, domain="vpc")
        driver.ex_release_address(address, domain="vpc")
    finally:
        driver.destroy_node(node)
    wait_until(lambda: seen().state == NodeState.TERMINATED, "it is gone")
    driver.delete_key_pair(key)
    assert driver.ex_delete_security_group_by_id(group)
