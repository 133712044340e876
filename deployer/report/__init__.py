"""Events made readable: for a person at a terminal, or as JSON lines for a program."""
