"""The restore drill: a real PostgreSQL fails and is restored, and every part of it is timed."""
