// One connection of the engine, server or client, with owners at one side and bytes from the fuzzer at the other, and
// everything that has to hold whatever those bytes are. A broken promise throws, with what it was.

import assert from 'node:assert/strict';
import { Connection, type Role } from '../../src/h2/connection.ts';
import type { ConnectionHandler } from '../../src/h2/connection-handler.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { OutputBuffer } from '../../src/h2/output-buffer.ts';
import { LARGEST_WINDOW_BYTES, type LocalSettings } from '../../src/h2/settings.ts';
import { StreamState } from '../../src/h2/stream-state.ts';
import { PATIENCE } from '../support/local-settings.ts';
import { Auditor, type OnSent } from './auditor.ts';
import { type Company, FuzzOwner } from './fuzz-owner.ts';
import { Random } from './random.ts';
import type { Step } from './steps.ts';

const SETTINGS: LocalSettings = {
  maxConcurrentStreams: 100,
  initialWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  maxHeaderListBytes: 16_384,
  maxHeaderFields: 128,
  ...PATIENCE,
};
const MOST_OWN_STREAMS = 40;

export class EngineSession implements Company {
  readonly random: Random;
  readonly connection: Connection;
  readonly #isServer: boolean;
  readonly #output = new OutputBuffer({ outputBegins: () => undefined, slabIsFull: () => undefined });
  readonly #auditor: Auditor;
  readonly #owners = new Map<number, FuzzOwner>();
  /** Those that are not over, as far as was noticed. */
  #live: FuzzOwner[] = [];
  /** Tokens of what the connection found wrong. */
  readonly violations: string[] = [];
  /** What was thrown within the connection and is none of the peer's doing. */
  readonly #faults: unknown[] = [];
  #nowMs = 0;
  lastProcessedId = Number.POSITIVE_INFINITY;
  readonly isLegal: boolean;

  constructor(role: Role, seed: number, isLegal: boolean, onSent: OnSent) {
    this.isLegal = isLegal;
    this.random = new Random(seed);
    this.#isServer = role === 'server';
    this.#auditor = new Auditor(role, onSent);
    this.connection = new Connection(role, this.#output, SETTINGS, this.#handler());
  }

  get isClosed(): boolean {
    return this.connection.isClosed;
  }

  #handler(): ConnectionHandler {
    return {
      onRequest: (stream, list, endStream) => {
        const owner = new FuzzOwner(this, true, (candidate) => {
          stream.owner = candidate;
          return stream;
        });
        assert.ok(!this.#owners.has(stream.id), `stream ${stream.id} was opened twice`);
        owner.peerEnded = endStream;
        owner.lists.push(list);
        this.#adopt(owner);
        if (this.random.oneIn(2)) owner.act(30 + this.random.below(70));
      },
      onSettings: () => undefined,
      onGoAway: (lastStreamId) => {
        this.lastProcessedId = Math.min(this.lastProcessedId, lastStreamId);
      },
      onPingAcknowledged: () => undefined,
      onCaughtUp: () => undefined,
      onOutputDrained: () => undefined,
      onViolation: (error) => {
        if (error.token === 'internal_error') this.#faults.push(error.cause);
        this.violations.push(error.token);
      },
    };
  }

  #adopt(owner: FuzzOwner): void {
    this.#owners.set(owner.stream.id, owner);
    this.#live.push(owner);
  }

  anyOwner(): FuzzOwner | undefined {
    if (this.#live.length > 64) this.#live = this.#live.filter((owner) => !owner.isOver);
    return this.#live.length === 0 ? undefined : this.random.pick(this.#live);
  }

  get #peerHasLeft(): boolean {
    return this.lastProcessedId !== Number.POSITIVE_INFINITY;
  }

  /** Every header list that an owner was told is the one its peer sent. */
  checkLists(sent: ReadonlyMap<number, readonly string[]>): void {
    for (const [id, { lists }] of this.#owners) {
      const expected = sent.get(id) ?? [];
      lists.forEach((list, index) =>
        assert.equal(listText(list), expected[index], `stream ${id}: header list ${index}`),
      );
    }
  }

  apply(step: Step): void {
    switch (step.kind) {
      case 'bytes':
        this.#receive(step.bytes);
        break;
      case 'drain':
        this.#drain();
        break;
      case 'time':
        this.#nowMs += step.ms;
        this.connection.replenish(Math.floor(step.ms / 1000));
        this.connection.checkTime(this.#nowMs);
        break;
      case 'act':
        this.#act(step.choice);
        break;
    }
    this.#checkStreams();
    if (this.#faults.length > 0) throw this.#faults[0];
  }

  #receive(bytes: Buffer): void {
    if (!this.isClosed) this.#auditor.receives(bytes);
    // A copy that is spoilt afterwards: whoever keeps a view of a receive buffer will be found out.
    const chunk = Buffer.from(bytes);
    this.connection.receive(chunk, this.#nowMs);
    while (this.connection.hasUnread) this.connection.readOn();
    chunk.fill(0xdb);
  }

  #act(choice: number): void {
    const { connection } = this;
    if (
      this.#isServer ||
      choice % 2 === 0 ||
      connection.streamCount >= MOST_OWN_STREAMS ||
      this.#peerHasLeft
    ) {
      if (choice % 101 === 100) connection.ping(Buffer.from('fuzzping', 'latin1'));
      else this.anyOwner()?.act(choice % 100);
      return;
    }
    if (this.isClosed || connection.streamCount >= connection.peerMaxConcurrentStreams) return;
    const owner = new FuzzOwner(this, false, (candidate) => connection.openStream(candidate));
    this.#adopt(owner);
    owner.request(choice % 3 === 0);
  }

  #drain(): void {
    const pieces: Buffer[] = [];
    for (let slab = this.#output.takeSlab(); slab !== undefined; slab = this.#output.takeSlab()) {
      pieces.push(Buffer.from(slab.bytes.subarray(0, slab.length)));
      this.#output.releaseSlab(slab);
    }
    this.#auditor.sends(Buffer.concat(pieces));
    this.connection.outputDrained();
  }

  #checkStreams(): void {
    for (const { stream, owed, peerEnded } of this.#live) {
      if (stream.state === StreamState.CLOSED) continue;
      assert.ok(stream.sendWindow <= LARGEST_WINDOW_BYTES, `stream ${stream.id}: a send window above 2^31-1`);
      assert.ok(stream.receiveWindow >= 0, `stream ${stream.id}: a negative receive window`);
      // A frame counts against the window as soon as its header is there.
      if (peerEnded || this.#auditor.isAmidFrame) continue;
      const accounted = stream.receiveWindow + stream.uncreditedBytes + owed;
      assert.equal(
        accounted,
        SETTINGS.initialWindowBytes,
        `stream ${stream.id}: bytes got lost from its window`,
      );
    }
  }

  /** The transport goes away: every stream must hear of exactly one end. */
  finish(): void {
    const wasClosed = this.isClosed;
    this.#drain();
    assert.equal(this.#auditor.goAways, wasClosed ? 1 : 0, 'GOAWAY exactly where the connection failed');
    if (wasClosed) assert.equal(this.#auditor.lastType, FrameType.GOAWAY, 'GOAWAY is the last frame');
    else assert.equal(this.#auditor.unacknowledged, 0, 'SETTINGS were not acknowledged');
    const open = [...this.#owners.values()].filter((owner) => !owner.isOver);
    assert.equal(this.connection.streamCount, open.length, 'streams and owners do not agree on who is alive');
    this.connection.connectionLost('the session is over');
    assert.equal(this.connection.streamCount, 0, 'streams are left');
    if (this.#faults.length > 0) throw this.#faults[0];
    for (const owner of open)
      assert.equal(owner.ending, 'onConnectionLost', `stream ${owner.stream.id} heard of no end`);
    this.#drain();
  }
}

function listText({ names, values }: HeaderList): string {
  return names.map((name, index) => `${name}: ${values[index]}`).join('\n');
}
