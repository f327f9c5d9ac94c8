"""What the core's own parts say of themselves."""
