"""A Recommendation as files and as text: what an architect reads, what a program reads, what a terminal shows.

=========================  ================================================================================
``write.write_plan``       the deployment plan in a folder: plan.md, plan.json, pictures/*.png
``write.check_out``        whether that folder can be written, to be asked before a long computation
``as_json``                the answer as plain values, described in schema.md
``terminal``               the answer on one screen
``pictures``               the charts (imports matplotlib, so it is imported only when charts are drawn)
=========================  ================================================================================

What they share: ``words`` (numbers with units), ``money`` (dollars and the asked currency), ``latency`` (request
classes beside their targets), ``settings`` (what to set in Odoo and PostgreSQL).
"""
