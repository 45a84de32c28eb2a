// The `access` of a route: who may call. What is known of a client at once is judged at once; otherwise the call waits until its
// credentials are verified. Whoever is not allowed is refused.

import type { Caller } from '../../calls/caller.ts';
import type { Failure } from '../../calls/failure.ts';
import type {
  AdmittedCall,
  HeaderEdit,
  PendingQuestion,
  Policy,
  Questioner,
  RequestKind,
} from '../../calls/policy.ts';
import type { AccessConfig } from '../../config/identity-config.ts';
import type { RouteConfig } from '../../config/route-config.ts';
import type { IdentitySet } from '../../identities/identities.ts';
import {
  type Identity,
  isCaller,
  isRejection,
  type Rejection,
  type Verdict,
} from '../../identities/identity.ts';
import { denied, expired, unauthenticated } from './access-failures.ts';
import { type AccessRule, compileRule } from './access-rules.ts';

/** How long credentials may take to be verified, with new keys of their issuer. */
const VERIFY_WITHIN_MS = 5000;

/** What is known of a client: who it is, and why it is not somebody else. */
interface Known {
  readonly callers: readonly Caller[];
  readonly rejection: Rejection | undefined;
}

export class AccessPolicy implements Policy {
  readonly key = 'access';
  readonly adds: readonly string[];
  readonly #required: ReadonlySet<string>;
  /** All that the client may show to be, in the order in which they are asked. */
  readonly #identities: readonly Identity[];
  readonly #allow: readonly AccessRule[] | undefined;
  readonly #deny: readonly AccessRule[];
  readonly #onExpiry: AccessConfig['onExpiry'];
  /** Header fields of identities that this route does not ask for. */
  readonly #foreign: readonly string[];

  /** @param fields the names of the header fields of all identities, in lower case */
  constructor(config: AccessConfig, identities: readonly Identity[], fields: ReadonlySet<string>) {
    this.#required = new Set(config.require);
    this.#identities = identities;
    this.adds = [...new Set(identities.flatMap(({ adds }) => adds))];
    this.#foreign = [...fields].filter((name) => !this.adds.includes(name));
    const { require } = config;
    this.#allow = config.allow?.map((rule) => compileRule(rule, require));
    this.#deny = config.deny.map((rule) => compileRule(rule, require, true));
    this.#onExpiry = config.onExpiry;
  }

  decide(_kind: RequestKind, edit: HeaderEdit): undefined {
    for (const name of this.#foreign) edit.remove(name);
  }

  ask(call: AdmittedCall, questioner: Questioner): PendingQuestion | undefined {
    const callers: Caller[] = [];
    for (const identity of this.#identities) {
      const look = identity.look(call);
      if (look === 'later')
        return new Verifying(this.#identities, call, (known) => this.#answer(call, known, questioner));
      if (isCaller(look)) callers.push(look);
      else if (look !== undefined)
        return new Verifying(this.#identities, call, (known) => this.#answer(call, known, questioner));
    }
    this.#answer(call, { callers, rejection: undefined }, questioner);
    return undefined;
  }

  #answer(call: AdmittedCall, known: Known, questioner: Questioner): void {
    const refusal = this.#judge(call, known);
    if (known.callers.length > 0) call.identify(known.callers[0]);
    if (refusal !== undefined) {
      questioner.refuse(refusal);
      return;
    }
    this.#addFields(call, known.callers);
    this.#watchExpiry(call, known.callers);
    questioner.admit();
  }

  /** What two identities say of a client is not mixed: of those with a field of the same name, the first speaks. */
  #addFields(call: AdmittedCall, callers: readonly Caller[]): void {
    const silent = new Set<string>();
    for (const { name, adds } of this.#identities) {
      const caller = callers.find(({ identity }) => identity === name);
      if (caller === undefined || adds.some((field) => silent.has(field))) continue;
      for (const [field, value] of caller.fields) call.addField(field, value);
      for (const field of adds) silent.add(field);
    }
  }

  #judge(call: AdmittedCall, { callers, rejection }: Known): Failure | undefined {
    const isRequired = this.#required.size > 0;
    if (isRequired && !callers.some(({ identity }) => this.#required.has(identity)))
      return unauthenticated(this.#wanted, rejection);
    const forbidding = this.#deny.findIndex((rule) => rule(call, callers));
    if (forbidding !== -1) return denied(`deny[${forbidding}] holds`, callers);
    if (this.#allow === undefined || this.#allow.some((rule) => rule(call, callers))) return undefined;
    // With an identity, the client might have been allowed.
    if (callers.length === 0 && this.#identities.length > 0) return unauthenticated(this.#wanted, rejection);
    return denied('no rule of allow holds', callers);
  }

  /** The identities that help the client. */
  get #wanted(): readonly Identity[] {
    return this.#required.size === 0
      ? this.#identities
      : this.#identities.filter(({ name }) => this.#required.has(name));
  }

  #watchExpiry(call: AdmittedCall, callers: readonly Caller[]): void {
    if (this.#onExpiry === 'ignore' || callers.length === 0) return;
    const atMs = Math.min(...callers.map(({ expiresAtMs }) => expiresAtMs));
    if (atMs === Number.POSITIVE_INFINITY) return;
    call.reviewAt(atMs, () => this.#review(call, callers));
  }

  #review(call: AdmittedCall, before: readonly Caller[]): Failure | undefined {
    if (this.#onExpiry === 'end') return expired(before);
    const callers = this.#identities.map((identity) => identity.look(call)).filter(isCaller);
    if (this.#judge(call, { callers, rejection: undefined }) !== undefined) return expired(before);
    this.#watchExpiry(call, callers);
    return undefined;
  }
}

/** Waits for the verdicts about all credentials of one call. */
class Verifying implements PendingQuestion {
  readonly timeoutMs = VERIFY_WITHIN_MS;
  readonly #onKnown: (known: Known) => void;
  readonly #stops: (() => void)[] = [];
  readonly #verdicts: (Verdict | undefined)[];
  #missing = 0;
  #hasAskedAll = false;

  constructor(identities: readonly Identity[], call: AdmittedCall, onKnown: (known: Known) => void) {
    this.#onKnown = onKnown;
    this.#verdicts = identities.map(() => undefined);
    for (const [index, identity] of identities.entries()) {
      const look = identity.look(call);
      if (look !== 'later') {
        this.#verdicts[index] = look;
        continue;
      }
      this.#missing++;
      this.#stops.push(
        identity.verify(call, (verdict) => {
          this.#verdicts[index] = verdict;
          this.#missing--;
          this.#tellIfComplete();
        }),
      );
    }
    this.#hasAskedAll = true;
    this.#tellIfComplete();
  }

  #tellIfComplete(): void {
    if (this.#missing > 0 || !this.#hasAskedAll) return;
    const callers = this.#verdicts.filter(isCaller);
    const rejections = this.#verdicts.filter(isRejection);
    const rejection = rejections.find(({ isOfAnother }) => isOfAnother !== true) ?? rejections[0];
    this.#onKnown({ callers, rejection });
  }

  cancel(): void {
    for (const stop of this.#stops) stop();
  }
}

/**
 * On routes without `access`, removes the fields of identities from requests: services trust these wherever they come from.
 * @returns undefined if the route has no `access`, and no identity has such a field
 */
export function accessPolicy(
  route: RouteConfig | undefined,
  { identities }: { readonly identities: IdentitySet },
): Policy | undefined {
  const fields = new Set([...identities.values()].flatMap(({ adds }) => adds));
  const access = route?.access;
  if (access === undefined)
    return route === undefined || fields.size === 0 ? undefined : withoutFields(fields);
  const rules = [...(access.allow ?? []), ...access.deny];
  const names = new Set([...access.require, ...rules.flatMap(({ identity = [] }) => identity)]);
  const named = [...names].map((name) => {
    const identity = identities.get(name);
    // Without it nobody may pass.
    if (identity === undefined) throw new Error(`there is no identity ${name}`);
    return identity;
  });
  return new AccessPolicy(access, named, fields);
}

function withoutFields(fields: ReadonlySet<string>): Policy {
  return {
    key: 'access',
    decide(_kind, edit) {
      for (const name of fields) edit.remove(name);
      return undefined;
    },
  };
}
