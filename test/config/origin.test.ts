// Origins as browsers send them, and what is wrong with those that are none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOrigin } from '../../src/config/origin.ts';

for (const [text, origin] of [
  ['https://app.example.com', 'https://app.example.com'],
  ['HTTPS://App.Example.com:443/', 'https://app.example.com'],
  ['http://localhost:8080', 'http://localhost:8080'],
  [
    'chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh',
    'chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh',
  ],
  [
    'moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc',
    'moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc',
  ],
  ['capacitor://localhost', 'capacitor://localhost'],
] as const) {
  test(`the origin ${text}`, () => {
    assert.equal(parseOrigin(text), origin);
  });
}

for (const [text, message] of [
  ['app.example.com', /is not an origin/],
  ['ftp://a.example', /is not an origin/],
  ['https://app.example.com:99999', /has the port 99999, and ports end at 65535/],
  ['https://app.example.com/page', /is more than an origin/],
  ['chrome-extension://id/page', /is not an origin/],
  ['*', /stands for every origin/],
  ['https://*.example.com', /has a wildcard/],
] as const) {
  test(`what is wrong with the origin ${text}`, () => {
    const fault = parseOrigin(text);
    assert.ok(typeof fault !== 'string');
    assert.match(fault.message, message);
  });
}
