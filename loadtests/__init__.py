"""The load test: the field's users, what they send to a staging system, and what is written down of it."""
