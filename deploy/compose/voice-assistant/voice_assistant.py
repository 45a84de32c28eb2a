# The smallest voice assistant: repeats what it is told, and counts the audio it hears. Listens on port 50051, without TLS.

import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

messages, services = grpc.protos_and_services("voice.proto")

# As long as its calls may take to end; compose.yaml waits longer.
STOP_SECONDS = 40


class VoiceAssistant(services.VoiceAssistantServicer):
    def Say(self, request, context):
        return messages.SayReply(text=f"You said: {request.text}")

    def StreamAudio(self, chunks, context):
        for chunk in chunks:
            yield messages.AudioEvent(sequence=chunk.sequence, size_bytes=len(chunk.audio))


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "0.0.0.0:50051"
    # A running stream holds a thread.
    server = grpc.server(ThreadPoolExecutor(max_workers=64))
    services.add_VoiceAssistantServicer_to_server(VoiceAssistant(), server)
    server.add_insecure_port(address)
    server.start()
    print(f"listening on {address}")
    signal.signal(signal.SIGTERM, lambda *_: server.stop(STOP_SECONDS))
    server.wait_for_termination()


main()
