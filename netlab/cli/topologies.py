# SPDX-License-Identifier: Apache-2.0
"""netlab topologies"""

from __future__ import annotations

from netlab.cli.options import Json


def command(json: Json = False) -> None:
    """List what can be built, and what can measure it."""
    from netlab import collection
    from netlab.cli import output

    found = collection.find()
    kinds = {"topologies": found.topologies(), "instruments": found.instruments()}
    if json:
        output.as_json(
            {
                kind: [{"name": name, "description": role.description} for name, role in roles.items()]
                for kind, roles in kinds.items()
            }
        )
        return
    for kind, roles in kinds.items():
        output.table(
            [kind.removesuffix("ies") + "y" if kind.endswith("ies") else kind.removesuffix("s"), ""],
            [[name, role.description] for name, role in roles.items()],
        )
        output.line()
