"""pywebsocket 0.7 under Python 2.7 as an echo server that prints its port."""

import json
import os
import sys

from mod_pywebsocket import standalone

here = os.path.dirname(os.path.abspath(__file__))
handlers = os.path.join(here, "pywebsocket")
arguments = ["-H", "127.0.0.1", "-p", "0", "-d", handlers, "-w", handlers]
options, _ = standalone._parse_args_and_config(arguments)
# As its main function does.
options.cgi_directories = []
options.is_executable_method = None
server = standalone.WebSocketServer(options)
((listener, _),) = server._sockets
print(json.dumps({"port": listener.getsockname()[1]}))
sys.stdout.flush()
server.serve_forever()
