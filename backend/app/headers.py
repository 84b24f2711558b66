"""The headers every answer carries (SAFETY section 9). A route may say more precisely, never less by forgetting."""

import secrets
from typing import Final

from starlette.datastructures import MutableHeaders

POLICY: Final = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; style-src 'self' 'nonce-{nonce}'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), payment=(), interest-cohort=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def new_nonce() -> str:
    """A fresh nonce for this response's style elements."""
    return secrets.token_urlsafe(16)


def secure(headers: MutableHeaders, nonce: str, request_id: str, *, https: bool) -> None:
    """Add what is missing; a download's own `sandbox` policy and a slab's own caching stay."""
    for name, value in FIXED.items():
        headers[name] = value
    headers.setdefault("Content-Security-Policy", POLICY.format(nonce=nonce))
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Request-Id"] = request_id
    if https:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
