"""Scenario to Recommendation: bounds, then simulation in order of cost."""
