"""What each strategy adds in hardware: every extra copy is to be paid for."""

from __future__ import annotations

from dfr_sizing.recovery.rates import Rates, shipped_rates
from dfr_sizing.recovery.types import StandbyShape, Strategy


def replicas_needed(strategy: Strategy, rates: Rates | None = None) -> StandbyShape:
    """The copies beside the first site; shares are of that site's tier.

    A pilot light's application hosts cost nothing in a cloud until they are started; on premises they must stand there
    and be paid for as hosts. A standby zone that the user asked for (``RecoveryInput.has_standby_zone``) comes on top,
    except with a hot standby, which has it.
    """
    known = rates or shipped_rates()
    match strategy:
        case Strategy.BACKUP_RESTORE:
            return StandbyShape(0, 0.0, 0.0, dr_storage=False, offsite_backup=True)
        case Strategy.PILOT_LIGHT:
            database = known.exact("standby.pilot-light.database_share")
            return StandbyShape(0, database, 0.0, dr_storage=True, offsite_backup=True)
        case Strategy.WARM_STANDBY:
            database = known.exact("standby.warm-standby.database_share")
            application = known.exact("standby.warm-standby.application_share")
            return StandbyShape(0, database, application, dr_storage=True, offsite_backup=True)
        case Strategy.HOT_STANDBY:
            return StandbyShape(1, 1.0, 1.0, dr_storage=True, offsite_backup=True)
