"""Goal: who knows only what the API shows can compute the bill to the micro-dollar.

Method: real auction prices of 2015 run a thousand times faster, so that an instance-hour has three
seconds; instances are launched, ended, reclaimed and outbid at random; then the bill is computed
here, from DescribeInstances and DescribeSpotPriceHistory alone, and compared item by item.
"""

import datetime
import random
import re
import time

import botocore.exceptions
import pytest
from local_cloud import IMAGE, ROOT

pytestmark = pytest.mark.slow
PERIOD = 3
ON_DEMAND = {"c3.xlarge": 210_000, "d2.8xlarge": 5_520_000, "g2.2xlarge": 650_000,
             "r3.large": 175_000}
FOLDER = ROOT / "data/aws-2015-us-east-1"
RULES = [(kind, rate) for kind in ("per-second", "auction") for rate in ("in-effect", "locked")]


def rounded(rate, seconds):
    return (2 * rate * seconds + PERIOD) // (2 * PERIOD)


class Prices:
    def __init__(self, ec2):
        self.changes = {}
        pages = ec2.get_paginator("describe_spot_price_history").paginate(StartTime=0)
        for row in (row for page in pages for row in page["SpotPriceHistory"]):
            pool = row["InstanceType"], row["AvailabilityZone"]
            micro_usd = round(float(row["SpotPrice"]) * 1_000_000)
            self.changes.setdefault(pool, []).append((seconds_of(row["Timestamp"]), micro_usd))
        for changes in self.changes.values():
            changes.sort()

    def at(self, pool, second):
        return [price for since, price in self.changes[pool] if since <= second][-1]


def seconds_of(when):
    assert when.microsecond == 0
    return int(when.timestamp())


def end_of(instance):
    found = re.fullmatch(r"(.*) \((.*) GMT\)", instance["StateTransitionReason"])
    when = datetime.datetime.strptime(found[2], "%Y-%m-%d %H:%M:%S")
    return (int(when.replace(tzinfo=datetime.timezone.utc).timestamp()),
            found[1].startswith("Server."))


def expected(instance, prices, kind, rate):
    start, (end, by_cloud) = seconds_of(instance["LaunchTime"]), end_of(instance)
    pool = instance["InstanceType"], instance["Placement"]["AvailabilityZone"]
    spot = instance.get("InstanceLifecycle") == "spot"

    def price(second):
        return prices.at(pool, second) if spot else ON_DEMAND[pool[0]]
    used = end - start
    if kind == "auction":
        hours = used // PERIOD if spot and by_cloud else max(-(-used // PERIOD), 1)
        return sum(rounded(price(start + hour * PERIOD), PERIOD) for hour in range(hours))
    if spot and by_cloud and used < PERIOD:
        return 0
    # One segment after the other: [rate, seconds].
    segments = []
    for second in range(start, max(end, start + 1)):
        begins_hour = (second - start) % PERIOD == 0
        now = price(second)
        if rate == "locked" and spot:
            if begins_hour:
                segments.append([now, 0])
        elif not segments or segments[-1][0] != now:
            segments.append([now, 0])
        segments[-1][1] += second < end
    segments[-1][1] += max(0, 2 - used)  # The configured minimum.
    return sum(rounded(*segment) for segment in segments)


def act(cloud, ec2, draw, alive):
    """One random thing."""
    what = draw.random()
    if what < 0.5 or not alive:
        options = {} if draw.random() < 0.3 else {
            "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"MaxPrice": "12"}}}
        try:
            made = ec2.run_instances(
                ImageId=IMAGE, InstanceType=draw.choice(sorted(ON_DEMAND)), MinCount=1, MaxCount=1,
                Placement={"AvailabilityZone": "us-east-1" + draw.choice("abe")}, **options)
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "SpotMaxPriceTooLow"
            return
        alive.append((made["Instances"][0]["InstanceId"], bool(options)))
    elif what < 0.7:
        ec2.terminate_instances(InstanceIds=[alive.pop(draw.randrange(len(alive)))[0]])
    elif what < 0.85:
        spots = [i for i, spot in alive if spot]
        if spots:
            try:
                cloud.ask("reclaim", draw.choice(spots), *draw.choice([[], ["--no-notice"]]))
            except RuntimeError as error:
                assert str(error).startswith("ended with 1: ")  # It goes already.
    else:
        pool = f"{draw.choice(sorted(ON_DEMAND))}/us-east-1{draw.choice('abe')}"
        cloud.ask("price", pool, draw.choice(["0.07", "1.5", "13", "auto"]))


def test_the_bill_follows_from_the_api(make_cloud):
    clouds, clients, ends = {}, {}, set()
    for kind, rate in RULES:
        clouds[kind, rate] = make_cloud(
            types={}, prices={}, types_file=str(FOLDER / "types.csv"),
            prices_file=str(FOLDER / "prices.csv"), compress=3600 // PERIOD, skip_s=86400,
            billing={"kind": kind, "rate": rate, "period_s": PERIOD, "minimum_s": 2}, notice_s=1,
            spot_vcpus_max=10_000, on_demand_vcpus_max=10_000)
        clients[kind, rate] = clouds[kind, rate].client()
    draw = random.Random(1)
    alive = {rule: [] for rule in RULES}
    for _ in range(60):
        for rule, cloud in clouds.items():
            act(cloud, clients[rule], draw, alive[rule])
        time.sleep(0.1)
    for (kind, rate), cloud in clouds.items():
        ec2 = clients[kind, rate]
        ids = [i for i, _ in alive[kind, rate]]
        if ids:
            ec2.terminate_instances(InstanceIds=ids)
        prices = Prices(ec2)
        found = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
        bill = {i["instance"]: i for i in cloud.ask("bill")["items"]}
        assert len(found) == len(bill) > 15
        ends |= {i["StateReason"]["Code"] for i in found}
        for instance in found:
            item = bill[instance["InstanceId"]]
            assert item["micro_usd"] == expected(instance, prices, kind, rate), (kind, rate, item)
        assert sum(i["micro_usd"] for i in bill.values()) > 0
    assert ends == {"Client.UserInitiatedShutdown", "Server.SpotInstanceTermination"}
