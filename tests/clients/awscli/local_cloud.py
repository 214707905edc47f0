"""A local cloud for a test, and botocore clients for it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(os.environ.get("GODWIT_BUILD", ROOT / "build/release")) / "src/apps/godwit"
KEY, SECRET = "AKIDLOCAL", "local/secret+key"
IMAGE = "ami-00000000000000001"

CONFIG = {
    "types": {
        "c8i.large": {"vcpus": 2, "memory_mib": 4096, "on_demand_usd": "0.09", "nested": True},
        "c5.large": {"vcpus": 2, "memory_mib": 4096, "on_demand_usd": "0.085"},
        "c5.xlarge": {"vcpus": 4, "memory_mib": 8192, "on_demand_usd": "0.17"},
    },
    "prices": {"c8i.large/us-east-1a": "0.03", "c8i.large/us-east-1b": "0.02",
               "c5.large/us-east-1a": "0.01", "c5.xlarge/us-east-1b": "0.05"},
    "images": {IMAGE: "node"},
    "credentials": [{"access_key_id": KEY, "secret_access_key": SECRET}],
    "launch_latency_ms": 0, "visible_after_ms": 0, "shutdown_ms": 0,
    "buckets": {"RunInstances": [1000, 100]}, "other_buckets": [1000, 100],
}


class LocalCloud:
    def __init__(self, folder, changes):
        self.folder = folder
        self.socket = folder / "admin"
        config = CONFIG | {"port_file": str(folder / "port"), "admin_socket": str(self.socket)}
        (folder / "config.json").write_text(json.dumps(config | changes))
        with open(folder / "log", "w") as log:
            self.program = subprocess.Popen([PROGRAM, "cloud", folder / "config.json"],
                                            stderr=log, stdout=log)
        while not (folder / "port").exists():
            assert self.program.poll() is None, (folder / "log").read_text()
            time.sleep(0.01)
        self.endpoint = f"http://127.0.0.1:{(folder / 'port').read_text().strip()}"

    def client(self, key=KEY, secret=SECRET, region="us-east-1", attempts=1):
        import botocore.config
        import botocore.session
        return botocore.session.Session().create_client(
            "ec2", region_name=region, endpoint_url=self.endpoint, aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=botocore.config.Config(retries={"total_max_attempts": attempts}))

    def ask(self, *words):
        """A command of the operator; its answer."""
        run = subprocess.run([PROGRAM, "cloud", *words, "--socket", self.socket, "-o", "json"],
                             capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(f"ended with {run.returncode}: {run.stderr}")
        return json.loads(run.stdout)

    def stop(self):
        self.program.send_signal(signal.SIGTERM)
        assert self.program.wait(timeout=30) == 0
