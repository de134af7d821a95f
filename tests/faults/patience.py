"""How long a fault test waits: what the shop itself may take, and what a slow machine adds."""

from __future__ import annotations

from jobs.outbox import OVERDUE, sweep_outbox
from jobs.schedule import SCHEDULE
from storefront.outbox import LEASE
from storefront.providers.stripe_gateway import TIMEOUT_SECONDS
from storefront.queue import REDIS_TIMEOUT_SECONDS
from storefront.sandbox.demo_supervisor import LONGEST_PAUSE_SECONDS

# A process starting and the work itself, on a machine half as fast that does other things too.
# The one guess here; everything else is the shop's own.
WORK_SECONDS = 30.0

_SWEEP_SECONDS = next(one.every for one in SCHEDULE if one.run is sweep_outbox).total_seconds()

# A process that was killed is there again, and answers.
WELL_SECONDS = LONGEST_PAUSE_SECONDS + 2 * WORK_SECONDS

# Work whose bell was not heard, or whose time has come: nobody rings for that.
SWEPT_SECONDS = OVERDUE.total_seconds() + _SWEEP_SECONDS + WORK_SECONDS

# Work that a killed process had in hand: the next look after its lease.
RECOVERY_SECONDS = LEASE.total_seconds() + _SWEEP_SECONDS + WORK_SECONDS

# Everything, after several things were down together: a kill, and four failures in a row that wait
# 2, 4, 8 and 16 s and then for the sweep.
SETTLED_SECONDS = RECOVERY_SECONDS + sum(
    2**attempt + OVERDUE.total_seconds() + _SWEEP_SECONDS for attempt in (1, 2, 3, 4)
)

# A call of Stripe that hangs is seen and struck while it does, and ends before the shop gives up.
HANG_SECONDS = 0.6 * TIMEOUT_SECONDS

# A checkout asks Valkey for limits, twice, and rings; each time it may be silent for so long.
SILENT_CHECKOUT_SECONDS = 3 * REDIS_TIMEOUT_SECONDS + WORK_SECONDS / 4
