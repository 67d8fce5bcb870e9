"""What pywebsocket does with requests for /echo."""

import sys


def web_socket_do_extra_handshake(request):
    pass


def web_socket_transfer_data(request):
    text = request.ws_stream.receive_message()
    while text is not None:
        request.ws_stream.send_message(text)
        text = request.ws_stream.receive_message()
    print("closed")
    sys.stdout.flush()
