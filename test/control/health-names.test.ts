// Which names the health of the admin port knows, and when each of them is served.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { healthNames, namesUsing, usableNames } from '../../src/control/health-names.ts';

const text = JSON.stringify({
  listeners: [{ name: 'main', address: '127.0.0.1:0' }],
  routes: [
    { name: 'orders', match: { path: '/shop.Orders/*' }, upstream: 'orders' },
    { name: 'pay', match: { path: '/shop.Orders/Pay' }, upstream: 'payments' },
    { name: 'behind', match: { path: '/grpc/shop.Stock/*' }, stripPrefix: '/grpc', upstream: 'orders' },
    { name: 'all-behind', match: { path: '/grpc/*' }, stripPrefix: '/grpc', upstream: 'orders' },
    {
      name: 'split',
      match: { path: '/shop.Split/*' },
      split: [
        { upstream: 'orders', weight: 1 },
        { upstream: 'payments', weight: 0 },
      ],
    },
    { name: 'prefix', match: { path: '/shop.Pre*' }, upstream: 'orders' },
    { name: 'web', match: { path: '/static/*' }, upstream: 'web' },
    { name: 'rest', match: { path: '/*' }, upstream: 'orders' },
  ],
  upstreams: {
    orders: { endpoints: ['127.0.0.1:1'] },
    payments: { endpoints: ['127.0.0.1:2'] },
    web: { protocol: 'http1', endpoints: ['127.0.0.1:3'] },
  },
});

function configOf(): Config {
  const parsed = parseConfig(text, 'test.yaml');
  assert.ok('config' in parsed);
  return parsed.config;
}

test('the names are those of upstreams, and of services in the paths of routes', () => {
  const config = configOf();
  const names = Array.from(healthNames(config), ([name, upstreams]) => [name, [...upstreams]]);
  assert.deepEqual(names, [
    ['orders', ['orders']],
    ['payments', ['payments']],
    ['web', ['web']],
    ['shop.Orders', ['orders', 'payments']],
    ['shop.Stock', ['orders']],
    ['shop.Split', ['orders']],
  ]);
});

test('the names that use an upstream are its own and those of services with a route to it', () => {
  assert.deepEqual([...namesUsing('payments', configOf())], ['payments', 'shop.Orders']);
  assert.deepEqual([...namesUsing('none', configOf())], []);
});

test('a name is served while each of its upstreams has an endpoint', async () => {
  const config = configOf();
  const plane = { unusableUpstreams: async () => ['payments', 'not in this configuration'] };
  const served = await usableNames(plane, () => config);
  assert.deepEqual(Object.fromEntries(served), {
    orders: true,
    payments: false,
    web: true,
    'shop.Orders': false,
    'shop.Stock': true,
    'shop.Split': true,
  });
});
