"""Work that outlives a request: outbox, lease, relay, progress, cancel, resume, schedules and events."""
