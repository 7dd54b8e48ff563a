"""MiniStack, copied by forking: a test brings an account to a state once, and each case gets a
copy of it in moments, at a port of its own.

It says the port at which it serves, and then does what the lines of its input say:
    rest        stops serving; from now on it can be copied
    copy        serves a copy of the account, and says at which port, and its process id
    end PORT    ends that copy, at once
Each is answered by one line. The end of the input ends everything.
`GET /_state` answers with all that an account holds.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import threading

# The port is part of some answers: all copies name the same one.
os.environ.update(GATEWAY_PORT="4566", IOT_MTLS_ENABLED="0", SFTP_ENABLED="0", LOG_LEVEL="ERROR")
from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack import app as ministack  # noqa: E402
from ministack.core.persistence import _json_default  # noqa: E402


def state():
    services = ministack._build_persistence_save_dict()
    return json.dumps({name: get() for name, get in sorted(services.items())}, default=_json_default)


async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/_state":
        body = state().encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    else:
        await ministack.app(scope, receive, send)


def listen():
    """A listening socket, and its port: what connects waits until somebody serves."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listener.getsockname()[1]
    return listener.detach(), str(port)


def run(descriptor, ended):
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0
    config.loglevel = "ERROR"
    asyncio.run(serve(app, config, shutdown_trigger=lambda: asyncio.to_thread(ended.wait)))


def say(text):
    print(text, flush=True)


def obey(resting):
    """The lines until the first `rest`, which the main thread waits for."""
    for line in sys.stdin:
        if line.strip() == "rest":
            resting.set()
            return
    os._exit(0)


def main():
    resting = threading.Event()
    listener = threading.Thread(target=obey, args=[resting], daemon=True)
    listener.start()
    descriptor, port = listen()
    say(port)
    run(descriptor, resting)
    listener.join()
    say("resting")
    # A copy holds only the reading end: it sees the end of this process, however that comes.
    reading, writing = os.pipe()
    copies = {}
    for line in sys.stdin:
        if line.strip() == "copy":
            descriptor, port = listen()
            copies[port] = os.fork()
            if copies[port] == 0:
                os.close(writing)
                end = threading.Thread(target=lambda: (os.read(reading, 1), os._exit(0)), daemon=True)
                end.start()
                run(descriptor, threading.Event())
            os.close(descriptor)
            say(f"{port} {copies[port]}")
        else:
            pid = copies.pop(line.split()[1])
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            say("ended")
    os._exit(0)


main()
