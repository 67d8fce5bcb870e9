# coding: utf-8
"""Autobahn 0.5 under Python 2.7 as a client of poke, or of an echo server if ECHO is set.

Usage: autobahn_client.py HOST:PORT DIALECT
"""

from __future__ import print_function, unicode_literals

import os
import sys

from autobahn.websocket import WebSocketClientFactory, WebSocketClientProtocol, connectWS
from twisted.internet import reactor

ANSWERS = [("CONNECTED", "Welcome"), ("POKE", "Quit poking me!"), ("héllo ☃", "héllo ☃")]
VERSIONS = {"hixie-76": 0, "hybi-8": 10, "rfc6455": 13}

result = "the connection did not open"


class Client(WebSocketClientProtocol):
    answers = 0

    def onOpen(self):
        self.send_next()

    def send_next(self):
        global result
        if self.answers < len(ANSWERS):
            self.sendMessage(ANSWERS[self.answers][0].encode("utf-8"))
        else:
            result = "the server did not answer the close frame"
            self.sendClose()

    def onMessage(self, message, binary):
        global result
        sent, answer = ANSWERS[self.answers]
        self.answers += 1
        if message.decode("utf-8") != (sent if os.environ.get("ECHO") else answer):
            result = "received %r" % message
            self.failConnection()
        else:
            self.send_next()

    def onClose(self, is_clean, code, reason):
        global result
        if is_clean and self.answers == len(ANSWERS):
            result = "closed"
        reactor.stop()


address, dialect = sys.argv[1:]
factory = WebSocketClientFactory("ws://%s/" % address)
factory.setProtocolOptions(version=VERSIONS[dialect], allowHixie76=True)
factory.protocol = Client
connectWS(factory)
reactor.run()
print(result)
sys.exit(result != "closed")
