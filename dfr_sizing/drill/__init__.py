"""The restore drill: a real PostgreSQL fails and is restored, and every part of it is timed.

| file | idea |
|---|---|
| ``types`` | what is asked and found: phases, sizes, losses |
| ``workspace`` | the folder of a drill: marked, locked, cleared |
| ``programs``, ``cluster`` | PostgreSQL's programs and servers of the drill's own, ended with it |
| ``source`` | the database that it seeds itself |
| ``writer``, ``journal`` | work that goes on while it fails, noted outside of it |
| ``archive``, ``backup``, ``recover`` | WAL kept, base backups, and the way back |
| ``filestore`` | files, consistent with their rows |
| ``verify`` | pages, indexes, rows, files; what was lost |
| ``run``, ``staged`` | the drill on its own database; on a staging that is only read |
| ``predict``, ``report`` | the profile and what it foresees; the outcome in words and as JSON |

What it measured goes to the recovery room as a profile (``recovery/profile.py``), in place of stated rates.
"""
