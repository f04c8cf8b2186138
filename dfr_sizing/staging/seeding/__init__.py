"""Filling a staging system with made-up farmers, so that it is as large as the registry it stands for."""
