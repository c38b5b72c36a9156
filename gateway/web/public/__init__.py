"""What anybody may read without a certificate: keys, the log, authorities, explanations."""
