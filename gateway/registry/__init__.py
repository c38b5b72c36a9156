"""Who takes part, as what, with which systems and keys: what administrators change and read."""
