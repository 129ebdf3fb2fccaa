"""Opens the sealed values of `platform-events`, written independently of our C code.

key id (8 bytes) | ephemeral X25519 public key (32) | nonce (12) | AES-256-GCM ciphertext and tag (16)
"""

import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_INFO = b"wxbus sealed event v1"
_KEY_ID, _PUBLIC, _NONCE, _TAG = 8, 32, 12, 16


def open_sealed(value, private_key, event_id):
    """The plaintext bytes. `private_key`: 32 bytes; `event_id`: the record's ce_id. Anything wrong raises."""
    if len(value) < _KEY_ID + _PUBLIC + _NONCE + _TAG:
        raise ValueError(f"{len(value)} bytes are no sealed value")
    recipient = X25519PrivateKey.from_private_bytes(private_key)
    recipient_public = recipient.public_key().public_bytes(serialization.Encoding.Raw,
                                                           serialization.PublicFormat.Raw)
    key_id, rest = value[:_KEY_ID], value[_KEY_ID:]
    if key_id != hashlib.sha256(recipient_public).digest()[:_KEY_ID]:
        raise ValueError("sealed to another key")
    ephemeral, nonce, ciphertext = rest[:_PUBLIC], rest[_PUBLIC:_PUBLIC + _NONCE], rest[_PUBLIC + _NONCE:]
    shared = recipient.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    key = HKDF(hashes.SHA256(), length=32, salt=ephemeral + recipient_public, info=_INFO).derive(shared)
    return AESGCM(key).decrypt(nonce, ciphertext, event_id.encode())
