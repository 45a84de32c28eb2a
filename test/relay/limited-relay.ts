// One direction of a call under limits, between a sender and a receiver that record what they are told, by a simulated clock.

import type { Failure } from '../../src/calls/failure.ts';
import type { DirectionLimits } from '../../src/calls/flow-limits.ts';
import { framed, MessageReader } from '../../src/grpc/message-reader.ts';
import { FlowGate } from '../../src/relay/flow-gate.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { ClockedTokens, UNLIMITED } from '../support/clocked-tokens.ts';
import { RecordedStream } from '../support/recorded-stream.ts';

const TICK_MS = 20;

export class Clock {
  nowMs = 0;
  readonly wheel = new DeadlineWheel(() => this.nowMs);
  readonly lines = new TokenLines(this.wheel);

  tokens(perSecond: number, burst: number): ClockedTokens {
    return new ClockedTokens(perSecond, burst, () => this.nowMs);
  }

  passes(ms: number): void {
    for (const until = this.nowMs + ms; this.nowMs < until; ) {
      this.nowMs = Math.min(until, this.nowMs + TICK_MS);
      this.wheel.advance();
    }
  }
}

export class Limited {
  readonly relay = new StreamRelay(true);
  readonly source = new RecordedStream();
  readonly target = new RecordedStream();
  readonly faults: unknown[] = [];
  refusal: Failure | undefined = undefined;
  recorded = 0;
  readonly gate: FlowGate;
  readonly #clock: Clock;

  constructor(clock: Clock, limits: Partial<DirectionLimits>, isGrpc = true) {
    this.#clock = clock;
    this.gate = new FlowGate({ ...UNLIMITED, ...limits }, isGrpc, clock.lines, {
      resume: () => this.relay.resume(),
      exceeded: (cause) => {
        this.refusal = cause;
        // As an exchange does, which ends with it.
        this.relay.clearTarget();
      },
      fault: (error) => this.faults.push(error),
    });
    if (!this.gate.isIdle) this.relay.limit(this.gate);
    this.relay.setSource(this.source.stream);
    this.connects();
  }

  connects(): void {
    this.relay.setTarget(this.target.stream, {
      recordSent: (_bytes, start, end) => {
        this.recorded += end - start;
      },
    });
  }

  /** Messages in one piece. */
  sends(...texts: readonly string[]): void {
    this.forwards(Buffer.concat(texts.map((text) => framed(Buffer.from(text)))));
  }

  forwards(bytes: Buffer, ends = false): void {
    const copy = Buffer.from(bytes);
    this.relay.forward(copy, 0, copy.length, ends);
    copy.fill('#');
  }

  /** What was passed on. */
  get passedOn(): Buffer {
    const texts = this.target.log.map((entry) => /^data "(.*?)"(?: end)?$/s.exec(entry)?.[1] ?? '');
    return Buffer.from(texts.join(''), 'latin1');
  }

  /** The content of what was passed on, without prefixes of messages. */
  get passed(): string {
    let text = '';
    new MessageReader(1000).read(this.passedOn, (message) => {
      text += message.toString();
      return undefined;
    });
    return text;
  }

  /** For how long limits have held it back. */
  get pacedMs(): number | undefined {
    return this.gate.pacedTime?.msAt(this.#clock.nowMs);
  }

  get passedBytes(): number {
    return this.source.creditedBytes;
  }
}
