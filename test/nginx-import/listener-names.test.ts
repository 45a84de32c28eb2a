// Routes name the listeners of an imported configuration by names that stay when a port is changed to try it beside nginx.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { ListenerNames } from '../../src/nginx-import/listener-names.ts';

const redirecting = readFileSync(join(import.meta.dirname, '../golden/nginx/redirect-to-https.yaml'), 'utf8');

test('an imported configuration still fits together after the ports of its listeners were changed', () => {
  const moved = redirecting.replace('[::]:1080', '[::]:28080').replace('[::]:1443', '[::]:28443');
  assert.notEqual(moved, redirecting);
  assert.ok('config' in parseConfig(moved, 'config.yaml'));
});

test('listeners are named by protocol and port, and no two alike', () => {
  const names = new ListenerNames();
  const given = [
    names.of('0.0.0.0:443', true),
    names.of('0.0.0.0:80', false),
    names.of('10.0.0.1:443', true),
    names.of('10.0.0.2:443', true),
    names.of('[::1]:8080', false),
    names.of('0.0.0.0:443', false),
    names.of('unix:/run/one.sock', false),
    names.of('unix:/run/two.sock', false),
    names.of('127.0.0.1:2', false),
    names.of('127.0.0.2:80', false),
  ];
  assert.deepEqual(given, [
    'https',
    'http',
    'https-2',
    'https-3',
    'http-8080',
    'http-443',
    'http-unix',
    'http-unix-2',
    'http-2',
    'http-3',
  ]);
});
