"""Which feed of the simulated city is served where: one line a feed, matching ``territories/demo.yml``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from observatory.simulator.ledger import Ledger
from observatory.simulator.protocols import Answer

OFFER: Mapping[str, Callable[[Ledger], Answer]] = {}
"""First part of a feed's path, e.g. ``traffic`` of ``http://127.0.0.1:8790/traffic``, to what makes its answer.

The answer is given the path below that part (``/traffic/sites.csv`` comes as ``/sites.csv``). The first line of the
docstring of the function says on the portal's page what is served.
"""
