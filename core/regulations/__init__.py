"""Rules of the field as reviewed defaults with versions, confirmed or revised by each hospital."""
