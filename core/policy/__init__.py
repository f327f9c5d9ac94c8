"""Who may do what: one table, one predicate algebra, compiled to object checks, ORM filters and line filters."""
