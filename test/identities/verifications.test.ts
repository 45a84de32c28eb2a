// Turns of clients that have credentials verified, and the budget of those whose credentials are bad.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  OF_PASSWORDS,
  OF_SIGNATURES,
  type Ticket,
  Verifications,
} from '../../src/identities/verifications.ts';

function admitted(verifications: Verifications, client: string): Ticket {
  const ticket = verifications.admit(client);
  assert.ok(ticket !== undefined, `${client} is admitted`);
  return ticket;
}

/** Has `count` verifications wait for one client. @returns the names of those that have begun, in their order */
function queue(verifications: Verifications, client: string, count: number, begun: Ticket[]): void {
  for (let index = 0; index < count; index++) {
    const ticket = admitted(verifications, client);
    ticket.whenTurn(() => begun.push(ticket));
  }
}

test('clients take turns, so that one with many verifications does not hold up another', () => {
  const verifications = new Verifications();
  const begun: Ticket[] = [];
  queue(verifications, 'many', 60, begun);
  queue(verifications, 'one', 1, begun);
  assert.equal(begun.length, 4, 'four at a time');
  begun[0].end(false);
  begun[1].end(false);
  assert.deepEqual(
    begun.map(({ client }) => client),
    ['many', 'many', 'many', 'many', 'many', 'one'],
  );
});

test('a client has 64 verifications at a time, and gets one more with each that ends', () => {
  const verifications = new Verifications();
  const tickets = Array.from({ length: 64 }, () => admitted(verifications, 'one'));
  assert.equal(verifications.admit('one'), undefined);
  admitted(verifications, 'other');
  tickets[0].end(false);
  tickets[0].end(false);
  admitted(verifications, 'one');
  assert.equal(verifications.admit('one'), undefined);
});

test('all clients together have 4,096 verifications at a time', () => {
  const verifications = new Verifications();
  for (let index = 0; index < 4096; index++) admitted(verifications, `client ${index >> 5}`);
  assert.equal(verifications.admit('another'), undefined);
});

test('after 50 failures a client has no more verified, and 5 more after each second', () => {
  let nowMs = 0;
  const verifications = new Verifications(OF_SIGNATURES, () => nowMs);
  for (let failures = 0; failures < 50; failures++) admitted(verifications, 'bad').end(true);
  assert.equal(verifications.admit('bad'), undefined);
  admitted(verifications, 'good').end(false);
  nowMs += 1000;
  for (let failures = 0; failures < 5; failures++) admitted(verifications, 'bad').end(true);
  assert.equal(verifications.admit('bad'), undefined);
  nowMs += 20_000;
  for (let failures = 0; failures < 50; failures++) admitted(verifications, 'bad').end(true);
  assert.equal(verifications.admit('bad'), undefined);
});

test('what waits when the budget of its client is used up is not verified', () => {
  const verifications = new Verifications(OF_PASSWORDS, () => 0);
  const allowed: boolean[] = [];
  const tickets = Array.from({ length: 40 }, () => admitted(verifications, 'bad'));
  const begun: Ticket[] = [];
  for (const ticket of tickets)
    ticket.whenTurn((mayRun) => {
      allowed.push(mayRun);
      if (mayRun) begun.push(ticket);
      else ticket.end(false);
    });
  for (const ticket of begun) ticket.end(true);
  assert.equal(allowed.length, 40);
  assert.equal(begun.length, 11, 'ten failures, and the one that ran beside the tenth');
});

test('what is remembered of clients with failures is bounded', () => {
  const verifications = new Verifications(OF_SIGNATURES, () => 0);
  for (let index = 0; index < 10_100; index++) admitted(verifications, `client ${index}`).end(true);
  assert.equal(verifications.clients, 10_000);
});

test('a verification that is given up while it waits is not begun', () => {
  const verifications = new Verifications();
  const begun: Ticket[] = [];
  queue(verifications, 'many', 4, begun);
  const given = admitted(verifications, 'one');
  given.whenTurn(() => begun.push(given));
  given.end(false);
  for (const ticket of begun.slice()) ticket.end(false);
  assert.equal(begun.includes(given), false);
  queue(verifications, 'two', 4, begun);
  assert.equal(begun.length, 8, 'its place is free');
});
