// The attempts of one exchange on a route with `hedge`. At first the call has one attempt, like any other. Once its whole request is here
// and known to be small, further attempts begin, and the client gets the first useful response (gRPC proposal A6).

import type { CallStream } from '../calls/call-stream.ts';
import { type AttemptEnd, type HedgePolicy, isRepeated } from '../calls/retry-policy.ts';
import { pushbackMs } from '../grpc/pushback.ts';
import { ErrorCode } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { AttemptState, Attempts, Call } from './attempts.ts';
import { Contender, type Contest } from './contender.ts';
import { Deadline, type DeadlineKeeper } from './deadline.ts';
import { HedgePlaces } from './hedge-places.ts';
import { pickBeside } from './pick-beside.ts';
import type { RelayContext } from './relay-context.ts';
import { LONGEST_HELD_PAUSE_MS, NEXT_TURN_MS } from './retry-place.ts';
import { runContained } from './run-contained.ts';
import type { CallEndpoint, CallTarget } from './snapshot.ts';
import { StreamRelay } from './stream-relay.ts';
import { withEndpoint } from './tried-endpoints.ts';

/** An attempt for which there is no room now is tried again after this time, then after twice as long each time. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

const NONE: readonly never[] = [];

export interface HedgedParts {
  readonly request: StreamRelay;
  readonly response: StreamRelay;
  readonly hedge: HedgePolicy;
  readonly upstream: CallTarget;
}

/**
 * - single: one attempt, since the request is not here yet, or is too large.
 * - open: several attempts, of which none has won.
 * - decided: the client gets one attempt, or the call is over.
 */
type Stage = 'single' | 'open' | 'decided';

export class HedgedAttempts implements Attempts, Contest, DeadlineKeeper {
  readonly #context: RelayContext;
  readonly #call: Call;
  readonly #parts: HedgedParts;
  readonly #lead: Contender;
  #stage: Stage = 'single';
  /** The attempts that may still win, the oldest first. */
  #running: readonly Contender[] = NONE;
  #winner: Contender | undefined = undefined;
  /** Where the call has been. */
  readonly #used: CallEndpoint[] = [];
  /** The whole request, for the attempts after the first. Taken when the first of them begins. */
  #whole: Buffer | undefined = undefined;
  /** How many attempts there are beyond the first. Those that no endpoint has processed do not count. */
  #granted = 0;
  /** How many there may be. */
  #most: number;
  /** How often an attempt was made again because no endpoint had processed it. */
  #repeats = 0;
  readonly #places: HedgePlaces;
  /** The time before the next attempt. */
  #timer: Deadline | undefined = undefined;
  #pauseMs = 0;
  /** A service wants no attempt before this time of the call. */
  #notBeforeMs = 0;
  /** Attempts that are over. */
  #pastCount = 0;
  #pastEndpoint = '';
  /** The addresses that the call was sent to, in order. */
  #sentTo: readonly string[] = NONE;

  constructor(context: RelayContext, call: Call, parts: HedgedParts) {
    this.#context = context;
    this.#call = call;
    this.#parts = parts;
    this.#most = parts.hedge.attempts - 1;
    this.#places = new HedgePlaces(parts.upstream);
    this.#lead = this.#contender(parts.request);
  }

  #contender(request: StreamRelay): Contender {
    const contender = new Contender({
      contest: this,
      context: this.#context,
      call: this.#call,
      request,
      previous: this.#granted,
      isBudgeted: this.#places.use(),
      holdMs: this.#call.subject.plan.retry?.holdMs ?? 0,
    });
    this.#running = [...this.#running, contender];
    return contender;
  }

  get isOpen(): boolean {
    return this.#stage === 'open';
  }

  get endpoint(): string {
    const known = (this.#winner ?? this.#running.at(0))?.series.endpoint ?? '';
    return known === '' ? this.#pastEndpoint : known;
  }

  get endpoints(): readonly string[] | undefined {
    return this.#sentTo.length < 2 ? undefined : this.#sentTo;
  }

  get isUnderWay(): boolean {
    return this.#running.some(({ series }) => series.isUnderWay);
  }

  get count(): number {
    return this.#running.reduce((sum, { series }) => sum + series.count, this.#pastCount);
  }

  get retries(): number {
    return Math.max(0, this.#granted);
  }

  get states(): readonly AttemptState[] {
    if (this.#stage === 'open' && this.#running.length === 0)
      return [{ stage: 'paused', number: this.count + 1 }];
    return this.#running.flatMap(({ series, number }) =>
      series.states.map((state) => ({ ...state, number: state.stage === 'sent' ? number : this.count + 1 })),
    );
  }

  get note(): string {
    return this.#places.note;
  }

  begin(): void {
    this.#lead.series.begin();
    this.#openIfWhole();
  }

  sendTrailers(list: HeaderList): void {
    this.#lead.series.sendTrailers(list);
    this.#openIfWhole();
  }

  requestEnded(): void {
    this.#openIfWhole();
  }

  /** Hedging begins once an endpoint has the request, all of it is here, and no limit holds back a part of it. */
  #openIfWhole(): void {
    const { request, hedge } = this.#parts;
    if (this.#stage !== 'single' || !request.isComplete || request.isPaced || !this.#lead.series.isUnderWay)
      return;
    if (request.bytes > (this.#call.subject.plan.retry?.replayBytes ?? 0)) return;
    this.#stage = 'open';
    this.#startIn(hedge.delayMs);
  }

  responded(): void {
    (this.#winner ?? this.#lead).responded();
  }

  commit(): void {
    if (this.#stage === 'single') this.wins(this.#lead);
    if (this.#winner === undefined) return;
    this.#winner.series.commit();
    this.#places.leave(this.#winner);
  }

  /** Always 0: a head that comes here has won, or nothing can take its place. */
  get holdMs(): number {
    return 0;
  }

  triesAgainAfter(): boolean {
    return false;
  }

  tryAgain(end: AttemptEnd): boolean {
    if (this.#stage !== 'single' || !this.#lead.series.tryAgain(end)) return false;
    this.#openIfWhole();
    return true;
  }

  blame(): void {
    (this.#winner ?? this.#running.at(0))?.series.blame();
  }

  get #canStart(): boolean {
    return this.#stage === 'open' && this.#granted < this.#most;
  }

  /** No further attempts, but for those that no endpoint has processed. */
  #stop(): void {
    this.#most = Math.min(this.#most, this.#granted);
  }

  #startIn(waitMs: number): void {
    this.#stopTimer();
    if (!this.#canStart) return;
    const delayMs = Math.max(waitMs, this.#notBeforeMs - this.#call.durationMs);
    if (delayMs > LONGEST_HELD_PAUSE_MS) this.#places.unreserve();
    if (delayMs <= 0) this.#start();
    else this.#timer = new Deadline(this.#context.deadlines, this, delayMs);
  }

  deadlinePassed(): void {
    this.#timer = undefined;
    this.#start();
  }

  fault(error: unknown): void {
    this.#call.fault(error);
  }

  #start(): void {
    const { delayMs } = this.#parts.hedge;
    while (this.#canStart) {
      if (this.#running.length === 0) {
        this.#startWaiting();
        return;
      }
      // A response has begun. It wins within a moment, or its status says that there is to be another attempt.
      if (this.#running.some(({ isHeld }) => isHeld)) return;
      if (!this.#startBeside()) return;
      if (delayMs > 0) {
        this.#startIn(delayMs);
        return;
      }
    }
  }

  /** Begins an attempt while others run, if there is room for it now: it must take no place in the queue from calls that have none. */
  #startBeside(): boolean {
    const whole = this.#takeWhole();
    if (whole === undefined || !this.#places.reserve(this.#lead.series.holding)) {
      this.#stop();
      return false;
    }
    const { holding } = this.#lead.series;
    const endpoint = pickBeside(this.#parts.upstream, holding, this.#used, this.#call.subject);
    if (endpoint === undefined) {
      this.#places.unreserve();
      this.#pauseMs = Math.min(
        Math.max(2 * this.#pauseMs, FIRST_PAUSE_MS, this.#parts.hedge.delayMs),
        Math.max(LONGEST_PAUSE_MS, this.#parts.hedge.delayMs),
      );
      this.#startIn(this.#pauseMs);
      return false;
    }
    this.#pauseMs = 0;
    this.#granted++;
    this.#used.push(endpoint);
    this.#contender(relayOf(whole)).series.beginAt(endpoint, holding);
    return true;
  }

  /** Begins the only attempt. It waits for a place like any other call. */
  #startWaiting(): void {
    const whole = this.#takeWhole();
    if (whole === undefined) return;
    if (!this.#places.take(this.#lead.series.holding)) {
      this.#startIn(NEXT_TURN_MS);
      return;
    }
    this.#granted++;
    const contender = this.#contender(relayOf(whole));
    contender.series.avoid(this.#used);
    contender.series.begin();
    this.placed(contender);
  }

  placed({ series }: Contender): void {
    if (this.#stage === 'single') this.#openIfWhole();
    else if (series.isUnderWay) this.#startIn(this.#parts.hedge.delayMs);
  }

  sentTo(contender: Contender, stream: CallStream): void {
    const { last } = contender.series;
    this.#sentTo = withEndpoint(this.#sentTo, last);
    contender.number = this.count;
    if (last !== undefined && !this.#used.includes(last)) this.#used.push(last);
    if (this.#stage !== 'open') this.#parts.response.setSource(stream);
    if (contender !== this.#lead) contender.series.forgetReplay();
  }

  /** @returns undefined if not all of the request is known any more, so that no attempt can be made */
  #takeWhole(): Buffer | undefined {
    const sent = this.#whole === undefined ? this.#lead.series.sent : undefined;
    if (sent !== undefined) this.#whole = Buffer.concat([...sent, ...this.#parts.request.pending]);
    return this.#whole;
  }

  isLast(contender: Contender): boolean {
    return !this.#canStart && this.#running.length === 1 && this.#running[0] === contender;
  }

  goesOnAfter(contender: Contender, end: AttemptEnd): boolean {
    const isRepeat = isRepeated(end, this.#repeats);
    if (!isRepeat && this.#parts.hedge.isFatal(end.grpcStatus)) return false;
    const waitMs = isRepeat || end.pushback === undefined ? 0 : pushbackMs(end.pushback);
    if (waitMs < 0) this.#stop();
    if (isRepeat) this.#granted--;
    this.#places.pass(contender, isRepeat);
    if (this.#running.length === 1 && !this.#canReplace(waitMs)) {
      if (isRepeat) this.#granted++;
      return false;
    }
    if (isRepeat) this.#repeats++;
    if (waitMs > 0) this.#notBeforeMs = Math.max(this.#notBeforeMs, this.#call.durationMs + waitMs);
    this.#drop(contender, end.kind === 'answered' ? ErrorCode.NO_ERROR : ErrorCode.CANCEL);
    this.#startIn(0);
    if (!this.#canStart) this.#places.unreserve();
    this.#passLast();
    return true;
  }

  /** Whether another attempt can begin after the only one that runs. If so, it has its place in the budget. */
  #canReplace(waitMs: number): boolean {
    const { timeoutMs = Number.POSITIVE_INFINITY } = this.#call.subject;
    const beginsMs = Math.max(this.#call.durationMs + waitMs, this.#notBeforeMs);
    if (!this.#canStart || beginsMs >= timeoutMs || this.#takeWhole() === undefined) return false;
    return this.#places.reserve(this.#lead.series.holding);
  }

  goesOnWithout(contender: Contender): boolean {
    if (this.#stage !== 'open' || this.#running.length === 1) return false;
    this.#stop();
    this.#drop(contender, ErrorCode.CANCEL);
    this.#passLast();
    return true;
  }

  /** A head that waits for nothing any more is passed on. */
  #passLast(): void {
    const only = this.#running.at(0);
    if (only?.isHeld === true && this.isLast(only)) only.passHeldHead();
  }

  wins(contender: Contender): void {
    if (this.#stage === 'decided') return;
    const losers = this.#running.filter((other) => other !== contender);
    this.#close([contender]);
    this.#winner = contender;
    contender.settle();
    if (contender.stream !== undefined) this.#parts.response.setSource(contender.stream);
    if (contender !== this.#lead) this.#parts.request.clearTarget();
    for (const loser of losers) {
      runContained(this.#context, () => {
        this.#note(loser);
        loser.lose();
      });
    }
  }

  /** No further attempts, and none is needed any more but these. */
  #close(running: readonly Contender[]): void {
    this.#stage = 'decided';
    this.#running = running;
    this.#stopTimer();
    this.#places.unreserve();
    this.#whole = undefined;
  }

  #drop(contender: Contender, code: number): void {
    this.#running = this.#running.filter((other) => other !== contender);
    this.#note(contender);
    contender.end(code);
  }

  /** Keeps the books of an attempt that is over. */
  #note(contender: Contender): void {
    const { count, endpoint } = contender.series;
    this.#pastCount += count;
    if (endpoint !== '') this.#pastEndpoint = endpoint;
    this.#places.leave(contender);
  }

  #stopTimer(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }

  end(code: number): void {
    const { endpoint } = this;
    const running = this.#running;
    this.#close(NONE);
    for (const contender of running) {
      runContained(this.#context, () => {
        this.#note(contender);
        contender.end(code);
      });
    }
    if (endpoint !== '') this.#pastEndpoint = endpoint;
  }
}

/** @returns the whole request, on its way to one more endpoint */
function relayOf(whole: Buffer): StreamRelay {
  const relay = new StreamRelay(false);
  relay.send(whole);
  return relay;
}
