"""Beside the acts on cases: what auditors read, what members hear, and what admits a system."""
