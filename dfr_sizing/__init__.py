"""Capacity planning for FAO's Digital Farmer Registry (Odoo 18 and PostgreSQL) by simulation."""

__version__ = "0.1.0"
