"""Demand, model and topology to outcome, by discrete-event simulation."""
