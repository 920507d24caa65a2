"""Derives narrower, short-lived tokens from a token of Tidegate, without the server.

    from derive import derived
    short = derived(token, project, grants="all_grants", constraints=[{"field": "region", "operator": "eq", "value": "eu"}])

The form is that of docs/derived-tokens.md. It needs the library `cryptography`. Run as a program,
it takes more claims as JSON from standard input and prints the token:

    echo '{"grants":"all_grants"}' | TIDEGATE_TOKEN=… python3 derive.py 01M7Y10V0GS6DQE8G7HER2NSG2 900
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def key_pair(token):
    """The Ed25519 pair that follows from a token. The server has its public half alone."""
    seed = hmac.new(token.encode(), b"tidegate ed25519 v1\0", hashlib.sha256).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def part(value):
    """One part of a JWT: base64url without padding."""
    if not isinstance(value, bytes):
        value = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def derived(token, project, seconds=900, now=None, drawn=None, **claims):
    """A token for so many seconds that claims more beside what each must."""
    now = int(time.time()) if now is None else now
    drawn = secrets.token_hex(16) if drawn is None else drawn
    header = {"alg": "EdDSA", "typ": "tidegate-derived+jwt", "kid": token.split("_")[2]}
    ends = now + seconds
    # The id begins with the end, so that the server knows how long to remember a revocation.
    must = {"aud": project, "iat": now, "exp": ends, "jti": f"{ends}-{drawn}"}
    signed = f"{part(header)}.{part({**must, **claims})}"
    return f"{signed}.{part(key_pair(token).sign(signed.encode()))}"


if __name__ == "__main__":
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 900
    print(derived(os.environ["TIDEGATE_TOKEN"], sys.argv[1], seconds, **json.load(sys.stdin)))
