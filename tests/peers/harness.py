"""What the scenarios of `run` share: paths, processes, and checks of what they print."""

import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from subprocess import PIPE, STDOUT
from types import MappingProxyType

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = ROOT / os.environ.get("HYBI_PEERS", "target/peers")
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
ARTEFACTS = ROOT / "target/artefacts"

PYTHON = PEERS / "venv/bin/python"
NODE_ENVIRONMENT = os.environ | {"NODE_PATH": str(PEERS / "node_modules")}

# Example servers that echo every message, and those that serve the chat page.
ECHO_SERVERS = "std_echo", "mio_chat", "tokio_echo"
CHAT_SERVERS = "poke", "mio_chat"
# What they are run with for Autobahn's longest messages; their limits are lower by default.
LONG_MESSAGES = "--max-message-len", str(16 << 20)
ARGUMENTS = dict.fromkeys((*CHAT_SERVERS, "tokio_echo"), LONG_MESSAGES)
# Of hybi-examples, hybi-integrations and hybi-tokio.
STD_EXAMPLES = "client", "poke", "mio_chat", "std_client", "std_echo"
INTEGRATIONS = "embedded", "io_uring", "redis_chat"
TOKIO_EXAMPLES = "axum_upgrade", "http2", "rustls", "tokio_chat", "tokio_client", "tokio_echo"

EXIT_UNAVAILABLE = 69
LINES = "hello", "héllo ☃ 😀", " ".join(map(str, range(200_000)))[: 1 << 20]

NONE = MappingProxyType({})
TEXT_MODE = {"encoding": "utf-8", "errors": "backslashreplace"}


class Failed(Exception):
    pass


def check(actual, expected, what):
    if actual != expected:
        raise Failed(f"{what}: expected {str(expected)[:120]!r}, got {str(actual)[:120]!r}")


@contextlib.contextmanager
def timeout(seconds, what):
    def on_alarm(*_):
        raise Failed(f"no {what} within {seconds} s")

    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


@contextlib.contextmanager
def running(*command, **options):
    # In a new session, so that the child's own children can be killed with it.
    options = {"stdin": PIPE, "stdout": PIPE, "start_new_session": True} | options
    child = subprocess.Popen(command, **TEXT_MODE, **options)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        with contextlib.suppress(OSError):
            child.stdin.close()


def read_line(child, what):
    with timeout(20, what):
        line = child.stdout.readline()
    if not line:
        raise Failed(f"end of output instead of {what}")
    return line.rstrip("\n")


@contextlib.contextmanager
def example_server(name, *arguments):
    """Runs an example server and yields its address."""
    with example_process(name, *arguments) as (server, address):
        yield address
        check(server.poll(), None, f"exit code of {name} after the peer disconnected")


@contextlib.contextmanager
def example_process(name, *arguments):
    """Runs an example server and yields its process and address."""
    arguments = arguments or ("127.0.0.1:0", *ARGUMENTS.get(name, ()))
    with running(binary(name), *arguments) as server:
        line = read_line(server, f"address from {name}")
        address = re.fullmatch(r"listening on wss?://(.+)/", line)
        if not address:
            raise Failed(f"{name} printed {line!r}")
        # Drain the output, since a full pipe would block the server.
        threading.Thread(target=server.stdout.read, daemon=True).start()
        yield server, address[1]


def client_environment(server):
    """Returns the environment of a client of this server, which answers as poke, or is an echo."""
    return NODE_ENVIRONMENT | ({} if server in CHAT_SERVERS else {"ECHO": "1"})


def is_listening(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True


@contextlib.contextmanager
def configured_server(name, configuration, command, values=NONE, files=NONE):
    """Runs a server with a configuration file and yields its address.

    In the configuration and the command, @port@, @directory@, @file@ and the names of `values` are
    replaced. The directory has the file with the configuration, and others by their names.
    """
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        # Some servers give up root's rights before they read it.
        os.chmod(directory, 0o755)
        file = Path(directory, "configuration")
        for other, content in files.items():
            Path(directory, other).write_text(content)
        # Another process may take the free port first; then the server exits.
        for _ in range(3):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            values = {**values, "port": port, "directory": directory, "file": file}

            def fill(text, values=values):
                for key, value in values.items():
                    text = text.replace(f"@{key}@", str(value))
                return text

            file.write_text(fill(configuration))
            log = stack.enter_context(open(Path(directory, "log"), "w+"))
            process = stack.enter_context(running(*map(fill, command), stdout=log, stderr=STDOUT))
            deadline = time.monotonic() + 20
            while process.poll() is None and not is_listening(port):
                if time.monotonic() > deadline:
                    raise Failed(f"{name} is not listening after 20 s")
                time.sleep(0.02)
            if process.poll() is None:
                break
        else:
            log.seek(0)
            raise Failed(f"{name} exited at startup: {log.read().strip()[-300:]}")
        yield f"127.0.0.1:{port}"
        check(process.poll(), None, f"exit code of {name}")


def run_peer(*command, seconds=120, content=None, **options):
    """Waits until a peer exits and returns its last line; if it fails, this is the reason."""
    with running(*command, stderr=STDOUT, **options) as child:
        try:
            output, _ = child.communicate(content, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"the peer did not exit within {seconds} s") from None
        if child.returncode:
            raise Failed(f"{last_line(output)} (the peer's exit code was {child.returncode})")
        return last_line(output)


def artefact(name):
    """Returns the path of an output file or directory, and removes the one of an earlier run."""
    path = ARTEFACTS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path


def last_line(text):
    return (text.strip().splitlines() or ["no output"])[-1]


def binary(name):
    is_example = name in (*STD_EXAMPLES, *INTEGRATIONS, *TOKIO_EXAMPLES)
    folder = "release/examples" if is_example else "release"
    return os.environ.get(name.upper()) or str(TARGET / folder / name)


@functools.cache
def install(peer):
    process = subprocess.run([HERE / "install", peer], stdout=PIPE, stderr=STDOUT, **TEXT_MODE)
    if process.returncode:
        print(process.stdout, file=sys.stderr)
    return process.returncode, last_line(process.stdout)


def exchange(url, dialect, lines, proxy=()):
    """Runs a client that sends the lines; returns what it prints, and its exit code."""
    command = [binary("lines_client"), url, dialect, *proxy]
    content = "".join(f"{line}\n" for line in lines)
    try:
        process = subprocess.run(command, input=content, stdout=PIPE, timeout=60, **TEXT_MODE)
    except subprocess.TimeoutExpired:
        raise Failed("lines_client did not exit within 60 s") from None
    return process.stdout.splitlines(), process.returncode


def build():
    """Builds the binaries and returns whether that succeeded."""
    commands = []
    for package, features, names in (
        ("hybi-examples", "deflate", STD_EXAMPLES),
        ("hybi-integrations", "", INTEGRATIONS),
        ("hybi-tokio", "axum,deflate,hyper", TOKIO_EXAMPLES),
    ):
        examples = [f"--example={name}" for name in names if name.upper() not in os.environ]
        if examples:
            commands.append(["-p", package, "--features", features, *examples])
    if not {"ECHO_CLIENT", "COMPRESSING_ECHO", "LINES_CLIENT"} <= os.environ.keys():
        commands.append(["-p", "echo_client", "--features", "deflate", "--target-dir", TARGET])
    for command in commands:
        command = ["cargo", "build", "--release", *command]
        if subprocess.run(command, cwd=ROOT).returncode:
            return False
    return True
