"""One engine for every request, by whoever it comes: who acts, what is recorded, who reads it."""
