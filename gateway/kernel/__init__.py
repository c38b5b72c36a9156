"""One engine for every request, by whoever it comes: who asks, what is recorded, what is refused."""
