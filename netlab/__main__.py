# SPDX-License-Identifier: Apache-2.0
"""`python -m netlab` is `netlab`."""

from netlab.cli import main

main()
