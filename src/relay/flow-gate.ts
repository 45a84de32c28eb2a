// Keeps one direction of a call within its limits: says how many of the bytes that are offered may pass now. What may not pass stays with
// the relay, which gives no credit for it, and so its sender is paced. A limit that ends calls ends the call instead.

import type { Failure } from '../calls/failure.ts';
import type { DirectionLimits, FlowRateLimit, TriedSize } from '../calls/flow-limits.ts';
import { PREFIX_BYTES } from '../grpc/message-cursor.ts';
import {
  ByteMeter,
  LengthMeter,
  MessageMeter,
  type Meter,
  TotalMeter,
  WatchedTotal,
  WholeMessageMeter,
} from './flow-meters.ts';
import { EndingTokens, type GateTokens, PacedTokens, TriedTokens } from './gate-tokens.ts';
import { PacedTime } from './paced-time.ts';
import type { TokenLines } from './token-lines.ts';

/** One direction of an exchange. */
export interface GateOwner {
  /** More may pass. */
  resume(): void;
  /** A limit ends the call. What may pass was passed on, or waits for room. */
  exceeded(cause: Failure): void;
  /** Receives what `resume` has thrown. Must not throw. */
  fault(error: unknown): void;
}

/** Ends the call, from the first byte on that its limit does not let pass. */
type Refuse = (cause: Failure) => void;

/** A limit that takes the tokens of a whole message when its prefix has come. */
interface AnnouncingLimit {
  readonly meter: LengthMeter;
  readonly tokens: EndingTokens | TriedTokens;
}

export class FlowGate {
  /** Undefined if no limit paces. It is kept up to date until `close`. */
  pacedTime: PacedTime | undefined = undefined;
  readonly #stages: Stage[] = [];
  readonly #tokens: GateTokens[] = [];
  readonly #announced: AnnouncingLimit[] = [];
  readonly #owner: GateOwner;
  #refusal: Failure | undefined = undefined;
  /** The position of the limit that ends the call. What it has let pass still has to pass those behind it. */
  #refusing = -1;

  /**
   * Each limit sees only what those before it let pass. Those that pace come first: so what comes before a message that ends the call is
   * passed on, however long that takes.
   */
  constructor(limits: DirectionLimits, isGrpc: boolean, lines: TokenLines, owner: GateOwner) {
    this.#owner = owner;
    const { messageSize, bodySize } = limits;
    const rates = limits.rates.filter(({ counts }) => isGrpc || counts === 'bytes');
    for (const rate of rates) this.#addPace(rate, isGrpc, lines);
    for (const rate of rates) this.#addEnding(rate, isGrpc);
    for (const rate of rates) this.#addTried(rate, isGrpc);
    for (const size of limits.triedSizes ?? []) this.#addTriedSize(size, isGrpc);
    if (isGrpc && messageSize !== undefined)
      this.#add(
        (refuse) =>
          new LengthMeter((length) => {
            if (length <= messageSize.mostBytes) return true;
            refuse(messageSize.exceeded(length));
            return false;
          }),
      );
    if (!isGrpc && bodySize !== undefined)
      this.#add(
        (refuse) => new TotalMeter(bodySize.mostBytes, (sizeBytes) => refuse(bodySize.exceeded(sizeBytes))),
      );
  }

  #addPace(rate: FlowRateLimit, isGrpc: boolean, lines: TokenLines): void {
    if (rate.exceeded !== undefined || rate.dryRun !== undefined) return;
    this.pacedTime ??= new PacedTime();
    const time = this.pacedTime;
    const tokensFor = (onLost: Refuse): PacedTokens => {
      const tokens = new PacedTokens(rate, lines, this, { time, onLost });
      this.#tokens.push(tokens);
      return tokens;
    };
    this.#add((refuse) => {
      if (rate.counts === 'messages') return new MessageMeter(tokensFor(refuse));
      if (!isGrpc || rate.outOfReach === undefined) return new ByteMeter(tokensFor(refuse), rate.sliceBytes);
      // The message that has begun passes whole.
      let lost: Failure | undefined;
      const bytes = new ByteMeter(
        tokensFor((cause) => {
          lost = cause;
        }),
        rate.sliceBytes,
      );
      return new WholeMessageMeter(
        bytes,
        () => lost !== undefined,
        () => lost !== undefined && refuse(lost),
      );
    });
  }

  #addEnding(rate: FlowRateLimit, isGrpc: boolean): void {
    const { exceeded } = rate;
    if (exceeded === undefined || rate.dryRun !== undefined) return;
    this.#add((refuse) => {
      const tokens = new EndingTokens(rate, this, (waitMs, wanted) => refuse(exceeded(waitMs, wanted)));
      this.#tokens.push(tokens);
      if (rate.counts === 'messages') return new MessageMeter(tokens);
      // A message passes whole or not at all: a gRPC client could not read a status behind a part of one.
      if (!isGrpc) return new ByteMeter(tokens, rate.sliceBytes);
      const meter = new LengthMeter((length) => tokens.takeAll(PREFIX_BYTES + length));
      this.#announced.push({ meter, tokens });
      return meter;
    });
  }

  /** A limit that is only tried holds back nothing. */
  #addTried(rate: FlowRateLimit, isGrpc: boolean): void {
    const { dryRun } = rate;
    if (dryRun === undefined) return;
    const tokens = new TriedTokens(rate, dryRun);
    this.#tokens.push(tokens);
    this.#add(() => {
      if (rate.counts === 'messages') return new MessageMeter(tokens);
      if (!isGrpc || !dryRun.ends) return new ByteMeter(tokens, rate.sliceBytes);
      const meter = new LengthMeter((length) => tokens.passes(PREFIX_BYTES + length));
      this.#announced.push({ meter, tokens });
      return meter;
    });
  }

  #addTriedSize({ of, mostBytes, tell }: TriedSize, isGrpc: boolean): void {
    if (isGrpc !== (of === 'message')) return;
    this.#add(() => {
      if (of === 'body') return new WatchedTotal(mostBytes, tell);
      return new LengthMeter((length) => {
        if (length > mostBytes) tell();
        return true;
      });
    });
  }

  /** One that refuses later, and sees only what the others let pass, refuses a byte that comes before theirs. */
  #add(meterFor: (refuse: Refuse) => Meter): void {
    const position = this.#stages.length;
    const refuse = (cause: Failure): void => {
      if (position < this.#refusing) return;
      this.#refusal = cause;
      this.#refusing = position;
    };
    this.#stages.push(new Stage(meterFor(refuse)));
  }

  /** Whether nothing of this direction can be limited. */
  get isIdle(): boolean {
    return this.#stages.length === 0;
  }

  /**
   * Whether a limit ends the call, and the limits behind it have let pass what it has. The relay must call `refuse` as soon as it has passed
   * on what may pass.
   */
  get isRefusing(): boolean {
    return this.#refusal !== undefined && this.allowedBytes === this.#stages[this.#refusing].allowed;
  }

  /** Which limit holds back what waits, as a part of a sentence. Undefined if none does. */
  get heldBy(): string | undefined {
    for (const tokens of this.#tokens) if (tokens.isHeld) return tokens.rate.text;
    return undefined;
  }

  /** How many of the bytes that wait may pass, at least: they wait for something else. */
  get allowedBytes(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { allowed } of this.#stages) least = Math.min(least, allowed);
    return least;
  }

  /**
   * Offers the bytes that come next. They begin where those end that `sent` was told of.
   * @param roomBytes for how many of them there is room. The others are not counted yet
   * @returns how many of them may pass. If not all that have room, the owner's `resume` is called when more may, or `isRefusing` is true.
   */
  admit(bytes: Buffer, start: number, end: number, roomBytes: number): number {
    // After a refusal nothing is counted any more, except by the limits behind it.
    const from = this.#refusing + 1;
    let until = Math.min(end, start + roomBytes);
    for (let index = 0; index < this.#stages.length; index++) {
      const stage = this.#stages[index];
      until = index < from ? Math.min(until, start + stage.allowed) : stage.admit(bytes, start, until, end);
    }
    return until - start;
  }

  /** This many of the bytes that may pass were passed on. */
  sent(count: number): void {
    for (const stage of this.#stages) stage.allowed -= count;
  }

  /**
   * All that could be passed on was. @param isWaiting whether bytes still wait here. Then their sender owes nothing of what has not come: it may
   * have no credit for it
   */
  passedOn(isWaiting: boolean): void {
    for (const { meter, tokens } of this.#announced) tokens.lacks(meter.missingBytes, isWaiting);
  }

  /** This many bytes come once more, and have been counted. */
  replayed(count: number): void {
    for (const stage of this.#stages) stage.allowed += count;
  }

  /** Ends the call, and is not used any more. */
  refuse(): void {
    this.close();
    if (this.#refusal !== undefined) this.#owner.exceeded(this.#refusal);
  }

  /** More tokens may be there. Called by what gets the tokens. */
  granted(): void {
    try {
      this.#owner.resume();
    } catch (error) {
      this.#owner.fault(error);
    }
  }

  /** Called by what gets the tokens. Must not throw. */
  fault(error: unknown): void {
    this.#owner.fault(error);
  }

  /** The call is over: it wants no more tokens. May be called twice. */
  close(): void {
    for (const tokens of this.#tokens) tokens.close();
  }
}

/** How far one limit lets pass what comes. */
class Stage {
  /** Bytes that may pass and have not been passed on. */
  allowed = 0;
  readonly #meter: Meter;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** @param seenEnd see `Meter.scan`. @returns the index after the last byte that may pass */
  admit(bytes: Buffer, start: number, end: number, seenEnd: number): number {
    const at = start + this.allowed;
    if (at >= end) return end;
    const until = this.#meter.scan(bytes, at, end, seenEnd);
    this.allowed = until - start;
    return until;
  }
}
