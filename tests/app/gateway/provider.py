"""A small real OpenID provider behind HTTP: its own keys, a discovery document, authorize, token and JWKS. It can be made to cheat."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "balancedbio-ward", "s3cret-of-the-client"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"})
Claims = dict[str, Any]


class Provider:
    """What it says of the person who signs in, and what has been asked of it. `person` and the makers may be replaced at any time."""

    def __init__(self) -> None:
        self.issuer = ""
        self.person: Claims = {"sub": "8f14e45f", "preferred_username": "ana", "groups": ["ward-doctors"]}
        self.document: Claims = {}
        """What its discovery document says besides."""
        self.claims: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = lambda claims: signed(claims)
        self.keys: list[RSAKey] = [KEY]
        self.granted: dict[str, dict[str, str]] = {}
        """Code -> the authorization request it answers; a code is taken once."""
        self.tokens_given = 0

    @property
    def settings(self) -> dict[str, str]:
        """What an app that trusts it is started with."""
        roles = {"ward-doctors": "clinician", "readers": "reviewer", "model-board": "admin"}
        known = {"OIDC_ISSUER": self.issuer, "OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": CLIENT_SECRET, "OIDC_ROLES": json.dumps(roles)}
        return known | {"NO_PROXY": "127.0.0.1"}

    def authorize(self, query: dict[str, str]) -> str:
        assert query["client_id"] == CLIENT_ID
        assert query["response_type"] == "code"
        assert "openid" in query["scope"].split()
        assert query["code_challenge_method"] == "S256"
        code = uuid4().hex
        self.granted[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        asked = self.granted.pop(form.get("code", ""), None)
        if authorization != "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode():
            return 401, {"error": "invalid_client"}
        challenge = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant", "error_description": f"not with {form}"}
        self.tokens_given += 1
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.person}
        return 200, {"access_token": "opaque-access-token", "token_type": "Bearer", "expires_in": 300, "id_token": self.sign(self.claims(claims))}

    def discovery(self) -> Claims:
        ends = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token")}
        return {"issuer": self.issuer, **ends, "jwks_uri": f"{self.issuer}/jwks", "id_token_signing_alg_values_supported": ["RS256"], **self.document}


def signed(claims: Claims, key: RSAKey = KEY, **header: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one", **header}, claims, key, algorithms=["RS256"])


def unsigned(claims: Claims) -> str:
    """The oldest trick: a token that says it needs no signature."""
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


@contextmanager
def providing() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/authorization":
                self.send_response(302)
                self.send_header("Location", provider.authorize({name: values[0] for name, values in parse_qs(address.query).items()}))
                self.end_headers()
            elif address.path == "/jwks":
                self._json(200, {"keys": [key.as_dict(private=False) for key in provider.keys]})
            elif address.path == "/.well-known/openid-configuration":
                self._json(200, provider.discovery())
            else:
                self._json(404, {})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._json(*provider.token({name: values[0] for name, values in form.items()}, self.headers.get("Authorization", "")))

        def _json(self, status: int, body: Claims) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
