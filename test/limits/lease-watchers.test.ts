// Who waits for tokens of a lease: what is kept for them ends with their wait. And what is given back beside a new lease.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../src/limits/lease.ts';
import type { LeaseTerms } from '../../src/limits/lease-terms.ts';
import { LeasedQuota, type StoreLink } from '../../src/limits/leased-quota.ts';

const TERMS: LeaseTerms = { store: 'fleet', limit: 'messages', ratePerSecond: 100, burst: 100 };

/** A store that is up, and that the test answers for. It shows who is to be told when it is lost. */
class OpenLink implements StoreLink {
  readonly isUp = true;
  readonly holders = 1;
  readonly outage = 0;
  readonly failure = 'local';
  readonly watchers = new Set<() => void>();
  readonly queued = new Set<Lease>();

  queue(_quota: LeasedQuota, lease: Lease): void {
    this.queued.add(lease);
  }

  watch(onChange: () => void): () => void {
    this.watchers.add(onChange);
    return () => this.watchers.delete(onChange);
  }

  nowMs(): number {
    return 1000;
  }

  /** All that was asked for is granted. */
  answer(quota: LeasedQuota): void {
    for (const lease of this.queued) {
      this.queued.delete(lease);
      const need = quota.asked(lease, 1);
      quota.answered(lease, need, { granted: [need.wanted], waitMs: [0], room: [50] }, 0);
    }
  }
}

test('a wait that was ended, or told of an answer, leaves nobody behind whom the store would have to tell', () => {
  const link = new OpenLink();
  const quota = new LeasedQuota(TERMS, link);
  let told = 0;
  for (let wait = 0; wait < 100; wait++) {
    const end = quota.watch('key', 1, () => told++);
    assert.equal(link.watchers.size, 1);
    end();
    // A line that closes ends what was told already.
    end();
    assert.equal(link.watchers.size, 0);
  }
  assert.equal(told, 0);
  for (let wait = 0; wait < 100; wait++) quota.watch('key', 1, () => told++);
  assert.equal(link.watchers.size, 100);
  quota.take('key', 1);
  link.answer(quota);
  assert.deepEqual([told, link.watchers.size], [100, 0]);
  quota.take('key', 40);
  link.answer(quota);
  assert.equal(told, 100, 'once');
});

test('a stream that waits in vain for tokens a thousand times is told once when the store is lost', () => {
  const link = new OpenLink();
  const quota = new LeasedQuota(TERMS, link);
  let told = 0;
  let end = quota.watch('key', 1, () => told++);
  for (let wait = 0; wait < 1000; wait++) {
    end();
    end = quota.watch('key', 1, () => told++);
  }
  for (const tell of link.watchers) tell();
  assert.deepEqual([told, link.watchers.size], [1, 0]);
});

test('what is given back after a new lease has come makes no lease larger than one is', () => {
  const link = new OpenLink();
  const quota = new LeasedQuota(TERMS, link);
  quota.take('key', 1);
  link.answer(quota);
  const lease = 5;
  assert.equal(quota.left('key'), 50 + lease);
  // Calls are made, a full lease has come by the time at which other limits refuse them.
  assert.equal(quota.take('key', 4), 0);
  link.answer(quota);
  assert.equal(quota.left('key'), 50 + lease);
  for (let call = 0; call < 4; call++) quota.giveBack('key', 1);
  assert.equal(quota.left('key'), 50 + lease);
});

test('what is given back takes nothing of the tokens that were gathered for a large message', () => {
  const link = new OpenLink();
  const quota = new LeasedQuota(TERMS, link);
  assert.ok(quota.take('key', 60) > 0);
  link.answer(quota);
  quota.giveBack('key', 1);
  assert.equal(quota.take('key', 60), 0);
});
