"""Signatures that anyone with the public key can check: heads of the sealed log, later manifests and archives."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.vault.keys import current_key, key_by_id


def sign(name: str, message: bytes) -> tuple[str, str]:
    """Key id and Ed25519 signature (hex) of `message` with the current key `name`. Raises KeyUnavailable."""
    key = current_key(name)
    return key.id, Ed25519PrivateKey.from_private_bytes(key.secret).sign(message).hex()


def verify(key_id: str, message: bytes, signature: str) -> bool:
    """Whether the key named made this signature. Raises KeyUnavailable if that key is not here."""
    public = Ed25519PrivateKey.from_private_bytes(key_by_id(key_id).secret).public_key()
    try:
        public.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(name: str) -> tuple[str, str]:
    """Key id and public half (hex) to hand to whoever checks without us."""
    key = current_key(name)
    public = Ed25519PrivateKey.from_private_bytes(key.secret).public_key()
    return key.id, public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
