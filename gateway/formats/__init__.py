"""Formats of the field, read into a case and written from one; nothing here opens a connection."""
