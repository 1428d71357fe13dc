"""Waits for an external broker that is not there yet, where somebody wants that."""

from __future__ import annotations

import logging

from sanctuary.config.broker import BrokerSettings
from sanctuary.config.errors import BrokerError, InputError
from sanctuary.gateway.night.stopping import StopFlag
from sanctuary.pods.wire.broker import reach

_LOG = logging.getLogger(__name__)

EVERY_S = 2.0


def check_waiting(settings: BrokerSettings, *, wait: bool) -> None:
    """Refuse to wait for a broker that this program starts itself.

    Raises
    ------
    InputError
        That was asked for.
    """
    if wait and settings.kind != "external":
        raise InputError(
            f'--wait-broker: broker.kind = "{settings.kind}" starts one of its own, for which nobody waits; '
            'set broker.kind = "external", or leave the option out'
        )


async def broker_is_there(settings: BrokerSettings, stop: StopFlag, *, wait: bool) -> bool:
    """Wait until something listens where the broker should be; for ever, and told once.

    Returns
    -------
    bool
        False where somebody stopped us first. Without `wait`, true at once.
    """
    told = False
    while wait and not stop.is_set:
        try:
            await reach(settings)
        except BrokerError as error:
            if not told:
                told = True
                _LOG.warning("%s; waiting for it until it is there", error)
            await stop.wait(EVERY_S)
            continue
        if told:
            _LOG.warning("the broker is there")
        return True
    return not stop.is_set
