// Reads the alerts of deploy/prometheus.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string | undefined>>;
  readonly annotations: Readonly<Record<string, string | undefined>>;
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly AlertRule[] }[];
}

export function alertRules(): readonly AlertRule[] {
  const file = join(import.meta.dirname, '../../deploy/prometheus/framegate-alerts.yaml');
  const { groups }: RuleFile = parse(readFileSync(file, 'utf8'));
  return groups.flatMap(({ rules }) => rules);
}
