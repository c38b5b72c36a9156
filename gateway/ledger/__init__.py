"""A transparency log that has never heard of cases: trees, tiles, notes, checkpoints, proofs."""
