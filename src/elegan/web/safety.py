"""Who may ask the server for anything: this browser, from this page, under this address."""

import secrets
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse

MAX_JSON = 1 << 20
MAX_UPLOAD = 1 << 30
"""Bytes of a request: of an ordinary one, and of a file."""
_UPLOADS = ("/api/uploads", "/api/photos", "/api/photos/mask")

POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self'"
)
_SAFE = ("GET", "HEAD")
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


class Keys:
    """A token that opens the page once, and the cookie that it is changed for.

    Attributes:
        token: of the next start address; another as soon as it has been used.
        cookie: the name of the cookie, which belongs to one port.
        address: where the page is, without the token.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.token = secrets.token_urlsafe(24)
        self.cookie = f"elegan-{urlsplit(address).port}"
        self._session = secrets.token_urlsafe(24)

    @property
    def start(self) -> str:
        """The address that opens the page."""
        return f"{self.address}/?token={self.token}"

    def take(self, token: str) -> str | None:
        """Changes the token, once, for the value of the cookie."""
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return None
        self.token = secrets.token_urlsafe(24)
        return self._session

    def fits(self, value: str) -> bool:
        return secrets.compare_digest(value.encode(), self._session.encode())


class Guard:
    """Refuses what does not come from the page itself; sets the headers that keep it to itself.

    The Host must be an address of the server's own, so that a name of somebody else's that leads
    here (DNS rebinding) opens nothing. What changes anything must say that it comes from the page
    (Origin). Nothing but the start address is answered without the cookie.

    Args:
        hosts: what may stand in the header Host, ports included.
        opened: called with the next start address whenever one was used.
        by_number: whether any numerical address may stand there too, since the server is open to
            the network: no name of somebody else's can be one.
    """

    def __init__(
        self,
        app: Any,
        keys: Keys,
        hosts: Iterable[str],
        opened: Any = None,
        by_number: bool = False,
    ) -> None:
        self.app, self.keys, self.opened, self.by_number = app, keys, opened, by_number
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None
        answer = self._refusal(scope)
        if answer is not None:
            return await answer(scope, receive, _with_headers(send))
        return await self.app(scope, _limited(scope, receive), _with_headers(send))

    def _refusal(self, scope: Any) -> Any:
        """Returns the answer to a request that is not let through, or None."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        host = headers.get("host", "").lower()
        if host not in self.hosts and not (self.by_number and _is_number(host)):
            return PlainTextResponse("This address is not the studio's.", 421)
        origin, method = headers.get("origin"), scope["method"]
        own = {f"{scheme}://{host}" for scheme in ("http", "https")}
        strange = origin is not None and origin.lower() not in own
        strange |= headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if method not in _SAFE and (origin is None or strange):
            return JSONResponse({"error": "Only the studio's own page may ask for that."}, 403)
        if strange and scope["path"] != "/":
            return JSONResponse({"error": "Only the studio's own page may ask for that."}, 403)
        if _length(headers) > _most(scope):
            return JSONResponse({"error": "That is too large to be sent."}, 413)
        if scope["path"] == "/" and (token := _token(scope)):
            session = self.keys.take(token)
            if session is not None:
                if self.opened is not None:
                    self.opened(self.keys.start)
                answer = RedirectResponse("/", 303)
                answer.set_cookie(self.keys.cookie, session, httponly=True, samesite="strict")
                return answer
            if self._is_known(headers):
                return RedirectResponse("/", 303)
        if self._is_known(headers):
            return None
        text = "Open the studio by the address that the terminal shows; each opens one browser."
        if scope["path"].startswith("/api/"):
            return JSONResponse({"error": text}, 401)
        return PlainTextResponse(text, 401)

    def _is_known(self, headers: dict[str, str]) -> bool:
        # Cookies know no ports: others of this machine's may be among them, in any form.
        pairs = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
        return any(name == self.keys.cookie and self.keys.fits(value) for name, _, value in pairs)


def _is_number(host: str) -> bool:
    """Whether a host is a numerical address, with or without a port."""
    try:
        name = urlsplit(f"//{host}").hostname
        return name is not None and bool(ip_address(name))
    except ValueError:
        return False


def _token(scope: Any) -> str:
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return query.get("token", [""])[0]


def _most(scope: Any) -> int:
    return MAX_UPLOAD if scope["path"] in _UPLOADS else MAX_JSON


def _length(headers: dict[str, str]) -> int:
    said = headers.get("content-length", "0")
    return int(said) if said.isdigit() else MAX_UPLOAD + 1


def _limited(scope: Any, receive: Any) -> Any:
    """Ends a body that grows beyond the limit without having said so."""
    most, seen = _most(scope), 0

    async def counted() -> Any:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= most else {"type": "http.disconnect"}

    return counted


def _with_headers(send: Any) -> Any:
    async def sent(message: Any) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            more = [
                (name.encode(), value.encode())
                for name, value in _HEADERS.items()
                if name.encode() not in present
            ]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sent
