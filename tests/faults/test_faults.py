# SPDX-License-Identifier: Apache-2.0
"""Whatever happens in the middle of a deploy or destroy: the next destroy leaves nothing, the next deploy works."""

from __future__ import annotations

import pytest

from tests.faults.catalogue import Trial
from tests.faults.conftest import Campaign

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.needs("tini", "nsenter", "ethtool", "netserver"),
]

LONGEST = 3600.0  # seconds: a test waits for those that are tried before it


@pytest.mark.timeout(LONGEST)
def test_survived(trial: Trial, campaign: Campaign) -> None:
    campaign.results[trial].result(timeout=LONGEST)
