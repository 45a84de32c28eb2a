import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillIn } from '../../bench/compare/template.ts';

const TEMPLATE = ['listen {{port}};', '{{log}}  access_log on;', '{{noLog}}  access_log off;'].join('\n');

test('a template keeps the lines for access logs, or those without, and loses the marks', () => {
  assert.equal(fillIn(TEMPLATE, { port: 8443 }, true), 'listen 8443;\n  access_log on;');
  assert.equal(fillIn(TEMPLATE, { port: 8443 }, false), 'listen 8443;\n  access_log off;');
});

test('a template that asks for an unknown value is an error, not a broken configuration', () => {
  assert.throws(() => fillIn('{{nothing}}', {}, true), /\{\{nothing\}\}/);
});
