"""What every answer tells a browser: run the files of this site, and nothing inside of a page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

# Django 6 brings this as SECURE_CSP; until then a table is less than a package to carry.
CONTENT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",  # a shopper's photo is shown before it has an address
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# Django itself sends Referrer-Policy, Cross-Origin-Opener-Policy and nosniff.
POLICIES = {
    "Content-Security-Policy": "; ".join(f"{what} {whence}" for what, whence in CONTENT.items()),
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
}


def policies(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The middleware that adds the policies to each answer that has none of its own."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, policy in POLICIES.items():
            response.headers.setdefault(name, policy)
        return response

    return answer
