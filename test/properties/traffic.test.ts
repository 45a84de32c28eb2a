// Two connections joined in memory exchange random traffic under random windows: every byte arrives in order, no window
// is ever exceeded, every stream ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FrameType } from '../../src/h2/frame-type.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { LocalSettings } from '../../src/h2/settings.ts';
import { splitFrames } from '../support/frames.ts';
import { cutInto } from '../support/sessions.ts';
import { type Endpoint, RecordingOwner, Wire } from '../support/wire.ts';

/** Windows as the two peers agreed on them, kept from the frames that pass and from nothing else. */
class WindowAuditor {
  readonly #connection = new Map<Endpoint, number>();
  readonly #streams = new Map<string, number>();
  readonly #initial: ReadonlyMap<Endpoint, number>;
  /** Updates on their way: who sends at the same time has not heard of them. */
  #underWay: (() => void)[] = [];

  constructor(initial: ReadonlyMap<Endpoint, number>, connection: ReadonlyMap<Endpoint, number>) {
    this.#initial = initial;
    for (const [endpoint, window] of connection) this.#connection.set(endpoint, window);
  }

  /** To be called for the client first, then for the server, with what they sent at the same time. */
  passes(from: Endpoint, to: Endpoint, bytes: Buffer): void {
    if (from.role === 'client') {
      for (const update of this.#underWay) update();
      this.#underWay = [];
    }
    for (const frame of splitFrames(bytes)) {
      const length = frame.readUIntBE(0, 3);
      const id = frame.readUInt32BE(5);
      if (frame[3] === FrameType.DATA) this.#spends(from, id, length);
      if (frame[3] !== FrameType.WINDOW_UPDATE) continue;
      this.#underWay.push(() => this.#grows(to, id, frame.readUInt32BE(9)));
    }
  }

  #spends(sender: Endpoint, id: number, length: number): void {
    const connection = (this.#connection.get(sender) ?? 0) - length;
    const stream = this.#streamWindow(sender, id) - length;
    assert.ok(connection >= 0, `${sender.role} exceeds the window of the connection`);
    assert.ok(stream >= 0 || length === 0, `${sender.role} exceeds the window of stream ${id}`);
    this.#connection.set(sender, connection);
    this.#streams.set(`${sender.role} ${id}`, stream);
  }

  #grows(sender: Endpoint, id: number, increment: number): void {
    if (id === 0) this.#connection.set(sender, (this.#connection.get(sender) ?? 0) + increment);
    else this.#streams.set(`${sender.role} ${id}`, this.#streamWindow(sender, id) + increment);
  }

  #streamWindow(sender: Endpoint, id: number): number {
    return this.#streams.get(`${sender.role} ${id}`) ?? this.#initial.get(sender) ?? 0;
  }
}

/** What one side has to send on one stream, and what it got from the other. */
class Side {
  readonly #endpoint: Endpoint;
  readonly #id: number;
  readonly #body: Buffer;
  readonly #endsByTrailers: boolean;
  readonly received: Buffer[] = [];
  #sent = 0;
  #isDone = false;
  uncredited = 0;
  ends = 0;

  constructor(endpoint: Endpoint, id: number, body: Buffer, endsByTrailers: boolean) {
    this.#endpoint = endpoint;
    this.#id = id;
    this.#body = body;
    this.#endsByTrailers = endsByTrailers;
    const { owner } = endpoint.stream(id);
    assert.ok(owner instanceof RecordingOwner);
    owner.reactions = {
      onData: (bytes, start, end, endStream) => {
        this.received.push(Buffer.from(bytes.subarray(start, end)));
        this.uncredited += end - start;
        if (endStream) this.ends++;
      },
      onTrailers: () => this.ends++,
      onWritable: () => this.goesOn(),
    };
  }

  goesOn(): void {
    if (this.#isDone) return;
    const rest = this.#body.subarray(this.#sent);
    this.#sent += this.#endpoint.sends(this.#id, rest, !this.#endsByTrailers);
    if (this.#sent < this.#body.length) return;
    this.#isDone = true;
    if (!this.#endsByTrailers) return;
    this.#endpoint.stream(this.#id).sendHeaders(HeaderList.of(['grpc-status', '0']), true);
  }

  /** Credits at most `size` bytes of what was received. */
  credits(size: number): void {
    const credited = Math.min(size, this.uncredited);
    this.uncredited -= credited;
    this.#endpoint.stream(this.#id).credit(credited);
  }
}

interface Call {
  readonly question: Buffer;
  readonly answer: Buffer;
  readonly trailers: boolean;
}

function counted(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31 + (index >>> 8)) & 0xff));
}

const LENGTH = fc.oneof(fc.nat(20), fc.nat(1_000), fc.nat(40_000));
const CALLS: fc.Arbitrary<Call[]> = fc.array(
  fc
    .record({ question: LENGTH, answer: LENGTH, trailers: fc.boolean() })
    .map(({ question, answer, trailers }) => ({
      question: counted(question),
      answer: counted(answer),
      trailers,
    })),
  { minLength: 1, maxLength: 6 },
);
const WINDOWS: fc.Arbitrary<Partial<LocalSettings>> = fc.record({
  initialWindowBytes: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1_000, max: 100_000 })),
  connectionWindowBytes: fc.integer({ min: 65_535, max: 200_000 }),
});
const SIZES = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 4 });

/** Lets all calls run to their end, with credit given in portions. */
function exchange(
  wire: Wire,
  auditor: WindowAuditor,
  calls: readonly Call[],
  sizes: readonly number[],
): Side[] {
  const sides: Side[] = [];
  wire.server.reactions.onRequest = (stream) => {
    wire.server.responds(stream.id);
    const { answer, trailers } = calls[(stream.id - 1) / 2];
    const side = new Side(wire.server, stream.id, answer, trailers);
    sides.push(side);
    side.goesOn();
  };
  for (const { question, trailers } of calls) {
    const stream = wire.client.requests();
    const side = new Side(wire.client, stream.id, question, trailers);
    sides.push(side);
    side.goesOn();
  }
  const settle = (): Wire =>
    wire.settles(
      (bytes) => cutInto(bytes, sizes),
      (from, bytes) => auditor.passes(from, from === wire.client ? wire.server : wire.client, bytes),
    );
  for (settle(); sides.some((side) => side.uncredited > 0); settle()) {
    for (const side of sides) side.credits(sizes[0] * 100);
  }
  return sides;
}

test('all bytes arrive intact and in order within the windows, and all streams end', () => {
  fc.assert(
    fc.property(CALLS, WINDOWS, WINDOWS, SIZES, (calls, clientWindows, serverWindows, sizes) => {
      const wire = Wire.opened(clientWindows, serverWindows);
      const { client, server } = wire;
      const auditor = new WindowAuditor(
        new Map([
          [client, serverWindows.initialWindowBytes ?? 0],
          [server, clientWindows.initialWindowBytes ?? 0],
        ]),
        new Map([
          [client, serverWindows.connectionWindowBytes ?? 0],
          [server, clientWindows.connectionWindowBytes ?? 0],
        ]),
      );
      const sides = exchange(wire, auditor, calls, sizes);
      client.accepts();
      server.accepts();
      calls.forEach(({ question, answer }, index) => {
        assert.ok(Buffer.concat(sides[index].received).equals(answer), `the answer of call ${index}`);
        assert.ok(
          Buffer.concat(sides[calls.length + index].received).equals(question),
          `the question of call ${index}`,
        );
      });
      assert.ok(sides.every((side) => side.ends === 1));
      assert.equal(client.connection.streamCount + server.connection.streamCount, 0);
    }),
    { seed: 9113, numRuns: 20 },
  );
});
