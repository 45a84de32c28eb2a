# The protobuf wire format, as much of it as proto/voice.proto needs: messages are dataclasses whose fields carry their
# number. So the programs here need grpcio alone, whichever protobuf library a machine has.

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, TypeVar

MessageType = TypeVar("MessageType", bound="Message")

VARINT = 0
FIXED64 = 1
LENGTH_DELIMITED = 2
FIXED32 = 5


def numbered(number: int, default: Any, message: type[Message] | None = None) -> Any:
    """A field of a message. Its type is that of the default; None stands for a nested message that is absent."""
    return dataclasses.field(default=default, metadata={"number": number, "message": message})


@dataclasses.dataclass(frozen=True)
class Message:
    """Encodes its fields, and decodes itself from bytes; fields nobody knows are skipped."""

    __slots__: ClassVar[tuple[str, ...]] = ()

    def encode(self) -> bytes:
        parts: list[bytes] = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            number = field.metadata["number"]
            if isinstance(value, int):
                parts += [encode_varint(number << 3 | VARINT), encode_varint(int(value))]
                continue
            content = content_of(value)
            parts += [encode_varint(number << 3 | LENGTH_DELIMITED), encode_varint(len(content)), content]
        return b"".join(parts)

    @classmethod
    def decode(cls: type[MessageType], encoded: bytes) -> MessageType:
        fields = {field.metadata["number"]: field for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        position = 0
        while position < len(encoded):
            tag, position = decode_varint(encoded, position)
            raw, position = decode_value(encoded, position, tag & 7)
            field = fields.get(tag >> 3)
            if field is not None:
                values[field.name] = interpret(field, raw)
        return cls(**values)


def content_of(value: Message | str | bytes) -> bytes:
    if isinstance(value, Message):
        return value.encode()
    return value.encode() if isinstance(value, str) else value


def interpret(field: dataclasses.Field[Any], raw: int | bytes) -> Any:
    if isinstance(raw, int):
        return bool(raw) if isinstance(field.default, bool) else raw
    message = field.metadata["message"]
    if message is not None:
        return message.decode(raw)
    return raw.decode() if isinstance(field.default, str) else raw


def encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def decode_varint(encoded: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = encoded[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def decode_value(encoded: bytes, position: int, wire_type: int) -> tuple[int | bytes, int]:
    if wire_type == VARINT:
        return decode_varint(encoded, position)
    if wire_type == LENGTH_DELIMITED:
        length, position = decode_varint(encoded, position)
    elif wire_type in (FIXED32, FIXED64):
        length = 4 if wire_type == FIXED32 else 8
    else:
        raise ValueError(f"wire type {wire_type} is not known here")
    if position + length > len(encoded):
        raise ValueError("the message is cut short")
    return encoded[position : position + length], position + length
