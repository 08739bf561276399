# SPDX-License-Identifier: Apache-2.0
"""An inventory drafted from what boards say of themselves. Nothing here reaches a board.

targets → (a play asks the boards) → answers → nics, network → files
"""

from __future__ import annotations
