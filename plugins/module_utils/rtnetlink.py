# SPDX-License-Identifier: Apache-2.0
"""pyroute2's IPRoute without the rest of pyroute2.

The package's own ``__init__`` imports a database, a console and a web server: half of 0.1 s, and a second on a slow
board, in every module that asks for a link. Here the part that is used is imported while an empty package stands in
for the whole one, which anybody may import after that. A pyroute2 that is built otherwise is imported as it is.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any


def load() -> tuple[Any, Any]:
    """(IPRoute, NetlinkError). ImportError where there is no pyroute2."""
    if "pyroute2" not in sys.modules:
        spec = importlib.util.find_spec("pyroute2")
        if spec is None:
            raise ModuleNotFoundError("No module named 'pyroute2'", name="pyroute2")
        sys.modules["pyroute2"] = importlib.util.module_from_spec(spec)
        try:
            return _parts()
        except (ImportError, AttributeError):
            pass
        finally:
            del sys.modules["pyroute2"]
    return _parts()


def _parts() -> tuple[Any, Any]:
    from pyroute2.iproute import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    return IPRoute, NetlinkError
