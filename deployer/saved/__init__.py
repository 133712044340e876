"""Plans that are kept in a file, and applied as they are or not at all (docs/plans.md)."""
