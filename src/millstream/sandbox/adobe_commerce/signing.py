"""The sandbox's own two key pairs, made once per process, that sign events as Adobe's gateway does."""

from base64 import b64encode
from functools import lru_cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_PATHS = ("/prod/keys/pub-key-sandbox-1.pem", "/prod/keys/pub-key-sandbox-2.pem")


@lru_cache
def private_key(path: str) -> rsa.RSAPrivateKey:
    if path not in KEY_PATHS:
        raise KeyError(path)
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(path: str) -> bytes:
    """Raises KeyError for a path that holds no key."""
    return (
        private_key(path)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def signature_headers(body: bytes) -> dict[str, str]:
    """base64(RSA-SHA256, PKCS#1 v1.5) over the raw body, once per key."""
    headers = {}
    for number, path in enumerate(KEY_PATHS, 1):
        signature = private_key(path).sign(body, padding.PKCS1v15(), hashes.SHA256())
        headers[f"x-adobe-digital-signature-{number}"] = b64encode(signature).decode()
        headers[f"x-adobe-public-key{number}-path"] = path
    return headers
