"""What partner systems call over mutual TLS: one file per noun."""
