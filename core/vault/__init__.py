"""Keys, keyed hashes, signatures and encrypted cells. No rotation yet.

Public: `core.vault.hashes.hmac_text`, `core.vault.cells.seal` / `open_cell`, `core.vault.signing.sign` / `verify`.
"""
