"""What a body may hold: the fields of all bodies, and the case, for the server and for partners."""
