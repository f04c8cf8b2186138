"""What a load test leaves behind: its steps, every request, and what the hosts did meanwhile."""
