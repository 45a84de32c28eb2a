// The `authorize` of a route: asks an upstream by Envoy's ext_authz v3 whether a call may pass, and again while it runs if that is
// configured. A call waits for no longer than the timeout, and nobody else waits at all.

import { mayNameField, maySetField } from '../../calls/editable-field.ts';
import type { Failure } from '../../calls/failure.ts';
import type { AdmittedCall, PendingQuestion, Policy, Questioner } from '../../calls/policy.ts';
import type { QuestionObserver } from '../../calls/question-observer.ts';
import type { UnaryListener, UnaryMethod, UnaryQuestion, UnaryServices } from '../../calls/unary-service.ts';
import type { AuthorizeConfig } from '../../config/authorize-config.ts';
import type { RouteConfig } from '../../config/route-config.ts';
import { editField, type FieldOption } from '../answered-fields.ts';
import { type Inquiry, type QuestionTerms, ServiceQuestion } from '../service-question.ts';
import { AUTHORIZER_UNAVAILABLE, denied, unanswered } from './authorize-failures.ts';
import { checkRequest } from './check-request.ts';
import { readCheckResponse, type Verdict } from './check-response.ts';

const CHECK = '/envoy.service.auth.v3.Authorization/Check';
/** Room for the body of a denial that is a page, and for every header field that a client accepts. */
const MOST_ANSWER_BYTES = 65_536;
/** The time between two questions is shorter or longer by this part, so that streams that began together are not asked about together. */
const JITTER = 0.1;

export class AuthorizePolicy implements Policy {
  readonly key = 'authorize';
  readonly #config: AuthorizeConfig;
  readonly #method: UnaryMethod;
  readonly #terms: QuestionTerms;
  readonly #random: () => number;

  /** @param random like Math.random */
  constructor(
    config: AuthorizeConfig,
    method: UnaryMethod,
    observer: QuestionObserver,
    random: () => number = Math.random,
  ) {
    const { upstream, timeoutMs, failure } = config;
    this.#config = config;
    this.#method = method;
    this.#terms = {
      key: this.key,
      upstream,
      timeoutMs,
      timeoutKey: 'authorize.timeout',
      passesUnanswered: failure === 'allow',
      observer,
      tokenOfSilence: AUTHORIZER_UNAVAILABLE,
      unanswered,
    };
    this.#random = random;
  }

  get config(): AuthorizeConfig {
    return this.#config;
  }

  ask(call: AdmittedCall, questioner: Questioner): PendingQuestion {
    return new ServiceQuestion(this.#terms, questioner, new Checking(this, call, true));
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
    call.askAgainAfter(
      delayMs,
      (questioner) => new ServiceQuestion(this.#terms, questioner, new Checking(this, call, false)),
    );
  }
}

/** One question about one call. */
class Checking implements Inquiry {
  readonly #policy: AuthorizePolicy;
  readonly #call: AdmittedCall;
  /** Whether the call has not been forwarded yet, so that its header fields can be changed. */
  readonly #isFirst: boolean;

  constructor(policy: AuthorizePolicy, call: AdmittedCall, isFirst: boolean) {
    this.#policy = policy;
    this.#call = call;
    this.#isFirst = isFirst;
  }

  get isOfRunningCall(): boolean {
    return !this.#isFirst;
  }

  begin(listener: UnaryListener): UnaryQuestion {
    return this.#policy.begin(this.#call, listener);
  }

  judge(message: Buffer): Failure | string | undefined {
    const verdict = readCheckResponse(message);
    if (typeof verdict === 'string') return `sent ${verdict}`;
    if (verdict.kind === 'denied') return denied(verdict, this.#policy.config.upstream);
    const unfit = [...verdict.requestFields, ...verdict.responseFields].find(
      ({ name, value }) => !maySetField(name, value),
    );
    if (unfit !== undefined) return `sets ${shown(unfit)}`;
    if (this.#isFirst) this.#change(verdict);
    return undefined;
  }

  #change({ removed, requestFields, responseFields }: Extract<Verdict, { kind: 'allowed' }>): void {
    const { requestEdit, responseEdit } = this.#call;
    // As in Envoy, what is removed is removed last.
    const gone = new Set(removed.filter((name) => mayNameField(name) && name !== 'content-type'));
    for (const option of requestFields) if (!gone.has(option.name)) editField(requestEdit, option);
    for (const name of gone) requestEdit.remove(name);
    for (const option of responseFields) editField(responseEdit, option);
  }

  passes(): void {
    this.#policy.askAgain(this.#call);
  }
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
