"""Kinds of names and text that several settings share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
"""Names a site, pod or circle in topics, folders and the ledger."""
Pseudonym = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
"""Stands for a sleeper everywhere; never the person's name."""
PublicKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""Ed25519 public key in hexadecimal."""
OutputName = Literal["sound", "light", "haptic"]
"""How a cue can reach a sleeper."""
