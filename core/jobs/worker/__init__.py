"""The worker: a loop that relays and sweeps, and beside it the group of processes that run jobs."""
