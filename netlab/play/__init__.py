# SPDX-License-Identifier: Apache-2.0
"""Runs the collection's plays: the only way by which the wrapper touches a board."""
