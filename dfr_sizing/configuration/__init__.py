"""What to write into odoo.conf, postgresql.conf and pgbouncer.ini for a deployment, each value with its reason.

============  ========================================================================================================
setting       ``Setting``: one line of a file with source, rule, raw value and why
connections   ``Connections``: how many Odoo opens, and whether a pooler shares them
postgresql    ``postgresql_settings``, ``table_settings``: the server's parameters and those of large tables
odoo          ``odoo_settings``: odoo.conf of every application node
pgbouncer     ``pgbouncer_settings``: transaction pooling with its exception for LISTEN/NOTIFY
replica       ``replica_advice``: what share of the load a read replica takes, and whether to buy one
files         the same as text of the files
============  ========================================================================================================
"""
