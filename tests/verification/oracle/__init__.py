"""The verifier as it was before it became rows of values: what it found, the new one finds."""
