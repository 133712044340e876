"""A live cluster's cookie, changed without restarting a node."""
