"""What the room does: receive, preview, apply, undo."""
