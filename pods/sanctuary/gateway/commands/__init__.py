"""The commands of `sanctuary`, one module each; `sanctuary.gateway.cli` says how to add one."""
