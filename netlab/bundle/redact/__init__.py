# SPDX-License-Identifier: Apache-2.0
"""What tells who and where somebody is, replaced by aliases; and secrets, withheld.

identities     which names, addresses, users and secrets there are to be found
patterns       what is recognised by its form
aliases        what stands there instead, and what has been replaced how often
text           a text, or JSON, with all of it replaced
"""

from netlab.bundle.redact.aliases import Aliases
from netlab.bundle.redact.identities import Identities
from netlab.bundle.redact.text import Redactor

__all__ = ["Aliases", "Identities", "Redactor"]
