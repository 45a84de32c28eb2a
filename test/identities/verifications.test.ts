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
  assert.ok(typeof ticket !== 'string', `${client} is admitted`);
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
  assert.equal(verifications.admit('one'), 'client');
  admitted(verifications, 'other');
  tickets[0].end(false);
  tickets[0].end(false);
  admitted(verifications, 'one');
  assert.equal(verifications.admit('one'), 'client');
});

test('all clients together have 4,096 verifications at a time', () => {
  const verifications = new Verifications();
  for (let index = 0; index < 4096; index++) admitted(verifications, `client ${index >> 5}`);
  assert.equal(verifications.admit('another'), 'all');
});

test('after 50 failures a client has no more verified, and 5 more after each second', () => {
  let nowMs = 0;
  const verifications = new Verifications(OF_SIGNATURES, () => nowMs);
  for (let failures = 0; failures < 50; failures++) admitted(verifications, 'bad').end(true);
  assert.equal(verifications.admit('bad'), 'failures');
  admitted(verifications, 'good').end(false);
  nowMs += 1000;
  for (let failures = 0; failures < 5; failures++) admitted(verifications, 'bad').end(true);
  assert.equal(verifications.admit('bad'), 'failures');
  nowMs += 20_000;
  for (let failures = 0; failures < 50; failures++) admitted(verifications, 'bad').end(true);
  assert.equal(verifications.admit('bad'), 'failures');
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

for (const [kind, terms] of [
  ['signatures', OF_SIGNATURES],
  ['passwords', OF_PASSWORDS],
] as const) {
  test(`of ${kind}, all that waits for clients without a budget ends in one turn, and gives its place back`, () => {
    const verifications = new Verifications(terms, () => 0);
    const running: Ticket[] = [];
    let refused = 0;
    for (let client = 0; client < 64; client++) {
      for (let index = 0; index < 64; index++) {
        const ticket = admitted(verifications, `client ${client}`);
        ticket.whenTurn((mayRun) => {
          if (mayRun) running.push(ticket);
          else {
            refused++;
            ticket.end(false);
          }
        });
      }
    }
    for (const ticket of running) ticket.end(true);
    assert.equal(running.length + refused, 4096);
    assert.equal(verifications.tickets, 0);
    const begun: Ticket[] = [];
    queue(verifications, 'another', 10, begun);
    assert.equal(begun.length, terms.running, 'no place is lost');
  });
}

test('the end of one verification starts the next, however many end in one turn', () => {
  const verifications = new Verifications();
  let ended = 0;
  let most = 0;
  let depth = 0;
  for (let client = 0; client < 64; client++) {
    for (let index = 0; index < 64; index++) {
      const ticket = admitted(verifications, `client ${client}`);
      ticket.whenTurn(() => {
        most = Math.max(most, ++depth);
        ended++;
        ticket.end(false);
        depth--;
      });
    }
  }
  assert.deepEqual([ended, most, verifications.tickets], [4096, 1, 0]);
});

test('a verification that throws gives its place back, and the others go on', () => {
  const verifications = new Verifications();
  const first: Ticket[] = [];
  queue(verifications, 'first', 4, first);
  for (let index = 0; index < 20; index++) {
    admitted(verifications, 'faulty').whenTurn(() => {
      throw new Error('a fault');
    });
  }
  const begun: Ticket[] = [];
  queue(verifications, 'other', 4, begun);
  assert.throws(() => first[0].end(false), /a fault/);
  for (const ticket of first) endAnyway(ticket);
  assert.equal(begun.length, 4);
  for (const ticket of begun) endAnyway(ticket);
  assert.equal(verifications.tickets, 0);
});

test('one of many clients without an address uses up neither the budget nor all places of the others', () => {
  const verifications = new Verifications(OF_SIGNATURES, () => 0);
  for (let index = 0; index < 1000; index++) admitted(verifications, '').end(true);
  assert.equal(verifications.clients, 0);
  for (let index = 0; index < 2048; index++) admitted(verifications, '');
  assert.equal(verifications.admit(''), 'client');
  admitted(verifications, 'with an address');
});

function endAnyway(ticket: Ticket): void {
  try {
    ticket.end(false);
  } catch {
    // The fault of another one that was started meanwhile.
  }
}
