"""Autobahn's test cases, which kosoku runs against example servers and the client."""

import contextlib
import functools
import json
import os
import re
from subprocess import STDOUT

from harness import (
    CHAT_SERVERS,
    PEERS,
    Failed,
    artefact,
    binary,
    check,
    example_server,
    last_line,
    read_line,
    run_peer,
    running,
    timeout,
)

KOSOKU = PEERS / "venv/bin/kosoku"

# Autobahn's groups 1 to 7, 9 and 10, and the number of their cases. Group 9 has messages of 16 MiB.
CASES, CASE_COUNT = ("[1-7].*", "9.*", "10.*"), 301
SMALL_CASES, SMALL_CASE_COUNT = ("[1-7].*", "10.*"), 247

# Groups 12 and 13 are about compression. Each case has 1000 messages by default.
COMPRESSION_CASES, COMPRESSION_CASE_COUNT = ("12.*", "13.*"), 216
FEW_COMPRESSION_CASES, FEW_COMPRESSION_CASE_COUNT = ("12.1.*", "12.2.*", "13.1.*"), 54
FEW_MESSAGES = 100
# Of the client, by the window that it offers. The server of these cases requires that the client
# offers no context takeover in 13.2, 13.5 and 13.6.
CLIENT_CASES = {
    None: (("12.*", "13.1.*", "13.3.*", "13.4.*", "13.7.*"), 162),
    "none": (("13.2.*", "13.5.*", "13.6.*"), 54),
}
# What has messages of more than 64 KiB: the limit of std_echo.
LONG_COMPRESSION_CASES = "*.*.10", "*.*.15", "*.*.16", "*.*.17", "*.*.18", "12.4.9", "12.4.14"


def check_report(report, count):
    """Checks that every case was run and passed, or is informational."""
    (cases,) = json.loads((report / "index.json").read_text()).values()
    verdicts = {
        case: {verdict["behavior"], verdict["behaviorClose"]} for case, verdict in cases.items()
    }
    failed = [case for case, verdict in verdicts.items() if verdict - {"OK", "INFORMATIONAL"}]
    check(len(cases), count, f"number of cases in {report}")
    if failed:
        raise Failed(
            f"{len(failed)} cases failed, among them {' '.join(failed[:10])}: {report}/index.html"
        )


def kosoku(cases, exclude, report, messages):
    """Returns the command that runs these cases, and its environment."""
    included = (argument for pattern in cases for argument in ("-i", pattern))
    excluded = (argument for pattern in exclude for argument in ("-x", pattern))
    environment = os.environ | ({"KOSOKU_MESSAGES": str(messages)} if messages else {})
    return [KOSOKU, *included, *excluded, "-o", report], environment


def kosoku_client(
    server,
    cases,
    count,
    exclude=(),
    messages=None,
    name=None,
    seconds=120,
    through=contextlib.nullcontext,
):
    """Runs cases at the address that `through` yields for the one of the server."""
    report = artefact(f"kosoku/{name or server}")
    command, environment = kosoku(cases, exclude, report, messages)
    with example_server(server) as upstream, through(upstream) as address:
        try:
            run_peer(*command, address, seconds=seconds, env=environment)
        finally:
            if (report / "index.json").exists():
                check_report(report, count)
    return f"{count} cases"


def kosoku_server(cases, count, messages=None, window=None, name="echo_client", seconds=120):
    report = artefact(f"kosoku/{name}")
    command, environment = kosoku(cases, (), report, messages)
    command += ["-m", "fuzzingserver", "127.0.0.1:0"]
    with running(*command, stderr=STDOUT, env=environment) as server:
        line = read_line(server, "address from kosoku")
        address = re.search(r"listening on (ws://.+)", line)
        if not address:
            raise Failed(f"kosoku printed {line!r}")
        client = [binary("echo_client"), address[1], "echo_client", *([window] if window else [])]
        run_peer(*client, seconds=seconds)
        with timeout(20, "exit of kosoku"):
            output = server.stdout.read()
    if not report.exists():
        raise Failed(f"no report: {last_line(output)}")
    check_report(report, count)
    return f"{count} cases"


def kosoku_compression(few):
    """Yields scenarios with Autobahn's cases of compression, for each example and for the client."""
    cases, count = COMPRESSION_CASES, COMPRESSION_CASE_COUNT
    options = {"name": "all-compression", "seconds": 3600}
    if few:
        cases, count = FEW_COMPRESSION_CASES, FEW_COMPRESSION_CASE_COUNT
        options = {"name": "compression", "messages": FEW_MESSAGES}
    # poke shares its handling of messages with mio_chat.
    for server in "std_echo", "tokio_echo", *(["mio_chat"] if few else CHAT_SERVERS):
        exclude, excluded = (), 0
        if server == "std_echo":
            # In each of the groups, such as 12.1, five cases of 18; two more of 12.4.
            exclude = LONG_COMPRESSION_CASES
            excluded = count // 18 * 5 + (0 if few else 2)
        name = f"{server}-{options['name']}"
        run = functools.partial(kosoku_client, exclude=exclude, **options | {"name": name})
        yield f"kosoku-{name}", "kosoku", run, server, cases, count - excluded
    for window, (cases, count) in ({None: (cases, count)} if few else CLIENT_CASES).items():
        name = f"echo_client-{options['name']}" + (f"-window-{window}" if window else "")
        run = functools.partial(kosoku_server, window=window, **options | {"name": name})
        yield f"kosoku-{name}", "kosoku", run, cases, count


def scenarios():
    yield "kosoku-std_echo", "kosoku", kosoku_client, "std_echo", SMALL_CASES, SMALL_CASE_COUNT
    yield "kosoku-poke", "kosoku", kosoku_client, "poke", SMALL_CASES, SMALL_CASE_COUNT
    yield "kosoku-tokio_echo", "kosoku", kosoku_client, "tokio_echo", SMALL_CASES, SMALL_CASE_COUNT
    yield "kosoku-mio_chat", "kosoku", kosoku_client, "mio_chat", CASES, CASE_COUNT
    yield "kosoku-echo_client", "kosoku", kosoku_server, CASES, CASE_COUNT
    yield from kosoku_compression(few=True)


def slow_scenarios():
    for server in "poke", "tokio_echo":
        run = functools.partial(kosoku_client, name=f"{server}-all")
        yield f"kosoku-{server}-all", "kosoku", run, server, CASES, CASE_COUNT
    yield from kosoku_compression(few=False)
