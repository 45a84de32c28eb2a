# The other end of NOTIFY_SOCKET: prints each message as one line of JSON, in the order of arrival.
# Closes the descriptors that come along, which is what the sender of a BARRIER waits for.

import array
import json
import os
import socket
import sys

receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
print(json.dumps(["listening"]), flush=True)
while True:
    message, ancillary, _, _ = receiver.recvmsg(8192, socket.CMSG_SPACE(64))
    print(json.dumps(message.decode().split("\n")), flush=True)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors = array.array("i")
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
            for descriptor in descriptors:
                os.close(descriptor)
