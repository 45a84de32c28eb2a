// Reads the spans of an ExportTraceServiceRequest of OTLP, with a reader of its own, so that the library that has written them is not
// asked whether it has done so rightly (opentelemetry-proto: trace_service.proto, trace.proto, common.proto).

import assert from 'node:assert/strict';

export type ReadValue = string | number | boolean;

export interface ReadEvent {
  readonly name: string;
  readonly timeNs: bigint;
  readonly attributes: Readonly<Record<string, ReadValue>>;
}

export interface ReadSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly state: string;
  readonly name: string;
  /** 1: internal, 2: server, 3: client. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, ReadValue>>;
  readonly events: readonly ReadEvent[];
  /** 0: unset, 1: ok, 2: error. */
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly flags: number;
  readonly resource: Readonly<Record<string, ReadValue>>;
}

type Field = bigint | Buffer;

/** The values of each field, in their order. */
function fieldsOf(bytes: Buffer): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      assert.ok(at < bytes.length && shift < 70n, 'a varint that does not end');
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (size: number): Buffer => {
    assert.ok(at + size <= bytes.length, 'a field that is longer than its message');
    at += size;
    return bytes.subarray(at - size, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    const list = fields.get(number) ?? [];
    fields.set(number, list);
    if ((tag & 7) === 0) list.push(varint());
    else if ((tag & 7) === 1) list.push(take(8).readBigUInt64LE());
    else if ((tag & 7) === 2) list.push(take(Number(varint())));
    else if ((tag & 7) === 5) list.push(BigInt(take(4).readUInt32LE()));
    else assert.fail(`wire type ${tag & 7}`);
  }
  return fields;
}

class Message {
  readonly #fields: Map<number, Field[]>;

  constructor(bytes: Buffer) {
    this.#fields = fieldsOf(bytes);
  }

  number(field: number): bigint {
    const value = this.#fields.get(field)?.at(-1) ?? 0n;
    assert.ok(typeof value === 'bigint');
    return value;
  }

  bytes(field: number): Buffer {
    const value = this.#fields.get(field)?.at(-1) ?? Buffer.alloc(0);
    assert.ok(typeof value !== 'bigint');
    return value;
  }

  text(field: number): string {
    return this.bytes(field).toString('utf8');
  }

  has(field: number): boolean {
    return this.#fields.has(field);
  }

  all(field: number): readonly Message[] {
    return (this.#fields.get(field) ?? []).map((value) => {
      assert.ok(typeof value !== 'bigint');
      return new Message(value);
    });
  }
}

function attributesOf(pairs: readonly Message[]): Readonly<Record<string, ReadValue>> {
  return Object.fromEntries(pairs.map((pair) => [pair.text(1), valueOf(new Message(pair.bytes(2)))]));
}

function valueOf(value: Message): ReadValue {
  if (value.has(1)) return value.text(1);
  if (value.has(2)) return value.number(2) !== 0n;
  if (value.has(3)) return Number(BigInt.asIntN(64, value.number(3)));
  const double = Buffer.alloc(8);
  double.writeBigUInt64LE(value.number(4));
  return double.readDoubleLE();
}

export function readSpans(request: Buffer): readonly ReadSpan[] {
  return new Message(request).all(1).flatMap((ofResource) => {
    const resource = attributesOf(new Message(ofResource.bytes(1)).all(1));
    return ofResource
      .all(2)
      .flatMap((ofScope) => ofScope.all(2))
      .map((span) => readSpan(span, resource));
  });
}

function readSpan(span: Message, resource: ReadSpan['resource']): ReadSpan {
  const status = new Message(span.bytes(15));
  return {
    traceId: span.bytes(1).toString('hex'),
    spanId: span.bytes(2).toString('hex'),
    state: span.text(3),
    parentId: span.bytes(4).toString('hex'),
    name: span.text(5),
    kind: Number(span.number(6)),
    startNs: span.number(7),
    endNs: span.number(8),
    attributes: attributesOf(span.all(9)),
    events: span.all(11).map((event) => ({
      timeNs: event.number(1),
      name: event.text(2),
      attributes: attributesOf(event.all(3)),
    })),
    statusMessage: status.text(2),
    statusCode: Number(status.number(3)),
    flags: Number(span.number(16)),
    resource,
  };
}
