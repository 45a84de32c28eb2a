// A verification that several calls wait for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flights } from '../../src/identities/flight.ts';
import { limited } from '../../src/identities/identity.ts';
import { Verifications } from '../../src/identities/verifications.ts';

const VERDICT = limited('all');

test('a verification that has begun goes on when nobody waits for it any more, and whoever comes then shares it', () => {
  const verifications = new Verifications(undefined, () => 0);
  const flights = new Flights(assert.ifError);
  const flight = flights.begin('text', 'client');
  let runs = 0;
  flight.whenTurn(verifications, () => void runs++);
  flight.add(() => assert.fail('it has stopped listening'))();
  assert.deepEqual([runs, verifications.tickets, flights.find('text')], [1, 1, flight]);
  const told: unknown[] = [];
  flight.add((verdict) => void told.push(verdict));
  flight.end(VERDICT, false);
  assert.deepEqual([told, verifications.tickets, flights.find('text')], [[VERDICT], 0, undefined]);
});

test('a verification that waits for its turn ends when nobody waits for it any more', () => {
  const verifications = new Verifications({ running: 0, failures: 1, failuresPerSecond: 1 }, () => 0);
  const flights = new Flights(assert.ifError);
  const flight = flights.begin('text', 'client');
  flight.whenTurn(verifications, () => assert.fail('it has no turn'));
  const [first, second] = [flight.add(() => undefined), flight.add(() => undefined)];
  first();
  assert.equal(verifications.tickets, 1);
  second();
  assert.deepEqual([verifications.tickets, flights.find('text')], [0, undefined]);
});
