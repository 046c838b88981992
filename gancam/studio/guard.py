"""Who may speak to the studio: the page that this server gave out, with its token, and nobody else."""

import hmac
import secrets
import socket
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gancam.control.local import named_host, names_this_machine

LONGEST = 1 << 20  # bytes of a request's body, but for uploads
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


def new_token() -> str:
    """Make a token that nobody guesses: 192 bits."""
    return secrets.token_urlsafe(24)


class Guard:
    """Refuses all requests but those of the studio's own page.

    - Host must name this server, so that no other site's name leads here (DNS rebinding).
    - Origin and Sec-Fetch-Site, where a browser tells them, must be this server's own: so no other site's page sends
      requests or opens WebSockets.
    - The token must come as the cookie that the address with ``?token=`` sets, or as ``Authorization: Bearer``.
    - Bodies are small, but for uploads, which check their size themselves.

    Args:
        app: What is guarded.
        token: The token.
        host: Where the server listens, as the user gave it.
        port: Likewise.
        local: Whether only this machine reaches that.
    """

    def __init__(self, app: ASGIApp, *, token: str, host: str, port: int, local: bool) -> None:
        self._app, self._token, self._host, self._port, self._local = app, token, host.lower(), port, local
        self._cookie = f"gancam-studio-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answer = self._judge(scope)
        if answer is None:
            await self._app(scope, receive, send if scope["type"] == "websocket" else _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": "refused"})
        else:
            answer.headers["Connection"] = "close"
            await answer(scope, receive, _with_headers(send))

    def _judge(self, scope: Scope) -> Response | None:
        """What to answer instead; None where the request may pass."""
        headers = Headers(scope=scope)
        if not self._names_us(headers.get("host", "")):
            return _refusal("this address is not the studio's own")
        if not self._own_origin(headers) and not _opens_page(scope, headers):
            return _refusal("other pages may not speak to the studio")
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if scope["type"] == "http" and scope["path"] == "/" and given:
            return self._let_in() if self._is_token(given) else _refusal(_LOST)
        if not self._is_token(_bearer(headers)) and not self._is_token(self._from_cookie(headers)):
            return _refusal(_LOST)
        length = headers.get("content-length", "0")
        if scope["path"] != "/api/uploads" and not (length.isdecimal() and int(length[:20]) <= LONGEST):
            return _refusal("too long", 413)
        return None

    def _names_us(self, host: str) -> bool:
        name, port = named_host(host)
        if port != self._port:
            return False
        if names_this_machine(name, self._host):
            return True
        if self._local:
            return False
        try:  # an address is no name that somebody could have pointed here
            ip_address(name)
        except ValueError:
            return name == socket.gethostname().lower()
        return True

    def _own_origin(self, headers: Headers) -> bool:
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        return origin is None or origin.lower() == f"http://{headers.get('host', '')}".lower()

    def _let_in(self) -> Response:
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(self._cookie, self._token, path="/", httponly=True, samesite="lax")
        return answer

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _from_cookie(self, headers: Headers) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return "" if found is None else found.value


_LOST = "open the address that `gancam studio` printed: it holds the token without which nothing is shown"


def _refusal(why: str, status: int = 403) -> Response:
    return PlainTextResponse(f"gancam studio: {why}\n", status)


def _opens_page(scope: Scope, headers: Headers) -> bool:
    """Whether a user follows a link to the page, from a terminal in another page, say; it can be in no frame."""
    navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return bool(scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/" and navigates)


def _bearer(headers: Headers) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
