"""Every profile's events as columns: contiguous runs, one per profile, in order of time.

In: encoded rows with their profile. Out: arrays that `evaluate` reads. Imports only `model`.
"""
