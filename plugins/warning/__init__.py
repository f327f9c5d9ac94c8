"""The warning plugin: rules over prescribing lines, and the warnings they give."""
