"""Tornado 3 under Python 2.7 as an echo server that prints its port."""

import json
import sys

from tornado import httpserver, ioloop, netutil, web, websocket


class Echo(websocket.WebSocketHandler):
    def allow_draft76(self):
        return True

    def on_message(self, message):
        self.write_message(message)

    def on_close(self):
        print("closed")
        sys.stdout.flush()


sockets = netutil.bind_sockets(0, "127.0.0.1")
server = httpserver.HTTPServer(web.Application([(".*", Echo)]))
server.add_sockets(sockets)
print(json.dumps({"port": sockets[0].getsockname()[1]}))
sys.stdout.flush()
ioloop.IOLoop.instance().start()
