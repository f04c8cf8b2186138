"""PostgreSQL's cache, WAL, checkpoints and vacuum as closed forms: pages and bytes a second from rates and sizes.

==========  ==========================================================================================================
settings    ``Settings``: what of postgresql.conf changes an answer here
popularity  ``Popularity``: how unevenly the pages of a relation are touched
cache       ``shared_buffers``, ``two_levels``: hit ratio and pages read by relation
fit         ``fit``: popularity from reads that were counted at two or more cache sizes; ``measured_range`` without it
wal         ``wal_volume``, ``full_page_images``: bytes since a checkpoint
commits     ``commits_per_flush``: how many commits share a flush
checkpoint  ``checkpoint``: when the next one comes, and what it writes
vacuum      ``vacuum``: how often, how many pages, how fast at most
==========  ==========================================================================================================

Seconds, bytes and pages of 8 kB throughout. Nothing here knows of a deployment, a price or a plan.
"""
