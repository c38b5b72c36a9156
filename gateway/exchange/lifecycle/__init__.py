"""What comes to a case by its end, or by a mandate that moves."""
