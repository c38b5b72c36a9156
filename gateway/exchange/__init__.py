"""What members do with cases: submit, offer, answer, consult, and what auditors read of it."""
