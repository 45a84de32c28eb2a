// A limit of a route by which another service decides: asks an upstream by Envoy's rate limit protocol v3 whether a call may pass. A call
// waits for no longer than the timeout, and nobody else waits at all.

import { maySetField } from '../../calls/editable-field.ts';
import type { Failure } from '../../calls/failure.ts';
import type { AdmittedCall, PendingQuestion, Policy, Questioner } from '../../calls/policy.ts';
import type { QuestionObserver } from '../../calls/question-observer.ts';
import type { UnaryListener, UnaryMethod, UnaryQuestion, UnaryServices } from '../../calls/unary-service.ts';
import type { RouteConfig } from '../../config/route-config.ts';
import type { QuotaSource } from '../../limits/quotas.ts';
import { editField } from '../answered-fields.ts';
import { dryRunOf, type TellDryRun } from '../limits/dry-run.ts';
import { type Inquiry, type QuestionTerms, ServiceQuestion } from '../service-question.ts';
import { compileLimitRequest, type LimitRequest } from './limit-request.ts';
import { type LimitVerdict, readLimitResponse } from './limit-response.ts';
import {
  LIMIT_SERVICE_UNAVAILABLE,
  overLimit,
  type ServiceLimit,
  unanswered,
} from './limit-service-failures.ts';

const SHOULD_RATE_LIMIT = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';
/** Room for a body that is a page, and for every header field that a client accepts. */
const MOST_ANSWER_BYTES = 65_536;

export class LimitServicePolicy implements Policy {
  readonly key = 'limits';
  readonly #limit: ServiceLimit;
  readonly #method: UnaryMethod;
  readonly #terms: QuestionTerms;
  readonly #requestOf: LimitRequest;
  /** Undefined if the limit holds. */
  readonly #tellDryRun: TellDryRun | undefined;

  /** @param tellDryRun of a limit that is only tried: calls pass whatever the service says or does not say */
  constructor(limit: ServiceLimit, method: UnaryMethod, observer: QuestionObserver, tellDryRun?: TellDryRun) {
    const { service, timeoutMs, failure } = limit.limit;
    this.#tellDryRun = tellDryRun;
    this.#limit = limit;
    this.#method = method;
    this.#terms = {
      key: this.key,
      upstream: service,
      timeoutMs,
      timeoutKey: `limits[${limit.index}].timeout`,
      passesUnanswered: failure === 'open' || tellDryRun !== undefined,
      observer,
      tokenOfSilence: LIMIT_SERVICE_UNAVAILABLE,
      unanswered: (why) => unanswered(limit.index, why),
    };
    this.#requestOf = compileLimitRequest(limit.limit);
  }

  ask(call: AdmittedCall, questioner: Questioner): PendingQuestion | undefined {
    const message = this.#requestOf(call);
    if (message !== undefined) {
      const question = new Counting({
        call,
        message,
        method: this.#method,
        limit: this.#limit,
        tellDryRun: this.#tellDryRun,
      });
      return new ServiceQuestion(this.#terms, questioner, question);
    }
    questioner.admit();
    return undefined;
  }
}

interface CountingParts {
  readonly call: AdmittedCall;
  readonly message: Buffer;
  readonly method: UnaryMethod;
  readonly limit: ServiceLimit;
  readonly tellDryRun: TellDryRun | undefined;
}

/** One question about one call. */
class Counting implements Inquiry {
  readonly #parts: CountingParts;

  constructor(parts: CountingParts) {
    this.#parts = parts;
  }

  begin(listener: UnaryListener): UnaryQuestion {
    const { call, message, method } = this.#parts;
    return method.ask(call.asker, message, listener);
  }

  waives(): boolean {
    const { call, tellDryRun } = this.#parts;
    tellDryRun?.(call);
    return tellDryRun !== undefined;
  }

  isUnanswered(): void {
    const { call, limit, tellDryRun } = this.#parts;
    if (limit.limit.failure === 'closed') tellDryRun?.(call);
  }

  judge(message: Buffer): Failure | string | undefined {
    const verdict = readLimitResponse(message);
    if (typeof verdict === 'string') return `sent ${verdict}`;
    if (verdict.isOverLimit) return overLimit(this.#parts.limit, verdict);
    this.#change(verdict);
    return undefined;
  }

  /** Fields that may not be set are left out: they tell of the limit, and the call is within it without them. */
  #change({ requestFields, responseFields }: LimitVerdict): void {
    const { requestEdit, responseEdit } = this.#parts.call;
    for (const option of requestFields)
      if (maySetField(option.name, option.value) && option.name !== 'content-type')
        editField(requestEdit, option);
    for (const option of responseFields)
      if (maySetField(option.name, option.value) && option.name !== 'content-type')
        editField(responseEdit, option);
  }
}

export interface LimitServiceParts {
  readonly services: UnaryServices;
  readonly questions: QuestionObserver;
  readonly quotas: Pick<QuotaSource, 'tried'>;
}

/** @returns one policy for each limit of the route that names a service */
export function limitServicePolicies(
  route: RouteConfig | undefined,
  { services, questions, quotas }: LimitServiceParts,
): readonly Policy[] {
  return (route?.limits ?? []).flatMap((limit, index) => {
    if (limit.kind !== 'service') return [];
    const { service, timeoutMs } = limit;
    const terms = { path: SHOULD_RATE_LIMIT, timeoutMs, mostAnswerBytes: MOST_ANSWER_BYTES };
    const method = services(service, terms);
    // Without it, no limit would hold.
    if (method === undefined) throw new Error(`there is no upstream ${service} that speaks gRPC`);
    const tellDryRun = dryRunOf(limit, index, route?.name ?? '', quotas);
    return [new LimitServicePolicy({ index, limit }, method, questions, tellDryRun)];
  });
}
