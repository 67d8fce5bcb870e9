# coding: utf-8
"""websocket-client 0.4 under Python 2.7 as a client of poke, or of an echo server if ECHO is set.

Usage: websocket_client.py HOST:PORT
"""

import os
import sys

import websocket

ANSWERS = [("CONNECTED", "Welcome"), ("POKE", "Quit poking me!"), ("héllo ☃", "héllo ☃")]

websocket.setdefaulttimeout(20)
connection = websocket.create_connection("ws://%s/" % sys.argv[1])
for text, answer in ANSWERS:
    connection.send(text)
    received = connection.recv()
    if received != (text if os.environ.get("ECHO") else answer):
        sys.exit("received %r" % received)
# It waits for the answer to its close frame, but does not report it.
connection.close()
