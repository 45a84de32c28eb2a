# Opens a WebSocket, sends a text and a binary message and reports what came back: websocket_echo.py URL [CA-FILE].

from __future__ import annotations

import ssl
import sys

from report import emit
from websockets.sync.client import connect

url, *authorities = sys.argv[1:]
context = ssl.create_default_context(cafile=authorities[0]) if authorities else None
with connect(url, ssl=context, server_hostname="localhost" if context else None, open_timeout=20) as websocket:
    for message in ("grüße", bytes(range(256)) * 100):
        websocket.send(message)
        answer = websocket.recv(timeout=20)
        emit("echo", is_same=answer == message, kind=type(answer).__name__, size=len(answer))
