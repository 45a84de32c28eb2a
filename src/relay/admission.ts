// Admits one call by the policies of its route that look at each call: first all policies that answer at once, then those that ask a
// service, one after the other. While a question is pending, the request is held in the same way as while no connection is free.

import type { ClientCertificate } from '../calls/client-certificate.ts';
import { FAULT, type Failure, policyUnanswered } from '../calls/failure.ts';
import type { InjectedFault } from '../calls/injected-fault.ts';
import type { AdmittedCall, PendingQuestion, Questioner, StreamReset } from '../calls/policy.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import type { DeadlineWheel } from '../transport/deadline-wheel.ts';
import { Deadline } from './deadline.ts';
import { checkField } from './header-edits.ts';
import { MessageGate } from './message-gate.ts';
import type { RequestHead } from './request-head.ts';
import { Review, type ReviewedCall } from './review.ts';
import type { StreamRelay } from './stream-relay.ts';

/** The exchange. */
export interface AdmissionOwner extends ReviewedCall {
  readonly subject: RequestHead;
  readonly request: StreamRelay;
  readonly response: StreamRelay;
  /** All policies let the call pass. */
  admitted(): void;
  fail(cause: Failure): void;
  /** Ends the call by a reset of its streams, for this reason. Must not throw. */
  breakOff(cause: Failure): void;
  /** Who the client is. Set by the admission. */
  identity: string | undefined;
  /** `admitted` or `fail` has thrown. Must not throw. */
  fault(error: unknown): void;
}

export class Admission implements AdmittedCall {
  /** The header fields that policies have added to the request. */
  readonly added = new HeaderList();
  /** The faults that were injected on purpose. */
  faults: InjectedFault[] | undefined = undefined;
  readonly #owner: AdmissionOwner;
  readonly #deadlines: DeadlineWheel;
  /** How many of the plan's asking policies have been asked. */
  #asked = 0;
  #question: Question | undefined = undefined;
  #isOver = false;
  #review: Review | undefined = undefined;

  constructor(owner: AdmissionOwner, deadlines: DeadlineWheel) {
    this.#owner = owner;
    this.#deadlines = deadlines;
  }

  get subject(): RequestHead {
    return this.#owner.subject;
  }

  header(name: string): string | undefined {
    return this.subject.receivedHeader(name);
  }

  addField(name: string, value: string): void {
    if (!this.subject.plan.adds.has(name))
      throw new Error(`a policy has added the header field ${name}, which it has not declared`);
    checkField(name, value);
    if (this.#isOver) return;
    this.added.add(name, value);
  }

  get clientCertificate(): ClientCertificate | undefined {
    return this.subject.kind.peer.clientCertificate;
  }

  get trusted(): boolean {
    return this.subject.kind.peer.trusted;
  }

  get clientAddress(): string {
    return this.subject.clientAddress;
  }

  identify(text: string): void {
    this.#owner.identity = text;
  }

  reviewAt(atEpochMs: number, review: () => Failure | undefined): void {
    this.#review?.close();
    this.#review = new Review(this.#owner, this.#deadlines, atEpochMs, review);
  }

  noteFault(fault: InjectedFault): void {
    (this.faults ??= []).push(fault);
  }

  resetAfter({ direction, messages, fault }: StreamReset, cause: Failure): void {
    if (this.#isOver || !this.subject.isGrpc) return;
    const onShut = () => {
      this.noteFault(fault);
      this.#owner.breakOff(cause);
    };
    this.#owner[direction].passThrough((target) => new MessageGate(target, messages, onShut));
  }

  /** Begins. The owner learns the result now or later. */
  begin(): void {
    const refusal = this.subject.plan.admit(this);
    // The call may have ended while the policies ran.
    if (this.#isOver) return;
    if (refusal === undefined) this.#askNext();
    else this.#refuse(refusal);
  }

  #askNext(): void {
    const { plan } = this.subject;
    while (this.#asked < plan.asking.length) {
      const policy = plan.asking[this.#asked++];
      const question = new Question(policy.key, this.#deadlines, this);
      this.#question = question;
      try {
        question.ask(policy.ask(this, question));
      } catch (error) {
        plan.fault(error);
        question.close();
        this.#refuse(FAULT);
        return;
      }
      if (this.#isOver || !question.isAnswered) return;
      if (question.refusal !== undefined) {
        this.#refuse(question.refusal);
        return;
      }
    }
    this.#isOver = true;
    this.#owner.admitted();
  }

  #refuse(cause: Failure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#owner.fail(cause);
  }

  /** Called by the question when its answer arrives while the call waits for it. Never throws. */
  answered(refusal: Failure | undefined): void {
    if (this.#isOver) return;
    try {
      if (refusal === undefined) this.#askNext();
      else this.#refuse(refusal);
    } catch (error) {
      this.#owner.fault(error);
    }
  }

  /** Cancels a pending question and reviews, since the call has ended. May be called twice. */
  cancel(): void {
    this.#review?.close();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#question?.close();
  }

  /** Reports an error that a policy has thrown from `cancel`. */
  policyFault(error: unknown): void {
    this.subject.plan.fault(error);
  }
}

/** One question of one policy. Late answers and second answers are ignored. */
class Question implements Questioner {
  isAnswered = false;
  /** Whether the question was closed. If that happens while the policy is still asking, `ask` cancels it. */
  #isClosed = false;
  refusal: Failure | undefined = undefined;
  readonly #key: string;
  readonly #deadlines: DeadlineWheel;
  readonly #admission: Admission;
  #pending: PendingQuestion | undefined = undefined;
  #timer: Deadline | undefined = undefined;

  constructor(key: string, deadlines: DeadlineWheel, admission: Admission) {
    this.#key = key;
    this.#deadlines = deadlines;
    this.#admission = admission;
  }

  /** @param pending what the policy has returned. Undefined if there is nothing to wait for. */
  ask(pending: PendingQuestion | undefined): void {
    this.#pending = pending;
    if (this.#isClosed) this.#cancel();
    if (this.isAnswered) return;
    if (pending === undefined) {
      this.isAnswered = true;
      return;
    }
    const { timeoutMs } = pending;
    if (!Number.isFinite(timeoutMs)) throw new Error(`policy ${this.#key} asks without a time to wait for`);
    this.#timer = new Deadline(this.#deadlines, this, timeoutMs);
  }

  admit(): void {
    this.#answer(undefined);
  }

  refuse(failure: Failure): void {
    this.#answer(failure);
  }

  #answer(refusal: Failure | undefined): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.refusal = refusal;
    if (this.#pending === undefined) return;
    this.#timer?.clear();
    this.#admission.answered(refusal);
  }

  deadlinePassed(): void {
    const pending = this.#pending;
    if (pending?.timeOver !== undefined) {
      this.isAnswered = true;
      this.#admission.answered(this.#timeOver(pending));
      return;
    }
    const timeoutMs = pending?.timeoutMs ?? 0;
    this.close();
    this.#admission.answered(policyUnanswered(this.#key, timeoutMs));
  }

  #timeOver(pending: PendingQuestion): Failure | undefined {
    try {
      return pending.timeOver?.();
    } catch (error) {
      this.#admission.policyFault(error);
      return FAULT;
    }
  }

  /** Required by Deadline. Not expected to be called, since deadlinePassed() throws nothing. */
  fault(error: unknown): void {
    this.#admission.policyFault(error);
  }

  /** Stops waiting for an answer. */
  close(): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.#isClosed = true;
    this.#timer?.clear();
    this.#cancel();
  }

  #cancel(): void {
    try {
      this.#pending?.cancel();
    } catch (error) {
      this.#admission.policyFault(error);
    }
  }
}
