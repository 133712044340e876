"""Probe, plan, apply, verify: the walk of one play over its hosts."""
