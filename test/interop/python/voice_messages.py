# The messages and the method names of proto/voice.proto, where every field is described.

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protobuf_wire import Message, numbered

SERVICE = "voice.VoiceAssistant"


@dataclass(frozen=True)
class SayRequest(Message):
    text: str = numbered(1, "")
    delay_ms: int = numbered(2, 0)
    reply_audio_bytes: int = numbered(3, 0)
    audio: bytes = numbered(4, b"")


@dataclass(frozen=True)
class SayReply(Message):
    text: str = numbered(1, "")
    audio: bytes = numbered(2, b"")
    received_audio_bytes: int = numbered(3, 0)
    served_by: str = numbered(4, "")


@dataclass(frozen=True)
class FailRequest(Message):
    code: int = numbered(1, 0)
    message: str = numbered(2, "")
    details: bytes = numbered(3, b"")
    after_headers: bool = numbered(4, False)


@dataclass(frozen=True)
class FailReply(Message):
    pass


@dataclass(frozen=True)
class NarrateRequest(Message):
    text: str = numbered(1, "")
    interval_ms: int = numbered(2, 0)
    audio_bytes: int = numbered(3, 0)
    repeat: int = numbered(4, 0)
    failure: FailRequest | None = numbered(5, None, FailRequest)


@dataclass(frozen=True)
class NarratedWord(Message):
    sequence: int = numbered(1, 0)
    word: str = numbered(2, "")
    audio: bytes = numbered(3, b"")


@dataclass(frozen=True)
class AudioChunk(Message):
    sequence: int = numbered(1, 0)
    audio: bytes = numbered(2, b"")
    return_audio: bool = numbered(3, False)


@dataclass(frozen=True)
class AudioEvent(Message):
    sequence: int = numbered(1, 0)
    size_bytes: int = numbered(2, 0)
    audio: bytes = numbered(3, b"")


@dataclass(frozen=True)
class Transcript(Message):
    chunks: int = numbered(1, 0)
    audio_bytes: int = numbered(2, 0)
    duration_ms: int = numbered(3, 0)


class VoiceStub:
    """Calls of the service, over a channel of grpc or of grpc.aio: both make calls by the same methods."""

    def __init__(self, channel: Any) -> None:
        def method(make: Any, name: str, request: type[Message], reply: type[Message]) -> Any:
            path = f"/{SERVICE}/{name}"
            return make(path, request_serializer=request.encode, response_deserializer=reply.decode)

        self.say = method(channel.unary_unary, "Say", SayRequest, SayReply)
        self.narrate = method(channel.unary_stream, "Narrate", NarrateRequest, NarratedWord)
        self.transcribe = method(channel.stream_unary, "Transcribe", AudioChunk, Transcript)
        self.stream_audio = method(channel.stream_stream, "StreamAudio", AudioChunk, AudioEvent)
        self.fail = method(channel.unary_unary, "Fail", FailRequest, FailReply)
