"""Cedar: the policies that decide, and the proof that they decide as they should."""
