# SPDX-License-Identifier: Apache-2.0
"""netlab-testbed: what a guest's network path costs, measured and believed."""

__version__ = "0.1.0"
