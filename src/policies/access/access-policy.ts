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
  isUnjudged,
  type Rejection,
  type Verdict,
} from '../../identities/identity.ts';
import { couldNotJudge, denied, expired, unauthenticated, unverified } from './access-failures.ts';
import { type AccessRule, compilePossibility, compileRule, type Possibility } from './access-rules.ts';
import { Expiry, firstExpiryMs, type Permission } from './expiry.ts';
import { failingCriteria } from './failing-criteria.ts';

/** How long credentials may take to be verified, with new keys of their issuer. */
const VERIFY_WITHIN_MS = 5000;

/** What is known of a client: who it is, and why it is not somebody else. */
interface Known {
  readonly callers: readonly Caller[];
  readonly rejection: Rejection | undefined;
  /** Credentials that may be good or bad: they could not be verified. */
  readonly unjudged: readonly Unjudged[];
}

interface Unjudged {
  readonly identity: Identity;
  readonly rejection: Rejection;
}

const NOBODY: readonly Caller[] = [];
const ALL_JUDGED: readonly Unjudged[] = [];

export class AccessPolicy implements Policy, Permission {
  readonly key = 'access';
  readonly adds: readonly string[];
  readonly #config: AccessConfig;
  readonly #required: ReadonlySet<string>;
  /** All that the client may show to be, in the order in which they are asked. */
  readonly #identities: readonly Identity[];
  readonly #allow: readonly AccessRule[] | undefined;
  readonly #deny: readonly AccessRule[];
  readonly #couldAllow: readonly Possibility[];
  readonly #couldDeny: readonly Possibility[];
  readonly #onExpiry: AccessConfig['onExpiry'];
  /** Whether two of them may add a field of the same name. */
  readonly #sharesFields: boolean;
  /** Header fields of identities that this route does not ask for. */
  readonly #foreign: readonly string[];

  /** @param fields the names of the header fields of all identities, in lower case */
  constructor(config: AccessConfig, identities: readonly Identity[], fields: ReadonlySet<string>) {
    this.#config = config;
    this.#required = new Set(config.require);
    this.#identities = identities;
    const adds = identities.flatMap((identity) => identity.adds);
    this.adds = [...new Set(adds)];
    this.#sharesFields = this.adds.length < adds.length;
    this.#foreign = [...fields].filter((name) => !this.adds.includes(name));
    const { require } = config;
    this.#allow = config.allow?.map((rule) => compileRule(rule, require));
    this.#deny = config.deny.map((rule) => compileRule(rule, require, true));
    this.#couldAllow = (config.allow ?? []).map((rule) => compilePossibility(rule, require));
    this.#couldDeny = config.deny.map((rule) => compilePossibility(rule, require, true));
    this.#onExpiry = config.onExpiry;
  }

  decide(_kind: RequestKind, edit: HeaderEdit): undefined {
    for (const name of this.#foreign) edit.remove(name);
  }

  ask(call: AdmittedCall, questioner: Questioner): PendingQuestion | undefined {
    let callers: readonly Caller[] = NOBODY;
    for (const identity of this.#identities) {
      const look = identity.look(call);
      if (isCaller(look)) callers = callers.length === 0 ? [look] : [...callers, look];
      else if (look !== undefined) return this.#verify(call, questioner);
    }
    this.#answer(call, { callers, rejection: undefined, unjudged: ALL_JUDGED }, questioner);
    return undefined;
  }

  #verify(call: AdmittedCall, questioner: Questioner): PendingQuestion {
    return new Verifying(this.#identities, call, (known) => this.#answer(call, known, questioner));
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
    if (!this.#sharesFields) {
      for (const { fields } of callers) call.addFields(fields);
      return;
    }
    const silent = new Set<string>();
    for (const { name, adds } of this.#identities) {
      const caller = callers.find(({ identity }) => identity === name);
      if (caller === undefined || adds.some((field) => silent.has(field))) continue;
      call.addFields(caller.fields);
      for (const field of adds) silent.add(field);
    }
  }

  #judge(call: AdmittedCall, { callers, rejection, unjudged }: Known): Failure | undefined {
    if (!this.#hasRequired(callers)) return unauthenticated(this.#wanted, rejection, call);
    const forbidding = firstThatHolds(this.#deny, call, callers);
    if (forbidding !== -1) return denied(`deny[${forbidding}] holds`, callers, call);
    const isAllowed = this.#allow === undefined || firstThatHolds(this.#allow, call, callers) !== -1;
    for (const { identity, rejection: open } of unjudged)
      if (this.#dependsOn(identity, call, isAllowed)) return couldNotJudge(open);
    if (isAllowed) return undefined;
    // With an identity, the client might have been allowed.
    if (callers.length === 0 && this.#identities.length > 0)
      return unauthenticated(this.#wanted, rejection, call);
    return denied(`no rule of allow holds (${failingCriteria(this.#config, call, callers)})`, callers, call);
  }

  #hasRequired(callers: readonly Caller[]): boolean {
    if (this.#required.size === 0) return true;
    for (const { identity } of callers) if (this.#required.has(identity)) return true;
    return false;
  }

  /** Whether the call would perhaps be judged otherwise, or the service be told something else, if the client had this identity. */
  #dependsOn({ name, adds }: Identity, call: AdmittedCall, isAllowed: boolean): boolean {
    if (adds.length > 0 || this.#couldDeny.some((couldHold) => couldHold(call, name))) return true;
    return !isAllowed && this.#couldAllow.some((couldHold) => couldHold(call, name));
  }

  /** The identities that help the client. */
  get #wanted(): readonly Identity[] {
    return this.#required.size === 0
      ? this.#identities
      : this.#identities.filter(({ name }) => this.#required.has(name));
  }

  #watchExpiry(call: AdmittedCall, callers: readonly Caller[]): void {
    if (this.#onExpiry === 'ignore' || firstExpiryMs(callers) === Number.POSITIVE_INFINITY) return;
    call.reviewLater(new Expiry(call, callers, this));
  }

  expired(call: AdmittedCall, { callers: before, atEpochMs: atMs }: Expiry): Failure | undefined {
    if (this.#onExpiry === 'end') return expired(before);
    const over = before.filter(({ expiresAtMs }) => expiresAtMs <= atMs).map(({ identity }) => identity);
    const others = this.#identities.filter(({ name }) => !over.includes(name));
    let isOver = false;
    let isLater = false;
    let refusal: Failure | undefined;
    const verifying = new Verifying(others, call, (known) => {
      if (isOver) return;
      isOver = true;
      if (this.#judge(call, known) === undefined) this.#watchExpiry(call, known.callers);
      else refusal = expired(before);
      if (isLater && refusal !== undefined) call.reviewLater({ atEpochMs: 0, review: () => refusal });
    });
    if (isOver) return refusal;
    isLater = true;
    // The stream goes on until the other credentials are verified, which were forgotten since it began.
    const isLate = (): Failure | undefined => {
      if (isOver) return undefined;
      isOver = true;
      verifying.cancel();
      return expired(before);
    };
    // A call that has ended must not keep the place of its client among those that wait.
    call.reviewLater({ atEpochMs: atMs + VERIFY_WITHIN_MS, review: isLate, dropped: () => void isLate() });
    return undefined;
  }
}

/** @returns the index of the first rule that holds, or -1 */
function firstThatHolds(
  rules: readonly AccessRule[],
  call: AdmittedCall,
  callers: readonly Caller[],
): number {
  for (let index = 0; index < rules.length; index++) if (rules[index](call, callers)) return index;
  return -1;
}

/** Waits for the verdicts about all credentials of one call. */
class Verifying implements PendingQuestion {
  readonly timeoutMs = VERIFY_WITHIN_MS;
  readonly #identities: readonly Identity[];
  readonly #onKnown: (known: Known) => void;
  readonly #stops: (() => void)[] = [];
  readonly #verdicts: (Verdict | undefined)[];
  readonly #isAsked: boolean[];
  #missing = 0;
  #hasAskedAll = false;

  constructor(identities: readonly Identity[], call: AdmittedCall, onKnown: (known: Known) => void) {
    this.#onKnown = onKnown;
    this.#identities = identities;
    this.#verdicts = identities.map(() => undefined);
    this.#isAsked = identities.map(() => false);
    for (const [index, identity] of identities.entries()) {
      const look = identity.look(call);
      if (look !== 'later') {
        this.#verdicts[index] = look;
        continue;
      }
      this.#missing++;
      this.#isAsked[index] = true;
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
    const unjudged = this.#identities.flatMap((identity, index) => {
      const rejection = this.#verdicts[index];
      if (!isRejection(rejection) || !isUnjudged(rejection)) return [];
      // What was found good for one identity is no credential of another one.
      return rejection.isOfAnother === true && callers.length > 0 ? [] : [{ identity, rejection }];
    });
    this.#onKnown({ callers, unjudged, rejection: mostTelling(this.#verdicts.filter(isRejection)) });
  }

  timeOver(): Failure {
    this.cancel();
    return unverified(
      this.#identities.filter((_, index) => this.#verdicts[index] === undefined && this.#isAsked[index]),
      this.timeoutMs,
    );
  }

  cancel(): void {
    for (const stop of this.#stops) stop();
  }
}

/** Credentials that could not be judged may be good, and those for another identity say nothing. */
function mostTelling(rejections: readonly Rejection[]): Rejection | undefined {
  const own = rejections.filter(({ isOfAnother }) => isOfAnother !== true);
  return own.find(isUnjudged) ?? own.at(0) ?? rejections.find(isUnjudged) ?? rejections.at(0);
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
