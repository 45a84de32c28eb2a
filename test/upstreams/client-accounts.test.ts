// What is kept of clients: as long as they are here, a while longer where they have something to answer for, and no more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientAccounts } from '../../src/upstreams/client-accounts.ts';
import { ClientShares } from '../../src/upstreams/client-shares.ts';

function shares(): ClientShares<never> {
  return new ClientShares<never>(1, () => Number.POSITIVE_INFINITY);
}

test('connections of one address have one account, and others have others', () => {
  const accounts = new ClientAccounts();
  const one = accounts.open('192.0.2.1');
  assert.equal(accounts.open('192.0.2.1'), one);
  assert.notEqual(accounts.open('192.0.2.2'), one);
  assert.equal(accounts.find('192.0.2.1'), one);
});

test('all clients without an address have one account, which is not limited', () => {
  const accounts = new ClientAccounts();
  const [unnamed, ...others] = [accounts.open(''), accounts.open(''), accounts.find('')];
  assert.deepEqual([unnamed.key, unnamed.speaksForMany], ['', true]);
  assert.ok(others.every((other) => other === unnamed));
  accounts.close(unnamed);
  accounts.close(unnamed);
  assert.equal(accounts.open(''), unnamed);
  assert.equal(accounts.size, 0);
  while (unnamed.references < 1000) accounts.open('');
  for (let count = 0; count < 1000; count++) assert.equal(unnamed.takeReset(0), true);
});

test('after ten thousand clients have come and gone there are few accounts', () => {
  const accounts = new ClientAccounts();
  accounts.open('192.0.2.1');
  for (let round = 0; round < 10_000; round++) {
    const account = accounts.open(`10.0.${round >> 8}.${round & 255}`);
    const holding = account.holdingIn(shares());
    holding.take();
    holding.give();
    accounts.close(account);
    accounts.close(account);
  }
  assert.ok(accounts.size <= 256, `${accounts.size} accounts`);
});

test('a client that connects for each call has the same account each time', () => {
  const accounts = new ClientAccounts();
  const first = accounts.open('192.0.2.1');
  accounts.close(first);
  assert.equal(accounts.open('192.0.2.1'), first);
  assert.equal(accounts.size, 1);
});

/** As many others come and go as make the accounts forget those that have nothing to remember. */
function othersComeAndGo(accounts: ClientAccounts): void {
  for (let round = 0; round < 1000; round++) accounts.close(accounts.open(`other ${round}`));
}

test('a client at fault is not forgiven by connecting again, also where its account was forgotten', () => {
  const accounts = new ClientAccounts();
  const upstream = shares();
  const account = accounts.open('192.0.2.1');
  const nowMs = performance.now();
  account.holdingIn(upstream).noteFault(nowMs, 100);
  accounts.close(account);
  assert.equal(accounts.open('192.0.2.1').holdingIn(upstream).isAtFault(nowMs), true);
  accounts.close(account);
  othersComeAndGo(accounts);
  const later = accounts.open('192.0.2.1');
  assert.notEqual(later, account);
  assert.equal(later.holdingIn(upstream).isAtFault(nowMs), true);
  assert.equal(later.holdingIn(upstream).account, later, 'its places count for the account it has now');
});

test('faults are forgotten when as much time has passed as they are held against a client', (t) => {
  const upstream = shares();
  const accounts = new ClientAccounts();
  const holding = accounts.open('192.0.2.1').holdingIn(upstream);
  holding.noteFault(0, 100);
  performance.now = () => 60_000;
  t.after(() => Reflect.deleteProperty(performance, 'now'));
  for (let round = 0; round < 1000; round++) accounts.find(`other ${round}`).holdingIn(upstream);
  assert.notEqual(upstream.holdingOf('192.0.2.1', undefined, false), holding);
});

test('places are given back to the account that they were taken for', () => {
  const upstream = shares();
  const accounts = new ClientAccounts();
  const account = accounts.find('192.0.2.1');
  const holding = account.holdingIn(upstream);
  holding.take();
  const other = new ClientAccounts().find('192.0.2.1');
  assert.equal(other.holdingIn(upstream), holding);
  holding.give();
  assert.deepEqual([account.held, other.held], [0, 0]);
});

test('a client that has used up its share does not get another by connecting again', () => {
  const accounts = new ClientAccounts();
  const account = accounts.open('192.0.2.1');
  while (account.takeReset(performance.now()));
  accounts.close(account);
  assert.equal(accounts.open('192.0.2.1'), account);
  assert.equal(account.takeReset(0), false);
});

test('calls that outlive their connection keep the account, as long as they last', () => {
  const accounts = new ClientAccounts();
  const account = accounts.open('192.0.2.1');
  const holding = account.holdingIn(shares());
  holding.take();
  accounts.close(account);
  assert.equal(accounts.find('192.0.2.1'), account);
  holding.give();
});

test('what is remembered of clients that are gone is bounded', () => {
  const accounts = new ClientAccounts();
  const nowMs = performance.now();
  for (let round = 0; round < 50_000; round++) {
    const account = accounts.open(`client ${round}`);
    account.takeReset(nowMs);
    accounts.close(account);
  }
  assert.ok(accounts.size < 10_000, `${accounts.size} accounts`);
});

test('clients that a trusted peer names are kept no longer than they are of use', () => {
  const accounts = new ClientAccounts();
  for (let round = 0; round < 50_000; round++) accounts.find(`client ${round}`);
  assert.ok(accounts.size <= 256, `${accounts.size} accounts`);
});

test('of each upstream an account has its own holding, and finds it again', () => {
  const account = new ClientAccounts().open('192.0.2.1');
  const [first, second, third] = [shares(), shares(), shares()];
  const holdings = [first, second, third].map((one) => account.holdingIn(one));
  assert.equal(new Set(holdings).size, 3);
  assert.deepEqual(
    [third, first, second].map((one) => account.holdingIn(one)),
    [holdings[2], holdings[0], holdings[1]],
  );
});
