// Generates random but valid sessions for property tests: the frames that a peer may send to a connection in either role.

import * as fc from 'fast-check';
import type { Role } from '../../src/h2/connection.ts';
import * as frames from './frames.ts';
import { Endpoint } from './wire.ts';

const KINDS = [
  'open',
  'data',
  'data',
  'end',
  'trailers',
  'reset',
  'window',
  'ping',
  'settings',
  'priority',
  'unknown',
] as const;

export interface Step {
  readonly kind: (typeof KINDS)[number];
  /** A number that selects the stream, the size and the form among those that are possible. */
  readonly choice: number;
  readonly text: string;
  readonly padding: number | undefined;
}

export const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    choice: fc.nat(0xffff),
    text: fc.string({ minLength: 1, maxLength: 60, unit: fc.constantFrom(...Array.from('abcxyz019-')) }),
    padding: fc.option(fc.nat(255), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 50 },
);

/** The number of streams that the connection under test opens in the client role before the session begins. */
const CLIENT_STREAMS = 6;

/** @returns an endpoint that is ready for a session */
export function endpointFor(role: Role): Endpoint {
  const endpoint = new Endpoint(role);
  if (role === 'client') for (let count = 0; count < CLIENT_STREAMS; count++) endpoint.requests();
  return endpoint;
}

/** Writes a valid session for a connection in the given role. */
class SessionWriter {
  readonly frames: Buffer[];
  readonly #role: Role;
  /** The streams on which DATA may be sent. */
  readonly #open: number[] = [];
  /** The streams that wait for their response. */
  readonly #unanswered: number[] = [];
  #nextId = 1;
  #settings = 0;

  constructor(role: Role) {
    this.#role = role;
    this.frames = role === 'server' ? [frames.preface(), frames.settings()] : [frames.settings()];
    if (role === 'client') {
      for (let count = 0; count < CLIENT_STREAMS; count++) this.#unanswered.push(1 + 2 * count);
    }
  }

  add(step: Step): void {
    if (step.kind === 'open') {
      this.#begin(step);
      return;
    }
    const at = this.#open.length === 0 ? -1 : step.choice % this.#open.length;
    const frame = at === -1 ? undefined : this.#onStream(step, this.#open[at], at);
    this.frames.push(frame ?? this.#onConnection(step));
  }

  #begin(step: Step): void {
    const isServer = this.#role === 'server';
    const id = isServer ? this.#nextId : this.#unanswered.shift();
    if (id === undefined) return;
    this.#nextId += 2;
    const fields: frames.Field[] = [
      ['x-text', step.text],
      [step.text.replaceAll('-', '') || 'x', 'value'],
    ];
    const block = isServer ? frames.requestBlock(...fields) : frames.responseBlock('200', ...fields);
    const endStream = step.choice % 5 === 0;
    if (!endStream) this.#open.push(id);
    if (step.choice % 3 !== 0) {
      this.frames.push(
        frames.headers(id, block, { endStream, ...paddingOf(step), priority: step.choice % 2 === 0 }),
      );
      return;
    }
    const at = step.choice % block.length;
    this.frames.push(
      frames.headers(id, block.subarray(0, at), { endStream, endHeaders: false, ...paddingOf(step) }),
      frames.continuation(id, block.subarray(at)),
    );
  }

  #onStream(step: Step, id: number, at: number): Buffer | undefined {
    switch (step.kind) {
      case 'data':
        return frames.data(id, step.text, paddingOf(step));
      case 'end':
        this.#open.splice(at, 1);
        return frames.data(id, step.choice % 2 === 0 ? '' : step.text, {
          endStream: true,
          ...paddingOf(step),
        });
      case 'trailers':
        this.#open.splice(at, 1);
        return frames.headers(id, frames.block(['grpc-message', step.text]), {
          endStream: true,
          ...paddingOf(step),
        });
      case 'reset':
        this.#open.splice(at, 1);
        return frames.resetStream(id, step.choice % 14);
      case 'window':
        return frames.windowUpdate(step.choice % 2 === 0 ? 0 : id, 1 + step.choice);
      default:
        return undefined;
    }
  }

  #onConnection(step: Step): Buffer {
    if (step.kind === 'priority') return frames.priority(1 + step.choice);
    if (step.kind === 'unknown')
      return frames.frame(0x10 + (step.choice % 200), step.choice & 0xff, 0, step.text);
    if (step.kind === 'settings' && this.#settings++ < 15) {
      return frames.settings([4, step.choice], [3, step.choice], [0x77, step.choice]);
    }
    return frames.ping(step.text.padEnd(8, '.').slice(0, 8));
  }
}

/** @returns the bytes of a session, including a client's preface */
export function sessionFor(role: Role, steps: readonly Step[]): Buffer {
  const writer = new SessionWriter(role);
  for (const step of steps) writer.add(step);
  return Buffer.concat(writer.frames);
}

/** Divides bytes into chunks of the given sizes, which are used cyclically. */
export function cutInto(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const end = at + Math.max(1, sizes[turn % sizes.length]);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

function paddingOf(step: Step): { padding?: number } {
  return step.padding === undefined ? {} : { padding: step.padding };
}
