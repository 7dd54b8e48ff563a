"""Imported by Python before the emulator starts: refuses what a browser sends for somebody's page.

The emulator asks nobody for credentials, lets every site's scripts read its answers, and runs the
code that it is given. Without this any page that is open in a browser on this machine could have
the secrets of the local cloud, and have a program run.
"""

try:
    import hypercorn.asyncio as server
except ImportError:  # Another program of this environment, which serves nothing.
    server = None

# Another name that leads here has been bent to do so.
NAMES = (b"localhost", b"127.0.0.1")


def is_foreign(headers):
    headers = {name.lower(): value.lower() for name, value in headers}
    host = headers.get(b"host", b"").split(b":")[0]
    own = any(host == name or host.endswith(b"." + name) for name in NAMES)
    # Browsers tell the page that sends, or at least that one does: "none" is the address bar.
    return not own or b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none"


def guarded(app):
    async def guard(scope, receive, send):
        if scope["type"] not in ("http", "websocket") or not is_foreign(scope["headers"]):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            plain = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 403, "headers": plain})
            body = b"The local cloud answers no browser on behalf of a page.\n"
            await send({"type": "http.response.body", "body": body})

    return guard


if server:
    serve = server.serve
    server.serve = lambda app, config, **more: serve(guarded(app), config, **more)
