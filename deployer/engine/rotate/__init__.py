"""Changes the cookie of a running cluster without restarting a node."""
