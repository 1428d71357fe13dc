"""Whole sites in virtual time: hosts, network, faults, campaigns."""
