"""Reverse proxies in front of the chat servers, in each dialect."""

import contextlib
import functools
import itertools
import socket

import autobahn
import chat_clients
import dialects
import pages
from harness import CHAT_SERVERS, check, configured_server, example_server

NGINX = """
daemon off;
pid pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    map $http_upgrade $connection_option {
        default Upgrade;
        "" close;
    }
    server {
        listen 127.0.0.1:@port@;
        location / {
            proxy_pass http://@upstream@;
            @directives@
        }
    }
}
"""
NGINX_UPGRADE = """
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_option;
"""
NGINX_HOST = """
            proxy_set_header Host $http_host;
"""
HAPROXY = """
defaults
    mode @mode@
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen proxy
    bind 127.0.0.1:@port@
    server example @upstream@
"""

APACHE_MODULES = "/usr/lib/apache2/modules"
APACHE = """
ServerRoot @directory@
DefaultRuntimeDir @directory@
PidFile pid
ErrorLog "|$cat"
ServerName localhost
Listen 127.0.0.1:@port@
User www-data
Group www-data
LoadModule mpm_event_module @modules@/mod_mpm_event.so
LoadModule authz_core_module @modules@/mod_authz_core.so
LoadModule proxy_module @modules@/mod_proxy.so
ProxyPreserveHost On
@directives@
"""
APACHE_HTTP = """
LoadModule proxy_http_module @modules@/mod_proxy_http.so
ProxyPass / http://@upstream@/
"""
APACHE_UPGRADE = APACHE_HTTP.replace("@upstream@/", "@upstream@/ upgrade=websocket")
APACHE_WSTUNNEL = """
LoadModule proxy_wstunnel_module @modules@/mod_proxy_wstunnel.so
ProxyPass / ws://@upstream@/
"""
APACHE_WSTUNNEL_AND_HTTP = APACHE_HTTP.strip().splitlines()[0] + APACHE_WSTUNNEL
LIGHTTPD = """
server.document-root = "@directory@"
server.bind = "127.0.0.1"
server.port = @port@
server.modules = ("mod_proxy")
proxy.server = ("" => (("host" => "127.0.0.1", "port" => @upstream_port@)))
@directives@
"""
# Some clients of Hixie-76 send Content-Length with their key.
LIGHTTPD_UPGRADE = """
proxy.header = ("upgrade" => "enable")
server.http-parseopts = ("method-get-body" => "enable")
"""


def nginx(directives):
    configuration = NGINX.replace("@directives@", directives.strip())
    return "nginx", configuration, ["nginx", "-e", "stderr", "-p", "@directory@", "-c", "@file@"]


def haproxy(mode):
    return "haproxy", HAPROXY.replace("@mode@", mode), ["haproxy", "-db", "-f", "@file@"]


def apache(directives):
    configuration = APACHE.replace("@directives@", directives.strip())
    configuration = configuration.replace("@modules@", APACHE_MODULES)
    return "apache", configuration, ["apache2", "-D", "FOREGROUND", "-f", "@file@"]


def lighttpd(directives):
    configuration = LIGHTTPD.replace("@directives@", directives.strip())
    return "lighttpd", configuration, ["lighttpd", "-D", "-f", "@file@"]


# By name: the peer to install, the configuration and the command.
PROXIES = {
    "nginx": nginx(NGINX_UPGRADE + NGINX_HOST),
    "nginx-without-host": nginx(NGINX_UPGRADE),
    "nginx-bare": nginx(""),
    "haproxy-http": haproxy("http"),
    "haproxy-tcp": haproxy("tcp"),
    "apache": apache(APACHE_UPGRADE),
    "apache-wstunnel": apache(APACHE_WSTUNNEL_AND_HTTP),
    "apache-wstunnel-alone": apache(APACHE_WSTUNNEL),
    "apache-bare": apache(APACHE_HTTP),
    "lighttpd": lighttpd(LIGHTTPD_UPGRADE),
    "lighttpd-bare": lighttpd(""),
}

# Of a request without the Upgrade that the proxy removes. Those of Hixie-75 have no other field of
# a handshake, so they request the page.
WITHOUT_UPGRADE = dict.fromkeys(dialects.DIALECTS, "status 426") | {"hixie-75": "status 200"}

# Why connections do not open. Through the others, they open in every dialect.
REASONS = {
    "nginx": {"hixie-75": "another order of header fields"},
    # The response has the name of the upstream, not the one that the client knows.
    "nginx-without-host": {
        "hixie-75": "another order of header fields",
        "hixie-76": "sec-websocket-location is ws://127.0.0.1/",
    },
    # nginx sends requests of HTTP/1.0, besides.
    "nginx-bare": dict.fromkeys(dialects.DIALECTS, "status 505") | {"hixie-75": "status 200"},
    # HAProxy answers requests with Upgrade but without Sec-WebSocket-Key.
    "haproxy-http": dict.fromkeys(["hixie-75", "hixie-76"], "status 400"),
    "apache": {"hixie-75": "another order of header fields"},
    # If mod_proxy_http is there, mod_proxy_wstunnel leaves the requests to it.
    "apache-wstunnel": {"hixie-75": "another order of header fields"},
    # Apache forwards a key that it reads with the request only when more bytes arrive.
    "apache-wstunnel-alone": {
        "hixie-76": "no answer to the challenge within 3 s",
        "hixie-76-key-later": None,
    },
    "apache-bare": WITHOUT_UPGRADE,
    "lighttpd": {"hixie-75": "another status line"},
    "lighttpd-bare": WITHOUT_UPGRADE,
}
# Those whose configuration is meant for WebSocket.
THROUGH = "nginx", "haproxy-http", "haproxy-tcp", "apache", "lighttpd"
# When the server receives the key of Hixie-76, if the client sends it together with the request.
KEY_ARRIVALS = {
    "nginx": "after the head of the response",
    "haproxy-tcp": "with the request",
    "apache": "after the head of the response",
    "lighttpd": "after the head of the response",
}

KEY_DELAY = 0.3


def reverse_proxy(name, upstream):
    """Runs a proxy in front of an address and yields its own address."""
    _, configuration, command = PROXIES[name]
    values = {"upstream": upstream, "upstream_port": upstream.rsplit(":", 1)[1]}
    return configured_server(name, configuration, command, values)


def open_through(proxy, chat, dialect, key_delay=0):
    """Checks that a connection opens, or why it does not."""
    reasons = REASONS.get(proxy, {})
    expected = reasons.get(dialect)
    if key_delay:
        expected = reasons.get(f"{dialect}-key-later", expected)
    with example_server(chat) as upstream, reverse_proxy(proxy, upstream) as address:
        try:
            dialects.converse(dialect, address, key_delay)
            reason = None
        except dialects.Rejected as error:
            reason = str(error)
        check(reason, expected, "reason why the connection is not open")
    return f"does not open, as expected: {reason}" if reason else "opens"


def accept_bytes(listener):
    """Returns the first connection with bytes: that by which `reverse_proxy` waits has none."""
    while True:
        connection = listener.accept()[0]
        connection.settimeout(KEY_DELAY)
        if received := connection.recv(4096):
            return connection, received
        connection.close()


def key_through(proxy):
    """Checks when the key of Hixie-76 arrives at the server, sent together with the request.

    If it arrives after the head of the response, the server has to send this before it has the key.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        upstream = f"127.0.0.1:{listener.getsockname()[1]}"
        with (
            reverse_proxy(proxy, upstream) as address,
            socket.create_connection(address.rsplit(":", 1)) as client,
        ):
            listener.settimeout(20)
            head, key = dialects.request("hixie-76", address)
            client.sendall(head + key)
            server, received = accept_bytes(listener)
            with server:
                arrival = "with the request"
                with contextlib.suppress(TimeoutError):
                    while key not in received and (more := server.recv(4096)):
                        received += more
                if key not in received:
                    arrival = "after the head of the response"
                    server.sendall(dialects.HIXIE_75_HEAD.encode() + b"\r\n")
                    received = server.recv(4096)
    check(key in received, True, "key received")
    check(arrival, KEY_ARRIVALS[proxy], "time when the key arrives")
    return f"arrives {arrival}"


def scenarios():
    for proxy, (peer, *_) in PROXIES.items():
        chats = CHAT_SERVERS if proxy in THROUGH else ["poke"]
        for chat, dialect in itertools.product(chats, dialects.DIALECTS):
            name = f"{proxy}-{chat}-{dialect}"
            yield name, peer, open_through, proxy, chat, dialect
            if dialect == "hixie-76":
                # A proxy may forward the key of such a request after the head of the response.
                yield f"{name}-key-later", peer, open_through, proxy, chat, dialect, KEY_DELAY
    for proxy in KEY_ARRIVALS:
        yield f"{proxy}-hixie-76-key", PROXIES[proxy][0], key_through, proxy
    for proxy in THROUGH:
        peer, through = PROXIES[proxy][0], functools.partial(reverse_proxy, proxy)
        opening = [name for name in dialects.DIALECTS if name not in REASONS.get(proxy, {})]
        for dialect in filter(chat_clients.PERL_VERSIONS.get, opening):
            run = functools.partial(chat_clients.perl, dialect, through=through)
            yield f"{proxy}-perl-{dialect}", f"{peer} perl", run
        if "hixie-76" in opening:
            name = f"{proxy}-phantomjs"
            yield name, f"{peer} phantomjs", pages.phantomjs, name, through
        for client, chat in zip(chat_clients.COMPRESSING_CLIENTS, CHAT_SERVERS):
            name = f"{proxy}-{client}-{chat}"
            yield name, f"{peer} {client}", chat_clients.compressed, client, chat, through


def slow_scenarios():
    """Yields all of Autobahn's cases through each proxy, of compression with fewer messages."""
    cases = *autobahn.CASES, *autobahn.COMPRESSION_CASES
    count = autobahn.CASE_COUNT + autobahn.COMPRESSION_CASE_COUNT
    for proxy in THROUGH:
        options = {"messages": autobahn.FEW_MESSAGES, "name": proxy, "seconds": 1200}
        through = functools.partial(reverse_proxy, proxy)
        run = functools.partial(autobahn.kosoku_client, through=through, **options)
        yield f"kosoku-{proxy}", f"kosoku {PROXIES[proxy][0]}", run, "mio_chat", cases, count
