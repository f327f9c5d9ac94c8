"""Hospitals, campuses, the department and Party trees, persons, their dated posts, and accounts."""
