import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExchangeSubject } from '../../../src/calls/exchange-record.ts';
import type { Failure } from '../../../src/calls/failure.ts';
import type { InjectedFault } from '../../../src/calls/injected-fault.ts';
import type { AdmittedCall, PendingQuestion, Questioner } from '../../../src/calls/policy.ts';
import type { RateLimitConfig } from '../../../src/config/limits-config.ts';
import type { Quota } from '../../../src/limits/quota.ts';
import { type LimitsPolicy, limitsPolicy } from '../../../src/policies/limits/limits-policy.ts';
import { eventually } from '../../support/eventually.ts';
import { routeConfig } from '../../support/route-config.ts';
import { standIn } from '../../support/stand-in.ts';

const LIMIT: RateLimitConfig = {
  kind: 'rate',
  count: 'calls',
  direction: 'both',
  rate: { count: 100, periodMs: 60_000 },
  burst: 100,
  by: [{ kind: 'client' }],
  exceed: 'refuse',
};

/** A limit whose answers the test chooses. */
class ScriptedQuota implements Quota {
  readonly burst = 100;
  readonly learnWithinMs: number;
  waitMs = 0;
  isKnown = true;
  store: string | undefined = undefined;
  taken = 0;
  asked = 0;
  onKnown: (() => void) | undefined = undefined;
  hasStopped = false;

  /** By default the time is never over in a test. */
  constructor(learnWithinMs = 1e9) {
    this.learnWithinMs = learnWithinMs;
  }

  take(): number {
    this.asked++;
    if (!this.isKnown) return 20;
    if (this.waitMs === 0) this.taken++;
    return this.waitMs;
  }

  giveBack(): void {
    this.taken--;
  }

  left(): number {
    return 7;
  }

  knows(): boolean {
    return this.isKnown;
  }

  watch(): () => void {
    assert.fail('calls do not wait for long');
  }

  closedBy(): string | undefined {
    return this.store;
  }

  learn(_key: string, _count: number, onKnown: () => void): () => void {
    this.onKnown = () => {
      this.onKnown = undefined;
      onKnown();
    };
    return () => {
      this.hasStopped = true;
      this.onKnown = undefined;
    };
  }
}

class Answer implements Questioner {
  said: Failure | 'admitted' | undefined = undefined;

  admit(): void {
    this.said = 'admitted';
  }

  refuse(failure: Failure): void {
    this.said = failure;
  }
}

const BY_FIELD: RateLimitConfig = { ...LIMIT, by: [{ kind: 'header', name: 'x-tenant' }] };

const call = standIn<AdmittedCall>({
  subject: standIn<ExchangeSubject>({ clientKey: '192.0.2.1' }),
  header: () => undefined,
});

interface Scene {
  readonly policy: LimitsPolicy;
  readonly quotas: readonly ScriptedQuota[];
  readonly refused: string[];
  /** What limits would have done that are only tried: what the record says, and what was counted. */
  readonly tried: string[];
  readonly ask: () => { readonly answer: Answer; readonly pending: PendingQuestion | undefined };
}

/** @param dryRuns the positions of the limits that are only tried */
function scene(
  given: number | readonly ScriptedQuota[],
  bys: readonly RateLimitConfig['by'][] = [],
  dryRuns: readonly number[] = [],
): Scene {
  const quotas = typeof given === 'number' ? Array.from({ length: given }, () => new ScriptedQuota()) : given;
  const refused: string[] = [];
  const tried: string[] = [];
  const noting = Object.assign(standIn<AdmittedCall>({}), call, {
    noteFault: ({ kind, text }: InjectedFault) => tried.push(`${kind} ${text}`),
  });
  const left = [...quotas];
  const policy = limitsPolicy(
    routeConfig({
      limits: quotas.map((_, index) => ({
        ...LIMIT,
        by: bys[index] ?? LIMIT.by,
        ...(dryRuns.includes(index) && { dryRun: true }),
      })),
    }),
    {
      quotas: {
        quotaOf: () => left.shift() ?? assert.fail('more limits than there are'),
        refused: ({ index }: { readonly index: number }) => refused.push(`limits[${index}]`),
        tried: (_route, limit) => tried.push(limit),
      },
    },
  );
  assert.ok(policy !== undefined);
  return {
    policy,
    quotas,
    refused,
    tried,
    ask: () => {
      const answer = new Answer();
      return { answer, pending: policy.ask(noting, answer) };
    },
  };
}

test('a call that every limit has something left for passes at once', () => {
  const { quotas, ask } = scene(3);
  const { answer, pending } = ask();
  assert.deepEqual([answer.said, pending], ['admitted', undefined]);
  assert.deepEqual(
    quotas.map(({ taken }) => taken),
    [1, 1, 1],
  );
});

test('each limit is looked at once for a call, and the key of each is made once', () => {
  const quotas = [new ScriptedQuota(), new ScriptedQuota()];
  const { policy } = scene(
    quotas,
    quotas.map(() => BY_FIELD.by),
  );
  let reads = 0;
  const counted = standIn<AdmittedCall>({
    subject: standIn<ExchangeSubject>({ clientKey: '192.0.2.1' }),
    header: () => {
      reads++;
      return 'blue';
    },
  });
  policy.ask(counted, new Answer());
  assert.deepEqual([quotas[0].asked, quotas[1].asked, reads], [1, 1, 2]);
  quotas[1].waitMs = 5;
  policy.ask(counted, new Answer());
  assert.deepEqual([quotas[0].taken, reads], [1, 4], 'what is given back is given back to the same key');
});

test('a call that a limit refuses takes nothing of any, and is told the limit and the time', () => {
  const { quotas, refused, ask } = scene(3);
  quotas[1].waitMs = 1234;
  const { said } = ask().answer;
  assert.ok(said !== undefined && said !== 'admitted');
  assert.deepEqual(
    quotas.map(({ taken }) => taken),
    [0, 0, 0],
  );
  assert.deepEqual(refused, ['limits[1]']);
  assert.equal(said.token, 'call_limit');
  assert.equal(said.message, 'Too many calls (100 each minute may be made); call again in 1234 ms.');
  assert.equal(said.retryAfterMs, 1234);
  assert.deepEqual(said.fields, [
    ['ratelimit-policy', '"calls-2";q=100;w=60'],
    ['ratelimit', '"calls-2";r=7;t=2'],
  ]);
});

test('a call is refused with UNAVAILABLE where the store that counts does not answer, and the record names the store', () => {
  const { quotas, ask } = scene(1);
  quotas[0].waitMs = 1000;
  quotas[0].store = 'fleet';
  const { said } = ask().answer;
  assert.ok(said !== undefined && said !== 'admitted');
  assert.deepEqual(
    [said.token, said.grpcStatus, said.httpStatus, said.retryAfterMs],
    ['limit_store_unavailable', 14, 503, 1000],
  );
  assert.equal(said.message, 'Calls cannot be counted now, so no more are allowed; call again in 1000 ms.');
  assert.equal(
    said.onlyForLog,
    ' Store fleet does not answer, and its failure is closed. The limit is calls 100/m by client, limits[0] of the route.',
  );
});

test('a wait that is no whole number is rounded up in all that the client is told', () => {
  const { quotas, ask } = scene(1);
  quotas[0].waitMs = 276.738_543_999_999_8;
  const { said } = ask().answer;
  assert.ok(said !== undefined && said !== 'admitted');
  assert.match(said.message, /; call again in 277 ms\.$/);
  assert.equal(said.retryAfterMs, 277);
});

test('a limit by a header field neither counts, refuses nor delays calls without the field; others do', () => {
  const { quotas, ask } = scene(2, [BY_FIELD.by]);
  quotas[0].isKnown = false;
  quotas[0].waitMs = 1000;
  assert.equal(ask().answer.said, 'admitted');
  quotas[1].waitMs = 1000;
  assert.notEqual(ask().answer.said, 'admitted');
  assert.deepEqual([quotas[0].taken, quotas[1].taken], [0, 1]);
});

test('a call waits until enough is known of every limit, and is judged then', () => {
  const { quotas, ask } = scene(2);
  const [first, second] = quotas;
  first.isKnown = false;
  second.isKnown = false;
  const { answer, pending } = ask();
  assert.ok(pending !== undefined && Number.isFinite(pending.timeoutMs));
  first.isKnown = true;
  first.onKnown?.();
  assert.equal(answer.said, undefined, 'nothing is known of the second yet');
  second.isKnown = true;
  second.onKnown?.();
  assert.equal(answer.said, 'admitted');
  assert.deepEqual([first.taken, second.taken], [1, 1]);
});

test('a call whose answers are never enough is judged by what is known when its time is over', async () => {
  const quotas = [new ScriptedQuota(5)];
  const { ask } = scene(quotas);
  const [quota] = quotas;
  quota.isKnown = false;
  const { answer } = ask();
  let answers = 0;
  await eventually('the call is judged', async () => {
    quota.onKnown?.();
    answers++;
    return answer.said !== undefined;
  });
  assert.ok(answer.said !== undefined && answer.said !== 'admitted');
  assert.ok(answers > 0);
  assert.equal(quota.taken, 0);
});

test('a call whose answer never comes is judged when its time is over, also after a first answer', async () => {
  const quotas = [new ScriptedQuota(5)];
  const { ask } = scene(quotas);
  quotas[0].isKnown = false;
  const { answer } = ask();
  quotas[0].onKnown?.();
  assert.equal(answer.said, undefined);
  await eventually('the call is judged', async () => answer.said !== undefined);
  assert.equal(quotas[0].taken, 0);
});

test('a call that ends while it waits takes nothing', () => {
  const { quotas, ask } = scene(1);
  quotas[0].isKnown = false;
  const { pending } = ask();
  pending?.cancel();
  assert.deepEqual([quotas[0].hasStopped, quotas[0].taken], [true, 0]);
});

test('a call beyond a limit with dryRun passes, takes nothing of it, and is told once; the other limits hold', () => {
  const { quotas, refused, tried, ask } = scene(3, [], [1]);
  assert.equal(ask().answer.said, 'admitted');
  assert.deepEqual([tried, quotas[1].taken], [[], 1]);
  quotas[1].waitMs = 1234;
  assert.equal(ask().answer.said, 'admitted');
  const told = ['dryRun would be refused by limits[1] (calls 100/m by client)', 'calls 100/m by client'];
  assert.deepEqual([tried.splice(0), refused], [told, []]);
  assert.deepEqual(
    quotas.map(({ taken }) => taken),
    [2, 1, 2],
  );
  quotas[2].waitMs = 5;
  const { said } = ask().answer;
  assert.ok(said !== undefined && said !== 'admitted');
  assert.deepEqual([tried.splice(0), refused], [told, ['limits[2]']]);
  assert.deepEqual(
    quotas.map(({ taken }) => taken),
    [2, 1, 2],
    'what it has taken is given back, and no more',
  );
  quotas[0].waitMs = 5;
  ask();
  assert.deepEqual(tried, [], 'a limit that was not looked at has no say');
});

test('a call waits for no limit with dryRun, and is not told where its process knows too little', () => {
  const { quotas, tried, ask } = scene(2, [], [0]);
  quotas[0].isKnown = false;
  const { answer, pending } = ask();
  assert.deepEqual([answer.said, pending, tried], ['admitted', undefined, []]);
  // A limit that holds is waited for, and the other is judged again then.
  quotas[1].isKnown = false;
  const later = ask();
  assert.deepEqual([later.answer.said, tried], [undefined, []]);
  quotas[0].isKnown = true;
  quotas[0].waitMs = 5;
  quotas[1].isKnown = true;
  quotas[1].onKnown?.();
  assert.equal(later.answer.said, 'admitted');
  assert.equal(tried.length, 2);
});

test('where the store of a limit with dryRun does not answer, and is closed, calls pass and are told', () => {
  const { quotas, tried, refused, ask } = scene(1, [], [0]);
  quotas[0].waitMs = 1000;
  quotas[0].store = 'fleet';
  assert.deepEqual([ask().answer.said, tried.length, refused], ['admitted', 2, []]);
});

test('a route whose limits count no calls has no such policy', () => {
  const quotas = { quotaOf: () => new ScriptedQuota(), refused: () => undefined, tried: () => undefined };
  assert.equal(limitsPolicy(undefined, { quotas }), undefined);
  assert.equal(limitsPolicy(routeConfig(), { quotas }), undefined);
  assert.equal(
    limitsPolicy(routeConfig({ limits: [{ ...LIMIT, count: 'messages' }] }), { quotas }),
    undefined,
  );
});
