"""What a stranger checks, offline: files, with the keys that it brings. Nothing here signs."""
