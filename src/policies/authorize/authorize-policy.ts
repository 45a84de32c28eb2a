// The `authorize` of a route: asks an upstream by Envoy's ext_authz v3 whether a call may pass, and again while it runs if that is
// configured. A call waits for no longer than the timeout, and nobody else waits at all.

import type { Failure } from '../../calls/failure.ts';
import type { AdmittedCall, CallEdit, PendingQuestion, Policy, Questioner } from '../../calls/policy.ts';
import type { QuestionObserver, QuestionResult } from '../../calls/question-observer.ts';
import type { UnaryListener, UnaryMethod, UnaryQuestion, UnaryServices } from '../../calls/unary-service.ts';
import type { AuthorizeConfig } from '../../config/authorize-config.ts';
import type { RouteConfig } from '../../config/route-config.ts';
import { mayNameField, maySetField } from '../../relay/header-edits.ts';
import { denied, unanswered } from './authorize-failures.ts';
import { checkRequest } from './check-request.ts';
import { type FieldOption, readCheckResponse, type Verdict } from './check-response.ts';

const CHECK = '/envoy.service.auth.v3.Authorization/Check';
/** Room for the body of a denial that is a page, and for every header field that a client accepts. */
const MOST_ANSWER_BYTES = 65_536;
/** The time between two questions is shorter or longer by this part, so that streams that began together are not asked about together. */
const JITTER = 0.1;

export class AuthorizePolicy implements Policy {
  readonly key = 'authorize';
  readonly #config: AuthorizeConfig;
  readonly #method: UnaryMethod;
  readonly #observer: QuestionObserver;
  readonly #random: () => number;

  /** @param random like Math.random */
  constructor(
    config: AuthorizeConfig,
    method: UnaryMethod,
    observer: QuestionObserver,
    random: () => number = Math.random,
  ) {
    this.#config = config;
    this.#method = method;
    this.#observer = observer;
    this.#random = random;
  }

  get config(): AuthorizeConfig {
    return this.#config;
  }

  ask(call: AdmittedCall, questioner: Questioner): PendingQuestion {
    return new Checking(this, call, questioner, true);
  }

  /** Asks the service. */
  begin(call: AdmittedCall, listener: UnaryListener): UnaryQuestion {
    const message = checkRequest(call, this.#config.context, Date.now());
    return this.#method.ask(call.asker, message, listener);
  }

  askAgain(call: AdmittedCall): void {
    const { recheckMs } = this.#config;
    if (recheckMs === undefined) return;
    const delayMs = recheckMs * (1 - JITTER + 2 * JITTER * this.#random());
    call.askAgainAfter(delayMs, (questioner) => new Checking(this, call, questioner, false));
  }

  tell(result: QuestionResult, tookMs: number, why = ''): void {
    this.#observer.asked({ policy: this.key, upstream: this.#config.upstream, result, tookMs, why });
  }
}

/** One question about one call. */
class Checking implements PendingQuestion, UnaryListener {
  readonly timeoutMs: number;
  readonly #policy: AuthorizePolicy;
  readonly #call: AdmittedCall;
  readonly #questioner: Questioner;
  /** Whether the call has not been forwarded yet, so that its header fields can be changed. */
  readonly #isFirst: boolean;
  readonly #startedAtMs = performance.now();
  readonly #question: UnaryQuestion;

  constructor(policy: AuthorizePolicy, call: AdmittedCall, questioner: Questioner, isFirst: boolean) {
    this.timeoutMs = policy.config.timeoutMs;
    this.#policy = policy;
    this.#call = call;
    this.#questioner = questioner;
    this.#isFirst = isFirst;
    this.#question = policy.begin(call, this);
  }

  get #tookMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  answered(message: Buffer): void {
    const verdict = readCheckResponse(message);
    if (typeof verdict === 'string') {
      this.failed(`the service of upstream ${this.#policy.config.upstream} sent ${verdict}`);
      return;
    }
    if (verdict.kind === 'denied') {
      this.#policy.tell('denied', this.#tookMs);
      this.#questioner.refuse(denied(verdict, this.#policy.config.upstream));
      return;
    }
    const unfit = [...verdict.requestFields, ...verdict.responseFields].find(
      ({ name, value }) => !maySetField(name, value),
    );
    if (unfit === undefined) this.#allow(verdict);
    else this.failed(`the service of upstream ${this.#policy.config.upstream} sets ${shown(unfit)}`);
  }

  #allow(verdict: Extract<Verdict, { kind: 'allowed' }>): void {
    this.#policy.tell('allowed', this.#tookMs);
    if (this.#isFirst) {
      const { requestEdit, responseEdit } = this.#call;
      for (const name of verdict.removed)
        if (mayNameField(name) && name !== 'content-type') requestEdit.remove(name);
      for (const option of verdict.requestFields) edit(requestEdit, option);
      for (const option of verdict.responseFields) edit(responseEdit, option);
    }
    this.#policy.askAgain(this.#call);
    this.#questioner.admit();
  }

  failed(why: string): void {
    const refusal = this.#refusalFor(why);
    if (refusal === undefined) this.#questioner.admit();
    else this.#questioner.refuse(refusal);
  }

  #refusalFor(why: string): Failure | undefined {
    const passes = this.#policy.config.failure === 'allow';
    this.#policy.tell(passes ? 'passed' : 'failed', this.#tookMs, why);
    if (!passes) return unanswered(why);
    this.#policy.askAgain(this.#call);
    return undefined;
  }

  refused(cause: Failure): void {
    this.#questioner.refuse(cause);
  }

  cancel(): void {
    this.#question.cancel();
  }

  timeOver(): Failure | undefined {
    this.#question.expire();
    return this.#refusalFor(
      `the service of upstream ${this.#policy.config.upstream} has not answered in ${this.timeoutMs} ms (authorize.timeout)`,
    );
  }
}

function edit(to: CallEdit, { name, value, action }: FieldOption): void {
  if (action === 'set') to.set(name, value);
  else if (action === 'add') to.add(name, value);
  else if (action === 'add-if-absent') to.addIfAbsent(name, value);
  else to.setIfPresent(name, value);
}

/** Says of a field that may not be set why that is so. The value may be a secret. */
function shown({ name }: FieldOption): string {
  const plain = name.slice(0, 64).replaceAll(/[^\x21-\x7e]/g, '?');
  return mayNameField(name)
    ? `the header field ${plain} to what no field may hold`
    : `the header field ${plain}, which no authorizer may set`;
}

/** @returns undefined if the route has no `authorize` */
export function authorizePolicy(
  route: RouteConfig | undefined,
  { services, questions }: { readonly services: UnaryServices; readonly questions: QuestionObserver },
): Policy | undefined {
  const config = route?.authorize;
  if (config === undefined) return undefined;
  const { upstream, timeoutMs } = config;
  const method = services(upstream, { path: CHECK, timeoutMs, mostAnswerBytes: MOST_ANSWER_BYTES });
  // Without it nobody may pass.
  if (method === undefined) throw new Error(`there is no upstream ${upstream} that speaks gRPC`);
  return new AuthorizePolicy(config, method, questions);
}
