"""The derivation of fabricmirror_password, written from its documentation: seed, context, version, length."""

import hashlib
import hmac
import string
import sys

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def hkdf(seed: bytes, info: bytes, length: int) -> bytes:
    key = hmac.new(b"fabricmirror/password/v1", seed, hashlib.sha256).digest()
    output, block, counter = b"", b"", 1
    while len(output) < length:
        block = hmac.new(key, block + info + bytes([counter]), hashlib.sha256).digest()
        output += block
        counter += 1
    return output[:length]


def derive(seed: str, context: str, version: int, length: int) -> str:
    attempt = 0
    while True:
        info = f"{context}\0{version}\0{attempt}".encode()
        password = "".join(ALPHABET[byte & 63] for byte in hkdf(seed.encode(), info, length))
        classes = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "-_")
        if all(any(letter in group for letter in password) for group in classes):
            return password
        attempt += 1


print(derive(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
