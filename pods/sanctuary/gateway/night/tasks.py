"""Work that runs beside a night until it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack

_LOG = logging.getLogger(__name__)


def run_beside(stack: AsyncExitStack, work: Coroutine[None, None, None], name: str) -> None:
    """Run `work` until the night ends; a mistake in it is told, never swallowed."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_told)
    stack.callback(task.cancel)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("%s ended: %s", task.get_name(), error, exc_info=error)
