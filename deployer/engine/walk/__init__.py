"""One host at a time: read everything, compare, write step by step, read again."""
