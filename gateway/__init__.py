"""Casegate: a case-sharing gateway between organisations that protect children."""

__version__ = "0.2.0"
"""Of program, interface and documents: semantic versioning, with its section in CHANGELOG.md."""
