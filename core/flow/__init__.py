"""Approvals and states: declared flows, their running items and every step taken. The only state machine."""
