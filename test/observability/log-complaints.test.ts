// What standard error is told of a log that several processes write to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogComplaints } from '../../src/observability/log-complaints.ts';

function open(): { readonly complaints: LogComplaints; readonly told: readonly string[] } {
  const told: string[] = [];
  return { complaints: new LogComplaints((line) => told.push(line)), told };
}

test('an outage is told with the first process that notices it, and its end with the last', () => {
  const { complaints, told } = open();
  const [one, other] = [{}, {}];
  complaints.failed('ENOSPC', one);
  complaints.failed('ENOSPC', other);
  complaints.failed('ENOSPC', one);
  assert.equal(told.length, 1);
  complaints.succeeded(3, one);
  assert.equal(told.length, 1);
  complaints.succeeded(4, other);
  assert.equal(told[1], 'framegate: the log is written again; 7 records were dropped meanwhile.');
  complaints.succeeded(0, other);
  assert.equal(told.length, 2);
});

test('a process that ends while its writes fail is not waited for', () => {
  const { complaints, told } = open();
  const [one, other] = [{}, {}];
  complaints.failed('EIO', one);
  complaints.failed('EIO', other);
  complaints.forget(one);
  complaints.succeeded(2, other);
  assert.equal(told.at(-1), 'framegate: the log is written again; 2 records were dropped meanwhile.');
});

test('the end of the last process that failed is no end of the outage', () => {
  const { complaints, told } = open();
  const one = {};
  complaints.failed('EIO', one);
  complaints.forget(one);
  assert.equal(told.length, 1);
});

test('outages that follow each other within a minute are told as one', () => {
  const { complaints, told } = open();
  complaints.failed('ENOSPC');
  complaints.succeeded(0);
  complaints.failed('ENOSPC');
  complaints.succeeded(0);
  assert.equal(told.length, 2);
});
