"""Accounts: devices, one-time codes, second factors, machine tokens. Rights follow from posts and are no part of this."""
