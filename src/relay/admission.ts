// Admits one call by the policies of its route that look at each call, one after the other. While a question is pending, the request is held
// in the same way as while no connection is free.

import type { AddedFields } from '../calls/added-fields.ts';
import type { Caller } from '../calls/caller.ts';
import type { ClientCertificate } from '../calls/client-certificate.ts';
import { FAULT, type Failure } from '../calls/failure.ts';
import { type FlowLimits, NO_LIMITS } from '../calls/flow-limits.ts';
import type { InjectedFault } from '../calls/injected-fault.ts';
import type {
  AdmittedCall,
  CallEdit,
  CallReview,
  PendingQuestion,
  Questioner,
  StreamReset,
} from '../calls/policy.ts';
import type { Asker } from '../calls/unary-service.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { CallChanges } from './call-changes.ts';
import { HeaderEdits } from './header-edits.ts';
import { type LimitedCall, limitFlow } from './limit-flow.ts';
import { MessageGate } from './message-gate.ts';
import type { PacedTimes } from './paced-time.ts';
import { Question, type QuestionOwner } from './question.ts';
import { Recheck } from './recheck.ts';
import type { RelayContext } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import { Review, type ReviewedCall } from './review.ts';

export type AdmissionContext = Pick<RelayContext, 'deadlines' | 'requestIds' | 'tokenLines'>;

/** The exchange. */
export interface AdmissionOwner extends ReviewedCall, LimitedCall {
  readonly subject: RequestHead;
  readonly home: { readonly isHttp1?: boolean | undefined; accountFor(head: RequestHead): Asker };
  /** A number from RequestIds, or the client's own x-request-id. */
  readonly requestId: string | number;
  readonly isFinished: boolean;
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

export class Admission implements AdmittedCall, QuestionOwner {
  /** Undefined until a policy changes something in this call alone. */
  changes: CallChanges | undefined = undefined;
  /** The faults that were injected on purpose. */
  faults: InjectedFault[] | undefined = undefined;
  callerKey: string | undefined = undefined;
  /** How long limits have held back the call. Undefined if none can pace it. */
  paced: PacedTimes | undefined = undefined;
  readonly #owner: AdmissionOwner;
  readonly #context: AdmissionContext;
  /** How many of the plan's asking policies have been asked. */
  #asked = 0;
  #question: Question | undefined = undefined;
  #isOver = false;
  #review: Review | undefined = undefined;
  #recheck: Recheck | undefined = undefined;
  /** The call is over, so that no review may begin. */
  #hasEnded = false;
  /** Those of this call alone. */
  #ownLimits = NO_LIMITS;

  constructor(owner: AdmissionOwner, context: AdmissionContext) {
    this.#owner = owner;
    this.#context = context;
  }

  get subject(): RequestHead {
    return this.#owner.subject;
  }

  get isGrpc(): boolean {
    return this.subject.isGrpc;
  }

  header(name: string): string | undefined {
    return this.subject.receivedHeader(name);
  }

  addFields({ list }: AddedFields): void {
    const { adds } = this.subject.plan;
    for (const name of list.names)
      if (!adds.has(name))
        throw new Error(`a policy has added the header field ${name}, which it has not declared`);
    if (this.#isOver || list.length === 0) return;
    this.#madeChanges.add(list);
  }

  get #madeChanges(): CallChanges {
    this.changes ??= new CallChanges();
    return this.changes;
  }

  get clientCertificate(): ClientCertificate | undefined {
    return this.subject.kind.peer.clientCertificate;
  }

  get clientCertificateFault(): string | undefined {
    return this.subject.kind.peer.clientCertificateFault;
  }

  get trusted(): boolean {
    return this.subject.kind.peer.trusted;
  }

  get clientAddress(): string {
    return this.subject.clientAddress;
  }

  get clientPort(): number | undefined {
    const { client, trusted } = this.subject.kind.peer;
    const port = Number(client.slice(client.lastIndexOf(':') + 1));
    return trusted || port === 0 || !Number.isInteger(port) ? undefined : port;
  }

  get listenerPort(): number | undefined {
    return this.subject.kind.peer.port;
  }

  get serverName(): string {
    return this.subject.kind.peer.serverName ?? '';
  }

  get protocol(): 'HTTP/1.1' | 'HTTP/2' {
    return this.#owner.home.isHttp1 === true ? 'HTTP/1.1' : 'HTTP/2';
  }

  get requestId(): string {
    const { requestId } = this.#owner;
    return typeof requestId === 'number' ? this.#context.requestIds.text(requestId) : requestId;
  }

  get asker(): Asker {
    return this.#owner.home.accountFor(this.subject);
  }

  presentedFields(): HeaderList {
    const edits = new HeaderEdits();
    for (const name of this.subject.plan.adds) edits.remove(name);
    const fields = edits.applyTo(this.subject.presentedFields());
    const added = this.changes?.added;
    if (added === undefined || added.length === 0) return fields;
    const all = new HeaderEdits();
    for (let index = 0; index < added.length; index++) all.add(added.names[index], added.valueAt(index));
    return all.applyTo(fields);
  }

  get requestEdit(): CallEdit {
    return this.#madeChanges.request;
  }

  get responseEdit(): CallEdit {
    return this.#madeChanges.response;
  }

  identify({ text, key }: Pick<Caller, 'text' | 'key'>): void {
    this.#owner.identity = text;
    this.callerKey = key;
  }

  reviewLater(review: CallReview): void {
    if (this.#hasEnded) {
      review.dropped?.();
      return;
    }
    this.#review?.close();
    this.#review = new Review(this.#owner, this.#context.deadlines, review);
  }

  askAgainAfter(delayMs: number, ask: (questioner: Questioner) => PendingQuestion | undefined): void {
    if (this.#hasEnded) return;
    this.#recheck?.close();
    this.#recheck = new Recheck(this.#owner, this.#context.deadlines, delayMs, ask);
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

  limitFlow(limits: FlowLimits): void {
    this.#ownLimits = [...this.#ownLimits, limits];
  }

  /** Begins. The owner learns the result now or later. */
  begin(): void {
    this.#askNext();
  }

  #askNext(): void {
    const { plan } = this.subject;
    while (this.#asked < plan.asking.length) {
      const policy = plan.asking[this.#asked++];
      const question = new Question(policy.key, this.#context.deadlines, this);
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
      this.#question = undefined;
      if (question.refusal !== undefined) {
        this.#refuse(question.refusal);
        return;
      }
    }
    this.#admit();
  }

  #admit(): void {
    const { plan } = this.subject;
    let limits: readonly FlowLimits[];
    try {
      limits =
        this.#ownLimits.length === 0 ? plan.limitFlow(this) : [...plan.limitFlow(this), ...this.#ownLimits];
    } catch (error) {
      plan.fault(error);
      this.#refuse(FAULT);
      return;
    }
    this.#isOver = true;
    if (limits.length > 0) this.paced = limitFlow(this.#owner, limits, this.#context.tokenLines);
    this.#owner.admitted();
  }

  #refuse(cause: Failure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#owner.fail(cause);
  }

  /** Called by the question when its answer arrives while the call waits for it. Never throws. */
  answered(refusal: Failure | undefined): void {
    // A stream may run for days: it does not keep what was asked, nor the answer.
    this.#question = undefined;
    if (this.#isOver) return;
    try {
      if (refusal === undefined) this.#askNext();
      else this.#refuse(refusal);
    } catch (error) {
      this.#owner.fault(error);
    }
  }

  /**
   * Cancels a pending question and reviews, since the call ends. Until it has finished, limits still apply to what the client gets. May be
   * called twice.
   */
  cancel(): void {
    this.#hasEnded = true;
    this.#review?.close();
    this.#recheck?.close();
    this.#owner.request.unlimit();
    if (this.#owner.isFinished) this.#owner.response.unlimit();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#question?.close();
  }

  /** Reports an error that a policy has thrown from `cancel`. */
  policyFault(error: unknown): void {
    this.subject.plan.fault(error);
  }
}
