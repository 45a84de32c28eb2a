// Policies compiled into the plan of a route: who speaks when, in which order, and that what throws lets nobody pass.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAULT } from '../../src/calls/failure.ts';
import type { Policy } from '../../src/calls/policy.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { CallKind } from '../../src/relay/call-kind.ts';
import { CallPlan, PLAIN } from '../../src/relay/call-plan.ts';
import { plansWithoutParts } from '../support/plans-without-parts.ts';
import {
  type Field,
  grpcList,
  headFor,
  PEER,
  policiedSnapshot,
  routeOf,
} from '../support/policied-snapshot.ts';
import { Admitting, Asking, DecidingByRole, Responding, Shouting } from '../support/policies.ts';
import { CLOSED } from '../support/refusing-policy.ts';

function headOf(policies: readonly Policy[], faults: unknown[], ...fields: readonly Field[]) {
  return headFor(grpcList(...fields), policiedSnapshot(policies, faults));
}

function sent(policies: readonly Policy[], ...fields: readonly Field[]): HeaderList {
  const faults: unknown[] = [];
  const { decision } = headOf(policies, faults, ...fields);
  assert.deepEqual(faults, []);
  assert.equal(decision.kind, 'forward');
  return decision.fields;
}

function unexpected(error: unknown): never {
  throw error;
}

test('a route without policies has the one plan that asks nobody', () => {
  const routes = [routeOf('/a.*'), routeOf('/b.*')];
  const plans = plansWithoutParts(routes, unexpected, [
    (route) => (route?.match.path === '/b.*' ? new Admitting() : undefined),
  ]);
  assert.equal(plans.of(routes[0]), PLAIN);
  assert.equal(plans.of(undefined), PLAIN);
  assert.notEqual(plans.of(routes[1]), PLAIN);
  assert.deepEqual(
    [PLAIN.admits, PLAIN.responds, PLAIN.asking.length, PLAIN.reads.length],
    [false, false, 0, 0],
  );
});

test('a route of another configuration has no plan, and not one that lets all calls pass', () => {
  const plans = plansWithoutParts([routeOf('/a.*')], unexpected, [() => new Admitting()]);
  assert.throws(() => plans.of(routeOf('/a.*')), /route route of \/a\.\* has no plan/);
});

test('a kind of policy is asked once for each route, and once for the requests that no route matches', () => {
  const asked: (string | undefined)[] = [];
  const plans = plansWithoutParts([routeOf('/a.*'), routeOf('/b.*')], unexpected, [
    (route) => {
      asked.push(route?.match.path);
      return undefined;
    },
  ]);
  plans.of(undefined);
  assert.deepEqual(asked, ['/a.*', '/b.*', undefined]);
});

function momentsOf(...policies: readonly Policy[]): unknown {
  const plan = new CallPlan(policies, unexpected);
  return [plan.admits, plan.asking.length, plan.responds, [...plan.reads], [...plan.adds]];
}

test('a plan knows the moments at which somebody speaks', () => {
  assert.deepEqual(momentsOf(new DecidingByRole()), [false, 0, false, ['x-role'], []]);
  assert.deepEqual(momentsOf(new Admitting()), [true, 1, false, [], ['x-admitted']]);
  assert.deepEqual(momentsOf(new Asking(), new Asking()), [true, 2, false, [], ['x-asked']]);
  assert.deepEqual(momentsOf(new Responding()), [false, 0, true, [], []]);
});

test('the first policy that does not let a call pass decides, and the others are not asked', () => {
  const later = new DecidingByRole();
  const { decision } = headOf([new DecidingByRole(), later], [], ['x-role', 'stranger']);
  assert.deepEqual(decision, { kind: 'refuse', failure: CLOSED });
  assert.equal(later.asked, 0);
});

test('what policies decide of header fields is what the service is sent', () => {
  const fields = sent(
    [new DecidingByRole()],
    ['x-role', 'friend'],
    ['x-role', 'second'],
    ['x-other', 'stays'],
  );
  assert.equal(fields.get('x-decided-role'), 'friend, second');
  assert.equal(fields.get('x-other'), 'stays');
  assert.equal(fields.names.includes('x-role'), false);
});

test('fields that policies may add to single calls are taken away where clients send them', () => {
  const claims: readonly Field[] = [
    ['x-admitted', 'by me'],
    ['x-admitted', 'twice'],
    ['x-asked', 'yes'],
  ];
  const names = sent([new Admitting(), new Asking()], ...claims, ['x-other', 'stays']).names;
  assert.deepEqual(
    names.filter((name) => name.startsWith('x-') && !name.startsWith('x-forwarded')),
    ['x-other'],
  );
  // Where no policy adds them they are metadata as any other.
  assert.equal(sent([new DecidingByRole()], ...claims).get('x-admitted'), 'by me');
});

test('no edit of one policy passes on what a client claims in the name of another', () => {
  const copying: Policy = {
    key: 'copying',
    reads: ['x-admitted'],
    decide(kind, edit) {
      edit.set('x-admitted', kind.header('x-admitted') ?? '');
      return undefined;
    },
  };
  for (const policies of [
    [copying, new Admitting()],
    [new Admitting(), copying],
  ])
    assert.equal(sent(policies, ['x-admitted', 'by me']).get('x-admitted'), undefined);
});

const THROWN = new Error('thrown by a policy');

function thrower(): never {
  throw THROWN;
}

test('a policy that throws where it decides refuses the calls of the kind, and is reported', () => {
  const faults: unknown[] = [];
  const { decision } = headOf([{ key: 'bad', decide: thrower }], faults);
  assert.deepEqual(decision, { kind: 'refuse', failure: FAULT });
  assert.deepEqual(faults, [THROWN]);
});

test('a policy that throws where it translates refuses the calls of the kind, and is reported', () => {
  const faults: unknown[] = [];
  const { decision, translation } = headOf([{ key: 'bad', translate: thrower }], faults);
  assert.deepEqual([decision, translation], [{ kind: 'refuse', failure: FAULT }, undefined]);
  assert.deepEqual(faults, [THROWN]);
});

test('a header field that a policy has not declared cannot be read where it decides or translates', () => {
  const moments: readonly Partial<Policy>[] = [
    { decide: (kind) => void kind.header('x-secret') },
    {
      translate(kind) {
        kind.header('x-secret');
        return undefined;
      },
    },
  ];
  for (const moment of moments) {
    const faults: unknown[] = [];
    const { decision } = headOf([{ key: 'bad', reads: ['x-other'], ...moment }], faults, ['x-secret', '1']);
    assert.deepEqual(decision, { kind: 'refuse', failure: FAULT });
    assert.match(String(faults[0]), /read the header field x-secret, which it has not declared/);
  }
});

test('an edit that no message may hold refuses the call', () => {
  const edits: readonly Field[] = [
    [':path', '/other'],
    ['content-length', '7'],
    ['x-a', 'two\r\nlines'],
    ['x-a', '\u010a'],
  ];
  for (const [name, value] of edits) {
    const faults: unknown[] = [];
    const policy: Policy = {
      key: 'bad',
      decide(_kind, edit) {
        edit.set(name, value);
        return undefined;
      },
    };
    assert.deepEqual(headOf([policy], faults).decision, { kind: 'refuse', failure: FAULT });
    assert.equal(faults.length, 1);
  }
});

test('names that no request can have are found when the policies are compiled', () => {
  for (const wrong of ['X-User', 'x user', ':path', '']) {
    assert.throws(
      () => new CallPlan([{ key: 'k', reads: [wrong] }], unexpected),
      /no name of a header field/,
    );
    assert.throws(() => new CallPlan([{ key: 'k', adds: [wrong] }], unexpected), /no name of a header field/);
  }
  assert.deepEqual(new CallPlan([{ key: 'k', reads: [':method'] }], unexpected).reads, [':method']);
  assert.throws(
    () => new CallPlan([{ key: 'k', adds: [':method'] }], unexpected),
    /no name of a header field/,
  );
  assert.throws(() => new CallPlan([{ key: 'k', adds: ['content-length'] }], unexpected), /writes it itself/);
});

test('the first policy that translates does, and a policy may decide beside it', () => {
  const second: Policy = { key: 'second', translate: () => assert.fail('asked though the first translates') };
  const snapshot = policiedSnapshot([new Shouting(), second]);
  const list = HeaderList.of([':method', 'POST'], [':authority', 'a'], [':path', '/shout/x']);
  const kind = new CallKind(list, PEER, snapshot);
  assert.deepEqual([kind.translation !== undefined, kind.isGrpc], [true, false]);
});

test('response policies edit one after the other; a list that they leave alone stays the same object', () => {
  const list = HeaderList.of([':status', '200'], ['x-service', 'v1'], ['x-other', '1']);
  const plan = new CallPlan([new Responding()], unexpected);
  const edited = plan.respond(list)?.applyTo(list);
  assert.deepEqual(edited?.names, [':status', 'x-other', 'x-proxy']);
  const idle: Policy = { key: 'idle', respond: () => undefined };
  assert.equal(new CallPlan([idle], unexpected).respond(list)?.applyTo(list), list);
});

test('a policy that throws where it responds is reported, and nothing of its edits is used', () => {
  const faults: unknown[] = [];
  const bad: Policy = { key: 'bad', respond: thrower };
  const plan = new CallPlan([new Responding(), bad], (error) => faults.push(error));
  assert.equal(plan.respond(HeaderList.of([':status', '200'])), undefined);
  assert.deepEqual(faults, [THROWN]);
});
