"""Goal: botocore understands every answer, and each error is the one that a real account gives.

Method: botocore calls the cloud; what it parsed is compared, and the XML itself is walked by
botocore's service model, so that an element which botocore would silently drop is found too.
"""

import xml.etree.ElementTree as ElementTree

import botocore.exceptions
import pytest
from local_cloud import IMAGE

SPOT = {"MarketType": "spot"}
# Elements newer than Debian 13's model, all of them in botocore 1.43.11.
NEWER = {"nestedVirtualization"}


def strays(shape, element, path=""):
    """Paths of elements that the model does not know."""
    found = []
    children = [(child.tag.split("}")[-1], child) for child in element]
    if shape is None or shape.type_name not in ("structure", "list"):
        return [path + "/" + tag for tag, _ in children]
    if shape.type_name == "list":
        for tag, child in children:
            found += (strays(shape.member, child, f"{path}/{tag}") if tag == "item"
                      else [f"{path}/{tag}"])
        return found
    names = {m.serialization.get("name", name): m for name, m in shape.members.items()}
    for tag, child in children:
        if tag in names:
            found += strays(names[tag], child, f"{path}/{tag}")
        elif tag not in NEWER:
            found.append(f"{path}/{tag}")
    return found


@pytest.fixture
def ec2(cloud):
    client = cloud.client()
    seen = []

    def check(http_response, model, **_):
        if http_response.status_code < 300:
            root = ElementTree.fromstring(http_response.content)
            assert root.tag.endswith("}" + model.name + "Response")
            extra = [s for s in strays(model.output_shape, root) if s != "/requestId"]
            if model.output_shape is None:
                extra = [s for s in extra if s != "/return"]
            assert extra == [], model.name
            seen.append(model.name)
    # No event of botocore hands out both the response's bytes and the model; this call has both.
    original = client._endpoint.make_request

    def make_request(model, request):
        http_response, parsed = original(model, request)
        check(http_response, model)
        return http_response, parsed
    client._endpoint.make_request = make_request
    client.seen = seen
    return client


def run(ec2, **changes):
    wanted = {"ImageId": IMAGE, "InstanceType": "c8i.large", "MinCount": 1, "MaxCount": 1,
              "Placement": {"AvailabilityZone": "us-east-1a"}} | changes
    return ec2.run_instances(**wanted)["Instances"]


def code_of(call, *args, **kwargs):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*args, **kwargs)
    return (caught.value.response["Error"]["Code"],
            caught.value.response["ResponseMetadata"]["HTTPStatusCode"])


def test_every_action_answers_by_the_model(ec2):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "fleet", "Value": "f & <1>"}]},
            {"ResourceType": "spot-instances-request", "Tags": [{"Key": "k", "Value": ""}]}]
    spot = run(ec2, InstanceMarketOptions=SPOT, TagSpecifications=tags, UserData="#!/bin/sh\n",
               KeyName="key")[0]
    assert spot["InstanceLifecycle"] == "spot"
    assert spot["State"] == {"Code": 0, "Name": "pending"}
    assert {"Key": "fleet", "Value": "f & <1>"} in spot["Tags"]
    i, sir = spot["InstanceId"], spot["SpotInstanceRequestId"]
    found = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]
    assert found["State"] == {"Code": 16, "Name": "running"}
    assert found["PrivateIpAddress"].startswith("10.0.0.")
    assert found["LaunchTime"] == spot["LaunchTime"]
    request = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[sir])
    request = request["SpotInstanceRequests"][0]
    assert (request["State"], request["Status"]["Code"]) == ("active", "fulfilled")
    assert (request["SpotPrice"], request["InstanceId"]) == ("0.090000", i)
    ec2.create_tags(Resources=[i, sir], Tags=[{"Key": "a", "Value": "b"}])
    ec2.delete_tags(Resources=[i], Tags=[{"Key": "fleet"}])
    tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [i]}])["Tags"]
    assert tags == [{"Key": "a", "Value": "b", "ResourceId": i, "ResourceType": "instance"}]
    cancelled = ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[sir])
    assert cancelled["CancelledSpotInstanceRequests"][0]["State"] == "cancelled"
    ended = ec2.terminate_instances(InstanceIds=[i])["TerminatingInstances"][0]
    assert ended["PreviousState"]["Name"] == "running"
    assert ended["CurrentState"]["Name"] == "shutting-down"
    found = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]
    assert found["State"]["Name"] == "terminated"
    assert found["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert found["StateTransitionReason"].startswith("User initiated (20")
    history = ec2.describe_spot_price_history(InstanceTypes=["c8i.large"])["SpotPriceHistory"]
    assert {(h["AvailabilityZone"], h["SpotPrice"]) for h in history} == {
        ("us-east-1a", "0.030000"), ("us-east-1b", "0.020000")}
    nested = [{"Name": "processor-info.supported-features", "Values": ["nested-virtualization"]}]
    types = ec2.describe_instance_types(Filters=nested)["InstanceTypes"]
    assert [t["InstanceType"] for t in types] == ["c8i.large"]
    assert types[0]["MemoryInfo"]["SizeInMiB"] == 4096
    offers = ec2.describe_instance_type_offerings(LocationType="availability-zone-id")
    assert {"InstanceType": "c5.large", "LocationType": "availability-zone-id",
            "Location": "use1-az2"} in offers["InstanceTypeOfferings"]
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [z["ZoneId"] for z in zones] == ["use1-az1", "use1-az2"]
    assert ec2.describe_regions()["Regions"][0]["RegionName"] == "us-east-1"
    assert ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"] == IMAGE
    assert len(set(ec2.seen)) == 14


def test_the_model_finds_strays(cloud):
    model = cloud.client().meta.service_model.operation_model("DescribeRegions")
    root = ElementTree.fromstring("<r><regionInfo><item><regionName>x</regionName><colour/></item>"
                                  "<other/></regionInfo><requestID/></r>")
    assert strays(model.output_shape, root) == [
        "/regionInfo/item/colour", "/regionInfo/other", "/requestID"]


def test_paging_and_filters(ec2):
    ids = [run(ec2)[0]["InstanceId"] for _ in range(7)]
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(p["Reservations"]) for p in pages] == [5, 2]
    assert [r["Instances"][0]["InstanceId"] for p in pages for r in p["Reservations"]] == ids
    ec2.create_tags(Resources=ids[:2], Tags=[{"Key": "n", "Value": "one"}])
    ec2.terminate_instances(InstanceIds=ids[1:3])

    def matching(**filters):
        wanted = [{"Name": k.replace("_", "-"), "Values": v} for k, v in filters.items()]
        found = ec2.describe_instances(Filters=wanted)["Reservations"]
        return {r["Instances"][0]["InstanceId"] for r in found}
    assert matching(**{"tag:n": ["o*"]}) == set(ids[:2])
    assert matching(tag_key=["n"], instance_state_name=["running"]) == {ids[0]}
    assert matching(instance_state_name=["terminated"]) == set(ids[1:3])
    assert matching(instance_lifecycle=["spot"]) == set()
    assert matching(availability_zone=["us-east-1?"], instance_type=["c8i.*", "x"]) == set(ids)
    assert code_of(ec2.describe_instances, Filters=[{"Name": "colour", "Values": ["red"]}]) == (
        "InvalidParameterValue", 400)
    assert code_of(ec2.describe_instances, NextToken="zz") == ("InvalidPaginationToken", 400)
    assert code_of(ec2.describe_instances, MaxResults=5, InstanceIds=ids[:1]) == (
        "InvalidParameterCombination", 400)


def test_price_history(cloud, ec2):
    cloud.ask("price", "c8i.large/us-east-1a", "0.04")
    now = cloud.ask("price", "c8i.large/us-east-1a", "0.05")["from"]  # Replaces the first.
    while True:  # It takes effect at the next whole second.
        price = ec2.describe_spot_price_history(
            InstanceTypes=["c8i.large"], AvailabilityZone="us-east-1a", StartTime=0)
        rows = price["SpotPriceHistory"]
        if rows[0]["SpotPrice"] == "0.050000":
            break
    shown = [r["SpotPrice"] for r in rows]
    assert shown[-1] == "0.030000" and len(shown) in (2, 3)
    assert rows[0]["Timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ") == now
    pages = list(ec2.get_paginator("describe_spot_price_history").paginate(
        StartTime=0, PaginationConfig={"PageSize": 1}))
    assert sum(len(p["SpotPriceHistory"]) for p in pages) == 3 + len(rows)
    none = ec2.describe_spot_price_history(ProductDescriptions=["Windows"])
    assert none["SpotPriceHistory"] == []


def test_client_token_and_dry_run(ec2):
    first = run(ec2, ClientToken="t")[0]["InstanceId"]
    assert run(ec2, ClientToken="t")[0]["InstanceId"] == first
    assert code_of(run, ec2, ClientToken="t", MaxCount=2) == ("IdempotentParameterMismatch", 400)
    assert code_of(run, ec2, DryRun=True) == ("DryRunOperation", 412)
    assert code_of(ec2.terminate_instances, InstanceIds=[first], DryRun=True) == (
        "DryRunOperation", 412)
    found = ec2.describe_instances()["Reservations"]
    assert [i["State"]["Name"] for r in found for i in r["Instances"]] == ["running"]


def test_errors(cloud, ec2):
    spot = {"InstanceMarketOptions": SPOT}
    low = {"InstanceMarketOptions": SPOT | {"SpotOptions": {"MaxPrice": "0.02"}}}
    assert code_of(run, ec2, **low) == ("SpotMaxPriceTooLow", 400)
    bad = {"InstanceMarketOptions": SPOT | {"SpotOptions": {"MaxPrice": "cheap"}}}
    assert code_of(run, ec2, **bad) == ("InvalidParameterValue", 400)
    lasting = {"InstanceMarketOptions": SPOT | {"SpotOptions": {"SpotInstanceType": "persistent"}}}
    assert code_of(run, ec2, **lasting) == ("Unsupported", 400)
    assert code_of(run, ec2, ImageId="ami-2") == ("InvalidAMIID.NotFound", 400)
    assert code_of(run, ec2, ImageId="x") == ("InvalidAMIID.Malformed", 400)
    assert code_of(run, ec2, InstanceType="t9.huge") == ("InvalidParameterValue", 400)
    assert code_of(run, ec2, InstanceType="c5.xlarge", **spot) == ("Unsupported", 400)
    assert code_of(run, ec2, HibernationOptions={"Configured": True}) == ("UnknownParameter", 400)
    cloud.ask("capacity", "c8i.large/us-east-1a", "0")
    assert code_of(run, ec2, **spot) == ("InsufficientInstanceCapacity", 500)
    assert code_of(run, ec2, MinCount=200, MaxCount=200) == ("VcpuLimitExceeded", 400)
    cloud.ask("capacity", "c8i.large/us-east-1a", "auto")
    assert code_of(run, ec2, MinCount=200, MaxCount=200, **spot) == (
        "MaxSpotInstanceCountExceeded", 400)
    none = "i-00000000000000000"
    assert code_of(ec2.describe_instances, InstanceIds=[none]) == (
        "InvalidInstanceID.NotFound", 400)
    assert code_of(ec2.terminate_instances, InstanceIds=["i-x"]) == (
        "InvalidInstanceID.Malformed", 400)
    assert code_of(ec2.create_tags, Resources=[none], Tags=[{"Key": "a", "Value": ""}]) == (
        "InvalidInstanceID.NotFound", 400)
    assert code_of(ec2.describe_vpcs) == ("InvalidAction", 400)
    assert code_of(cloud.client(secret="wrong").describe_regions) == ("AuthFailure", 401)
    assert code_of(cloud.client(key="AKIDOTHER").describe_regions) == ("AuthFailure", 401)
    assert code_of(cloud.client(region="eu-west-1").describe_regions) == ("AuthFailure", 401)


@pytest.mark.slow
def test_throttling_is_retried_by_the_client(make_cloud):
    cloud = make_cloud(other_buckets=[2, 1])
    once = cloud.client()
    codes = []
    for _ in range(4):
        try:
            once.describe_regions()
            codes.append("ok")
        except botocore.exceptions.ClientError as error:
            codes.append(error.response["Error"]["Code"])
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert codes[:2] == ["ok", "ok"] and "RequestLimitExceeded" in codes
    answer = cloud.client(attempts=8).describe_regions()
    assert answer["ResponseMetadata"]["RetryAttempts"] >= 1


def test_new_instances_are_seen_later(make_cloud):
    cloud = make_cloud(visible_after_ms=700)
    ec2 = cloud.client()
    new = run(ec2)[0]["InstanceId"]
    unknown = ("InvalidInstanceID.NotFound", 400)
    assert code_of(ec2.describe_instances, InstanceIds=[new]) == unknown
    assert ec2.describe_instances()["Reservations"] == []
    assert code_of(ec2.terminate_instances, InstanceIds=[new]) == unknown
    ec2.get_waiter("instance_exists").wait(InstanceIds=[new],
                                           WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def test_reclaim_and_bill(cloud, ec2):
    spot, other = (run(ec2, InstanceMarketOptions=SPOT)[0] for _ in range(2))
    with pytest.raises(RuntimeError, match="ended with 1: "):
        cloud.ask("reclaim", run(ec2)[0]["InstanceId"])
    cloud.ask("reclaim", spot["InstanceId"], "--no-notice")
    cloud.ask("reclaim", other["InstanceId"])
    states = {r["InstanceId"]: (r["State"], r["Status"]["Code"])
              for r in ec2.describe_spot_instance_requests()["SpotInstanceRequests"]}
    assert states == {spot["InstanceId"]: ("closed", "instance-terminated-no-capacity"),
                      other["InstanceId"]: ("closed", "marked-for-termination")}
    found = ec2.describe_instances(InstanceIds=[spot["InstanceId"]])["Reservations"][0]
    found = found["Instances"][0]
    assert found["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert found["StateTransitionReason"].startswith("Server.SpotInstanceTermination (20")
    ec2.terminate_instances(InstanceIds=[other["InstanceId"]])
    items = {i["instance"]: i for i in cloud.ask("bill")["items"]}
    assert items[spot["InstanceId"]]["micro_usd"] == 0  # EC2 ended it in its first hour.
    assert items[other["InstanceId"]]["micro_usd"] == 500  # 60 s at least, at 0.03 an hour.
    assert items[other["InstanceId"]]["start"] == other["LaunchTime"].strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(items) == 3 and [i["end"] for i in items.values()].count(None) == 1
