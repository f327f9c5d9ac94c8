"""The rule engine, free of Django: rules in, tables in, findings out."""
