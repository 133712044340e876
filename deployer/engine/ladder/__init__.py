"""Ten rungs for each node: what is read of it, and how it is judged."""
