# Cases that need packages beside grpcio: health checking, reflection, and stubs that grpc_tools has made.

from __future__ import annotations

import sys

import grpc

from channels import PATIENCE_S, Parameters, open_channel
from report import expect
from voice_messages import SERVICE


def health(parameters: Parameters) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    stub = health_pb2_grpc.HealthStub(open_channel(parameters))
    serving = health_pb2.HealthCheckResponse.SERVING
    for service in ("", SERVICE):
        request = health_pb2.HealthCheckRequest(service=service)
        expect(stub.Check(request, timeout=PATIENCE_S).status, serving, f"health of {service!r}")
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=PATIENCE_S)
    expect(next(watch).status, serving, "first news of the watch")
    watch.cancel()
    try:
        stub.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=PATIENCE_S)
        raise AssertionError("the health of an unknown service came as OK")
    except grpc.RpcError as error:
        expect(error.code(), grpc.StatusCode.NOT_FOUND, "code for an unknown service")


def reflection(parameters: Parameters) -> None:
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )

    database = ProtoReflectionDescriptorDatabase(open_channel(parameters))
    expect(SERVICE in list(database.get_services()), True, "the service is listed")
    service = DescriptorPool(database).FindServiceByName(SERVICE)
    methods = [method.name for method in service.methods]
    expect(methods, ["Say", "Narrate", "Transcribe", "StreamAudio", "Fail"], "methods")


def generated_stubs(parameters: Parameters) -> None:
    sys.path.insert(0, parameters.generated)
    import voice_pb2
    import voice_pb2_grpc

    stub = voice_pb2_grpc.VoiceAssistantStub(open_channel(parameters))
    reply = stub.Say(voice_pb2.SayRequest(text="hello", reply_audio_bytes=1000), timeout=PATIENCE_S)
    expect((reply.text, len(reply.audio)), ("You said: hello", 1000), "reply")
    numbers = range(1, 51)
    audio = bytes(640)
    chunks = (voice_pb2.AudioChunk(sequence=n, audio=audio, return_audio=True) for n in numbers)
    events = list(stub.StreamAudio(chunks, timeout=PATIENCE_S))
    expect([(event.sequence, event.audio) for event in events], [(n, audio) for n in numbers], "events")


CASES = {"health": health, "reflection": reflection, "generated_stubs": generated_stubs}
