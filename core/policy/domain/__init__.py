"""Rights of one person on one day, delegation, recusal, and why somebody may see something."""
