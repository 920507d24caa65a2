"""The promises that the OpenAPI document alone cannot state."""

import schemathesis

MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


@schemathesis.check
def problem_document(ctx, response, case):
    """Every error is a problem document (RFC 9457) with our members."""
    if response.status_code < 400:
        return
    if case.method == "HEAD":
        return
    kind = response.headers.get("content-type", ["nothing"])[0].split(";")[0]
    assert kind == "application/problem+json", f"an error came as {kind}"
    problem = response.json()
    missing = MEMBERS - problem.keys()
    assert not missing, f"the problem document lacks {sorted(missing)}"
    assert problem["status"] == response.status_code, "status and document differ"


@schemathesis.check
def token_stays_secret(ctx, response, case):
    """No answer repeats the credential that it was asked with."""
    token = response.request.headers.get("Authorization", "")
    token = token if isinstance(token, bytes) else token.encode()
    token = token.removeprefix(b"Bearer ")
    assert len(token) < 40 or token not in response.content, "the answer holds the token"
