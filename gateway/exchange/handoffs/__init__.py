"""What the two parties of a handoff do with it: offer, answer, update, recall, open, read."""
