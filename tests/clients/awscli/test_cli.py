"""Goal: the aws command line works against the local cloud as a user would use it.

Method: the program itself, with the endpoint and keys that the documentation names.
"""

import json
import os
import subprocess

import pytest
from local_cloud import IMAGE, KEY, SECRET

pytestmark = pytest.mark.slow  # About two seconds a call.


@pytest.fixture
def aws(cloud):
    def call(*words):
        environment = dict(os.environ, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET,
                           AWS_DEFAULT_REGION="us-east-1", AWS_PAGER="", AWS_MAX_ATTEMPTS="1")
        done = subprocess.run(["aws", "--endpoint-url", cloud.endpoint, "--output", "json", "ec2",
                               *words], capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None
    return call


def test_a_spot_instance_from_launch_to_end(aws, tmp_path):
    (tmp_path / "boot").write_text("#!/bin/sh\necho hello\n")
    made = aws("run-instances", "--image-id", IMAGE, "--instance-type", "c8i.large", "--user-data",
               f"file://{tmp_path}/boot", "--instance-market-options",
               "MarketType=spot,SpotOptions={MaxPrice=0.05,SpotInstanceType=one-time}",
               "--tag-specifications", "ResourceType=instance,Tags=[{Key=fleet,Value=x y}]")
    made = made["Instances"][0]
    # No zone was asked for: the cheapest is taken.
    assert made["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert aws("wait", "instance-running", "--instance-ids", made["InstanceId"]) is None
    listed = aws("describe-instances", "--filters", "Name=tag:fleet,Values=x y", "--query",
                 "Reservations[].Instances[].InstanceId")
    assert listed == [made["InstanceId"]]
    prices = aws("describe-spot-price-history", "--instance-types", "c8i.large",
                 "--product-descriptions", "Linux/UNIX", "--start-time", "2026-01-01T00:00:00Z")
    assert {p["SpotPrice"] for p in prices["SpotPriceHistory"]} == {"0.030000", "0.020000"}
    ended = aws("terminate-instances", "--instance-ids", made["InstanceId"])
    assert ended["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down"
    assert aws("wait", "instance-terminated", "--instance-ids", made["InstanceId"]) is None
    with pytest.raises(RuntimeError, match="InvalidInstanceID.NotFound"):
        aws("describe-instances", "--instance-ids", "i-00000000000000000")
