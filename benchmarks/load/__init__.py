"""The whole installation under load: people's requests on a fixed schedule, beside an import and a reindex."""
