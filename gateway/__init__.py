"""Casegate: a case-sharing gateway between organisations that protect children."""
