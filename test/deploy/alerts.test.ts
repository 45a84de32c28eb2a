// deploy/prometheus/framegate-alerts.yaml and docs/alerts.md tell of the same alerts. promtool tries the alerts in `npm run test:deploy`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anchorsIn } from '../../scripts/site/markdown-links.ts';
import { alertRules } from './alert-rules.ts';

const read = (file: string): string => readFileSync(join(import.meta.dirname, '../..', file), 'utf8');

test('each alert names a heading of docs/alerts.md, and each heading there is that of an alert', () => {
  const page = read('docs/alerts.md');
  const anchors = anchorsIn(page);
  const rules = alertRules();
  assert.ok(rules.length > 15, 'the alerts were found');
  for (const { alert, annotations } of rules) {
    const [file, anchor = ''] = (annotations['runbook'] ?? '').split('#');
    assert.equal(file, 'docs/alerts.md', alert);
    assert.ok(anchors.has(anchor), `${alert}: ${anchor} is not in docs/alerts.md`);
  }
  const named = new Set(rules.map(({ annotations }) => annotations['runbook']?.split('#')[1]));
  const headings = Array.from(page.matchAll(/^## (\w+)$/gm), ([, heading]) => heading);
  assert.deepEqual(
    headings.filter((heading) => !named.has(heading.toLowerCase())),
    [],
    'headings of no alert',
  );
});

test('each alert has a name of its own, a severity and a summary that ends as a sentence', () => {
  const rules = alertRules();
  assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  for (const { alert, labels, annotations } of rules) {
    assert.match(labels['severity'] ?? '', /^(?:critical|warning|info)$/, alert);
    assert.match(annotations['summary'] ?? '', /\.$/, alert);
  }
});

test('promtool sees every alert fire', () => {
  const tried = new Set(
    Array.from(
      read('test/deploy/prometheus-alerts.yaml').matchAll(
        /alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels/g,
      ),
      ([, alert]) => alert,
    ),
  );
  const untried = alertRules().filter(({ alert }) => !tried.has(alert));
  assert.deepEqual(untried, []);
});
