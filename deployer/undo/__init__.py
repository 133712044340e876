"""How a host takes back what was written to its files, whatever becomes of the run, of the connection, or of itself."""
