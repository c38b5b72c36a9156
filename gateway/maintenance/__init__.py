"""What the holder of the issuing key does: certificates, lists, renewals, erasure, the log.

One process of a folder at a time, by a lock file: `maintain` under the supervisor, or the
operator's own hand while no gateway runs (`process.py`). Nobody else opens the issuing key. Nodes
that share a PostgreSQL database each keep the files of their own folder, and take turns at what the
log records. `timetable.py` has all that is done, each in the module of its subject beside it.
"""
