"""Starts the server of the page and keeps it until Ctrl-C."""

import errno
import os
import shutil
import signal
import socket
import sys
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from elegan.common.errors import EleganError
from elegan.common.files import lives
from elegan.data.cache import cache_folder
from elegan.options import Studio
from elegan.results import Answer
from elegan.web.folders import Folders

_TRIED = 20  # ports, from the one asked for on
_EVERYWHERE = ("", "0.0.0.0", "::")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(asked: Studio, verbs: Mapping[type, Callable[..., Any]]) -> Answer:
    """Serves the page until Ctrl-C or SIGTERM.

    Args:
        verbs: what carries out each verb, by its options, as the shell does.

    Raises:
        EleganError: the extra `studio` is not installed, or no port is free.
    """
    try:
        import uvicorn

        from elegan.web.safety import Guard, Keys
        from elegan.web.server import create_app
    except ImportError as error:
        raise EleganError(
            f"The studio needs {error.name}. Type: pip install 'elegan[studio]'"
        ) from error
    folders = _folders(Path(asked.runs))
    listener = _listener(asked.host, asked.port)
    port = listener.getsockname()[1]
    shown = "127.0.0.1" if asked.host in _EVERYWHERE else asked.host
    keys = Keys(f"http://{_bracketed(shown)}:{port}")
    app = create_app(folders, verbs)
    is_open = asked.host not in _LOOPBACK
    hosts = {f"{_bracketed(name)}:{port}" for name in _names(asked.host)}
    guard = Guard(app, keys, hosts, _say_next, by_number=is_open)
    _say(f"The studio is at {keys.start}")
    _say("Ctrl-C closes it; trainings go on.")
    if is_open:
        if asked.host in _EVERYWHERE:
            _say(
                f"From elsewhere: put this machine's name or number, {socket.gethostname()}, there."
            )
        _say("Others on the network can reach it. Keep the address to yourself: it is the key.")
    if not asked.no_browser:
        webbrowser.open(keys.start)
    config = uvicorn.Config(
        guard,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    # Else uvicorn, when it has ended, hands SIGTERM on, which would kill before all is tidied up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = uvicorn.Server(config)
    end = server.handle_exit

    def handle_exit(sig: int, frame: Any) -> None:
        app.state.stop()  # what would go on for long, and streams that have no end
        end(sig, frame)

    server.handle_exit = handle_exit
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
        app.state.close()
        shutil.rmtree(folders.work, ignore_errors=True)
    return Answer({"address": keys.address}, "The studio is closed.")


def _folders(runs: Path) -> Folders:
    """What the page may look into: the working folder, the home folder and the known data."""
    named = [Path.cwd(), Path.home(), os.environ.get("ELEGAN_DATA")]
    roots = dict.fromkeys(Path(item).resolve() for item in named if item and Path(item).is_dir())
    kept = cache_folder() / "studio"
    _sweep(kept)
    return Folders(runs=runs.resolve(), roots=tuple(roots), work=kept / str(os.getpid()))


def _sweep(kept: Path) -> None:
    """Removes what servers that were killed have left behind."""
    for folder in kept.iterdir() if kept.is_dir() else ():
        if folder.name.isdigit() and not lives(int(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    for number in range(port, min(port + _TRIED, 65536)):
        try:
            return socket.create_server((host, number), family=family, dualstack_ipv6=both)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise EleganError(
                    f"{host} is no address of this machine: {error.strerror or error}."
                    " Leave --host out to open the studio here only."
                ) from error
    raise EleganError(f"No port from {port} on is free. Name another with --port.")


def _names(host: str) -> set[str]:
    """What a browser of this machine, or of the network where that was asked for, may call it."""
    names = {"127.0.0.1", "localhost", "::1"}
    return names if host in _LOOPBACK else names | {host, socket.gethostname(), socket.getfqdn()}


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _say_next(start: str) -> None:
    _say(f"Opened. For another browser: {start}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
