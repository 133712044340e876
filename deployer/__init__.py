"""Deploy, audit and dry-run fleets of mix releases over SSH."""

__version__ = "0.1.0"
