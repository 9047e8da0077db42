"""Signs requests for AWS (Signature Version 4) with the credentials that boto3 finds."""

import hashlib
from collections.abc import Mapping
from typing import Any

from memory.errors import AgentError
from memory.opensearch import Service, Sign

UNREAD = "x-amz-content-sha256"
"""Header that OpenSearch Serverless refuses requests without."""


class CredentialsMissing(AgentError):
    """Requests are to be signed, and boto3 finds no credentials or no region."""

    code = "memory.credentials_missing"
    kind = "unavailable"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"Requests to `{service}` cannot be signed: boto3 finds no credentials or no region.",
            fix="Give it a role, `AWS_PROFILE` or `aws sso login`, and set `AWS_REGION`.",
        )


def signer(credentials: Any, *, region: str, service: Service) -> Sign:
    """Return what signs requests to `service` in `region`.

    `credentials` are botocore's: those of a role renew themselves, so each request asks for them anew.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    def sign(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        digest = hashlib.sha256(body).hexdigest()
        request = AWSRequest(method=method, url=url, headers={**headers, UNREAD: digest}, data=body)
        SigV4Auth(credentials.get_frozen_credentials(), service, region).add_auth(request)
        return dict(request.headers.items())

    return sign
