"""A local cloud per test."""

import pytest
from local_cloud import LocalCloud


@pytest.fixture
def make_cloud(tmp_path):
    made = []

    def make(**changes):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(LocalCloud(folder, changes))
        return made[-1]
    try:
        yield make
    finally:
        for cloud in made:
            if cloud.program.poll() is None:
                cloud.stop()


@pytest.fixture
def cloud(make_cloud):
    return make_cloud()
