"""A window to nodes that run: talking to them and looking at them, over the connection that the inventory describes."""
