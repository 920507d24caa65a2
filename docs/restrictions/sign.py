"""Signs requests to Tidegate with the key pair of a token (RFC 9421).

    from sign import signed
    headers = signed(token, "POST", "https://data.example/v1/pools/sales/records", body, "application/json")

The form is that of docs/restrictions.md. It needs the library `cryptography`.
Run as a program, it sends standard input, if there is any:

    TIDEGATE_TOKEN=… python3 sign.py POST http://127.0.0.1:8080/v1/query application/json < question.json
"""

import base64
import hashlib
import hmac
import os
import secrets
import sys
import time
import urllib.error
import urllib.request

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def key_pair(token):
    """The Ed25519 pair that follows from a token. The server has its public half alone."""
    seed = hmac.new(token.encode(), b"tidegate ed25519 v1\0", hashlib.sha256).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def signed(token, method, uri, body=b"", content_type=None, created=None, nonce=None):
    """The headers to send with the request. Each call makes a fresh nonce."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    covered = {"@method": method, "@target-uri": uri, "content-digest": f"sha-256=:{digest}:"}
    if content_type is not None:
        covered["content-type"] = content_type
    names = " ".join(f'"{name}"' for name in covered)
    created = int(time.time()) if created is None else created
    nonce = secrets.token_urlsafe(24) if nonce is None else nonce
    # The public part of the token names the secret; nothing else of it is sent.
    keyid = token.split("_")[2]
    params = f'({names});created={created};nonce="{nonce}";keyid="{keyid}"'
    lines = [f'"{name}": {value}' for name, value in covered.items()]
    base = "\n".join([*lines, f'"@signature-params": {params}'])
    signature = base64.b64encode(key_pair(token).sign(base.encode())).decode()
    headers = {
        "Content-Digest": covered["content-digest"],
        "Signature-Input": f"sig={params}",
        "Signature": f"sig=:{signature}:",
    }
    if content_type is not None:
        headers["Content-Type"] = content_type
    return headers


def main():
    method, uri = sys.argv[1:3]
    content_type = sys.argv[3] if len(sys.argv) > 3 else None
    body = b"" if content_type is None else sys.stdin.buffer.read()
    headers = signed(os.environ["TIDEGATE_TOKEN"], method, uri, body, content_type)
    request = urllib.request.Request(uri, data=body or None, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            sys.stdout.buffer.write(answer.read())
    except urllib.error.HTTPError as refused:
        sys.stderr.buffer.write(refused.read())
        sys.exit(1)


if __name__ == "__main__":
    main()
