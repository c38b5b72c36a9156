"""How a case and a handoff stand for who asks: who may what, under which conditions, and what is
owed."""
