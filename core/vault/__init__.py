"""Keys, keyed hashes, signatures, encrypted cells and fields, rotation.

Public: `core.vault.hashes.hmac_text`, `core.vault.cells.seal` / `open_cell`, `core.vault.signing.sign` / `verify`,
`core.vault.fields.SealedField` / `EqualityField` / `equality`, `core.vault.rotation.rotate` / `survey`.
"""
