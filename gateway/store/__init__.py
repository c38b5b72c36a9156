"""State and log in one database, SQLite or PostgreSQL; the only folder that imports SQLAlchemy."""
