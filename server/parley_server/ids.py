"""Names of sessions: what they may look like, how new ones are made, and how they key a store.

This module must not know gRPC or any store.
"""

import hashlib
import hmac
import re
import secrets

import msgspec

SESSION_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._~:-]{1,128}")

DEFAULT_TENANT = "default"


class SessionKey(msgspec.Struct, frozen=True, gc=False):
    """A session inside its tenant. Stores take nothing else as a key, so that no tenant reaches another's session."""

    tenant: str
    session_id: str

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that are this key's alone: safe as a file name, a Redis key or a hash tag."""
        tenant = self.tenant.encode()
        return hashlib.sha256(b"%d:%b%b" % (len(tenant), tenant, self.session_id.encode())).hexdigest()


def new_session_id() -> str:
    """Makes a session_id that nobody can guess (128 random bits)."""
    return secrets.token_urlsafe(16)


def derived_session_id(secret: bytes, tenant: str, request_id: str) -> str:
    """Makes the session_id of a first turn that came without one: always the same for the same request_id.

    `secret` is the store's own (`StateStore.secret`), so that every server on the store derives the same name, and
    nobody who only knows the request_id can.
    """
    digest = hmac.new(secret, f"{tenant}\0{request_id}".encode(), hashlib.sha256).hexdigest()
    return digest[:32]
