// How long a connection remembers kinds of calls, and how often policies are asked because of that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { CallKind } from '../../src/relay/call-kind.ts';
import { KindMemo } from '../../src/relay/kind-memo.ts';
import { RequestHead } from '../../src/relay/request-head.ts';
import { type Field, grpcList, PEER, policiedSnapshot } from '../support/policied-snapshot.ts';
import { Admitting, DecidingByRole } from '../support/policies.ts';

class Remembering {
  readonly policy = new DecidingByRole();
  readonly snapshot = policiedSnapshot([this.policy, new Admitting()]);
  readonly memo = new KindMemo();

  kindOf(...fields: readonly Field[]): CallKind {
    return this.memo.kindOf(grpcList(...fields), PEER, this.snapshot);
  }
}

test('calls that differ only in fields that nobody reads are decided once', () => {
  const { memo, policy, snapshot } = new Remembering();
  const kinds = new Set<CallKind>();
  for (let count = 0; count < 100; count++) {
    const list = grpcList(['traceparent', `00-${count}`], ['authorization', `Bearer ${count}`]);
    kinds.add(memo.kindOf(list, PEER, snapshot));
  }
  assert.deepEqual([kinds.size, policy.asked], [1, 1]);
});

test('calls that differ in a field that a policy reads are decided apart', () => {
  const met = new Remembering();
  const [friend, stranger] = [met.kindOf(['x-role', 'friend']), met.kindOf(['x-role', 'stranger'])];
  assert.notEqual(friend, stranger);
  assert.equal(stranger.local?.kind, 'refuse');
  assert.equal(friend.local, undefined);
  assert.equal(met.kindOf(['x-role', 'stranger']), stranger);
  assert.equal(met.kindOf(['x-role', 'friend']), friend);
  assert.equal(met.policy.asked, 2);
});

test('a field that a policy may add is taken from each call of a kind, whichever call of it came first', () => {
  const { memo, policy, snapshot } = new Remembering();
  const lists = [
    grpcList(),
    grpcList(['x-admitted', 'by me']),
    grpcList(['x-other', 'stays'], ['x-admitted', 'me'], ['x-admitted', 'me too']),
  ];
  const sent = lists.map((list) => {
    const { decision } = new RequestHead(list, memo.kindOf(list, PEER, snapshot));
    assert.equal(decision.kind, 'forward');
    return decision.fields.names;
  });
  assert.equal(policy.asked, 1, 'they are of one kind');
  assert.deepEqual(
    sent.map((names) => [names.includes('x-admitted'), names.includes('x-other')]),
    [
      [false, false],
      [false, false],
      [false, true],
    ],
  );
});

test('as many kinds are kept as a client calls by turns, and the one that was met first makes room', () => {
  const met = new Remembering();
  const kinds = Array.from({ length: 16 }, (_, role) => met.kindOf(['x-role', String(role)]));
  for (let round = 0; round < 3; round++)
    kinds.forEach((kind, role) => assert.equal(met.kindOf(['x-role', String(role)]), kind));
  assert.equal(met.policy.asked, 16);
  met.kindOf(['x-role', '16']);
  assert.notEqual(met.kindOf(['x-role', '0']), kinds[0]);
  assert.equal(met.policy.asked, 18);
  // A client that makes each call of another kind is asked about each time, and nothing grows.
  for (let role = 17; role < 1000; role++) met.kindOf(['x-role', String(role)]);
  assert.equal(met.policy.asked, 18 + 983);
  const last = met.kindOf(['x-role', '999']);
  assert.equal(met.kindOf(['x-role', '999']), last);
  assert.equal(met.memo.decided, 18 + 983);
});

test('what clients make kinds of is bounded: large requests are decided each by itself, and few are kept', () => {
  const met = new Remembering();
  const large: Field = ['x-large', 'v'.repeat(4096)];
  assert.notEqual(met.kindOf(large), met.kindOf(large));
  const kindOf = (role: number): CallKind => met.kindOf(['x-role', `${role}`.padEnd(3500, '-')]);
  const first = kindOf(0);
  for (let role = 1; role < 4; role++) kindOf(role);
  assert.equal(kindOf(0), first);
  kindOf(4);
  assert.notEqual(kindOf(0), first);
});

test('kinds of an older configuration go with the first of a newer one', () => {
  const { memo, snapshot } = new Remembering();
  const other = new Remembering();
  const before = memo.kindOf(grpcList(), PEER, snapshot);
  memo.kindOf(grpcList(), PEER, other.snapshot);
  assert.notEqual(memo.kindOf(grpcList(), PEER, snapshot), before);
});

test('another configuration is asked anew', () => {
  const { memo, snapshot } = new Remembering();
  const other = new Remembering();
  const before = memo.kindOf(grpcList(), PEER, snapshot);
  const after = memo.kindOf(grpcList(), PEER, other.snapshot);
  assert.notEqual(after, before);
  assert.deepEqual([after.snapshot, other.policy.asked], [other.snapshot, 1]);
});

test('what was cleared is decided again', () => {
  const met = new Remembering();
  const before = met.kindOf();
  met.memo.clear();
  assert.notEqual(met.kindOf(), before);
  assert.equal(met.policy.asked, 2);
});

test('a client whose authority is none is told so in the words of its own library', () => {
  const { memo, snapshot } = new Remembering();
  const messageFor = (userAgent: string): string => {
    const list = HeaderList.of(
      [':method', 'POST'],
      [':path', '/a.B/C'],
      [':authority', 'no host'],
      ['user-agent', userAgent],
    );
    const { local } = memo.kindOf(list, PEER, snapshot);
    assert.ok(local?.kind === 'refuse');
    return local.failure.message;
  };
  assert.notEqual(messageFor('grpc-go/1.70.0'), messageFor('grpc-python/1.70.0'));
});

test('requests that are of no kind are decided each by itself, and push none out', () => {
  const met = new Remembering();
  const kept = met.kindOf();
  for (let count = 0; count < 10; count++) met.kindOf(['host', 'example.test']);
  assert.equal(met.policy.asked, 11);
  assert.equal(met.kindOf(), kept);
});
